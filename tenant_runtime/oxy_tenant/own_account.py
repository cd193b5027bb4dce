"""Who we are on WhatsApp: the one place that knows the connected account."""

from oxy_core.identity import Jid


class OwnAccount:
    """The account that this runtime is connected to; empty until the link has identified it.

    Only the link writes it, from its own thread. The set is replaced as a whole, so readers never see a partial
    update.
    """

    def __init__(self, users: frozenset[str] = frozenset()) -> None:
        self.users = users
        """The user parts of its phone number's JID and of its LID."""

    def identify(self, *addresses: Jid | None) -> None:
        """Replace the addresses of the account."""
        self.users = frozenset(address.user for address in addresses if address is not None)

    def owns(self, address: Jid) -> bool:
        """Whether this address belongs to the account; the chat with it is the "message yourself" chat."""
        return address.user in self.users
