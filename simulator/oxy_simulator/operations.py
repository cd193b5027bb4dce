"""Operating the server and the clients under test: more proxies, restarts, client processes, losses."""

from dataclasses import dataclass
from pathlib import Path

from oxy_simulator.errors import RequestError
from oxy_simulator.jid import phone_digits
from oxy_simulator.journals import read_journal, unjournalled
from oxy_simulator.network import Network
from oxy_simulator.processes import Action, ClientProcess, ClientProcesses
from oxy_simulator.proxies import Listener, Proxies
from oxy_simulator.proxy_protocol import ProxyPolicy, parse_listener
from oxy_simulator.replies import ClientView, LineView, LossView, ProxyView
from oxy_simulator.requests import AddProxy, Journal, Restart, StartClient
from oxy_simulator.restart import restart
from oxy_simulator.store import StateStore


@dataclass(frozen=True)
class Operations:
    """What can be done to a running simulator and its clients beside writing messages."""

    network: Network
    store: StateStore
    proxies: Proxies
    clients: ClientProcesses
    host: str

    def restart(self, request: Restart) -> int:
        """Cut everybody off and read the state back; return how many were connected."""
        connected = len(self.network.connections)
        self.proxies.front.cut()
        restart(self.network, self.store.reload(), memory=request.memory)
        return connected

    async def add_proxy(self, request: AddProxy) -> ProxyView:
        """Start another proxy."""
        policy = ProxyPolicy(
            request.scheme, request.username, request.password, request.answer, request.code, request.tls
        )
        return _proxy_view(await self.proxies.listen(policy, request.host or self.host, request.port))

    async def listen(self, url: str) -> ProxyView:
        """Start another proxy, as a listener's URL says."""
        return _proxy_view(await self.proxies.listen(*parse_listener(url), option="--listen"))

    def proxy_views(self) -> list[ProxyView]:
        """Describe every proxy; the first is the simulator's own."""
        return [_proxy_view(listener) for listener in self.proxies.all()]

    def close_proxy(self, text: str) -> None:
        """Stop a proxy by its number."""
        if not text.isdecimal():
            msg = f"a proxy is named by its number (GET /proxies), not {text!r}"
            raise RequestError(msg)
        self.proxies.close(int(text))

    async def start_client(self, request: StartClient) -> ClientView:
        """Start a client process."""
        folder = Path(request.folder) if request.folder else None
        return _client_view(await self.clients.add(request.name, request.command, request.environment, folder))

    async def act_on_client(self, name: str, action: Action) -> ClientView:
        """Kill, stop, … a client process."""
        return _client_view(await self.clients.act(name, action))

    def client_views(self) -> list[ClientView]:
        """Describe every client process."""
        self.clients.require_allowed()
        return [_client_view(client) for client in self.clients.all()]

    def losses(self, phone: str, journal: Journal) -> LossView:
        """Report what a phone's devices acknowledged or rejected, but never journalled."""
        if (journal.ids is None) == (journal.path is None):
            msg = "give exactly one of 'ids' (what was journalled) and 'path' (the journal, one JSON value a line)"
            raise RequestError(msg)
        if journal.path is not None:
            self.clients.require_allowed()
        ids = read_journal(Path(journal.path), journal.key) if journal.path is not None else set(journal.ids or ())
        account = self.network.account(phone_digits(phone))
        ledger = self.network.state.ledger
        lost = [LineView.model_validate(line) for line in unjournalled(ledger, account.phone, ids)]
        return LossView(journalled=len(ids), lost=lost, forgotten=ledger.forgotten)


def _proxy_view(listener: Listener) -> ProxyView:
    policy = listener.policy
    return ProxyView(
        id=listener.id,
        scheme=policy.scheme,
        port=listener.port,
        url=listener.url,
        answer=policy.answer,
        code=policy.code,
        tls=policy.tls,
    )


def _client_view(client: ClientProcess) -> ClientView:
    return ClientView.model_validate(client)
