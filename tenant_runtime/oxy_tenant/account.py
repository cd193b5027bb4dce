"""Who we are on WhatsApp: the one place that knows the connected account."""

from oxy_core.identity import Jid


class OwnAccount:
    """The account that this runtime is connected with; empty until the link has identified it.

    The link identifies it from a thread of its own, everybody else reads. The users are replaced as a whole, so no
    reader sees half of a change.
    """

    def __init__(self, users: frozenset[str] = frozenset()) -> None:
        self.users = users
        """The user parts of its phone address and its LID."""

    def identify(self, *addresses: Jid | None) -> None:
        """Note all addresses of the account, which replace those known before."""
        self.users = frozenset(address.user for address in addresses if address is not None)

    def owns(self, address: Jid) -> bool:
        """Whether this is an address of the account: a chat with it is the "message yourself" chat."""
        return address.user in self.users
