"""A restart of the server, as its clients see one: everybody is cut off, and the state is read back."""

from oxy_simulator.ledger import mark
from oxy_simulator.network import Network, State


def restart(network: Network, state: State, *, memory: bool) -> None:
    """Go on with a state as it was read back; without memory, phones and server forgot what they carried.

    Then mail that was not acknowledged is gone, and accounted as `dropped`, and the phones lost their
    Signal sessions and what they would send again. Accounts, linked devices, inboxes and the
    accounting stay, and so do the faults in force, which are the test's and not the server's.
    """
    network.reload(state)
    if not memory:
        _forget(network)
    network.changed()


def _forget(network: Network) -> None:
    network.impairments.lose_held()
    for phone in list(network.state.accounts):
        account = network.state.accounts[phone]
        for device in account.devices.values():
            for item in device.mailbox.values():
                mark(network.state.ledger.find(item.line), "dropped", network.clock(), latest=True)
            device.mailbox.clear()
        account.sessions.clear()
        account.sent.clear()
        network.changed(account)
