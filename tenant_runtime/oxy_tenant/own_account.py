"""Who we are on WhatsApp: the one place that knows the connected account."""

from collections.abc import Callable

from oxy_core.identity import Jid, same_phone


class OwnAccount:
    """The account that this runtime is connected to; empty until the link has identified it.

    Only the link writes it, from its own thread. The set is replaced as a whole, so readers never see a partial
    update.
    """

    def __init__(self, users: frozenset[str] = frozenset(), *, expected: Callable[[], str] | None = None) -> None:
        """Accept only the account with the E.164 number that `expected` returns; any if it is None."""
        self.users = users
        """The user parts of its phone number's JID and of its LID."""
        self.addresses: tuple[Jid, ...] = ()
        """The account's own, without devices."""
        self.device: Jid | None = None
        """The address of this device."""
        self._expected = expected

    def expects(self, address: Jid | None) -> bool:
        """Whether this may be the account; an address that hides its number is given the benefit of the doubt."""
        phone = None if address is None else address.phone
        return phone is None or self._expected is None or same_phone(phone, self._expected())

    def identify(self, *addresses: Jid | None) -> None:
        """Replace the addresses of the account; the first one has this device's number."""
        self.addresses = tuple(address.bare for address in addresses if address is not None)
        self.device = next((address for address in addresses if address is not None), None)
        self.users = frozenset(address.user for address in addresses if address is not None)

    def owns(self, address: Jid) -> bool:
        """Whether this address belongs to the account; the chat with it is the "message yourself" chat."""
        return address.user in self.users
