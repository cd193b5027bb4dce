"""A typed client of the control API, for tests and tools in another process."""

import io
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar
from urllib.parse import urlencode, urlsplit

import aiohttp
from pydantic import BaseModel, TypeAdapter, ValidationError

from oxy_simulator.actions import ACTIONS
from oxy_simulator.attachments import Attachment
from oxy_simulator.contents import AnyContent
from oxy_simulator.errors import PairingError, RequestError
from oxy_simulator.faults import FaultKind
from oxy_simulator.mediadesk import MediaFaultKind
from oxy_simulator.processes import Action
from oxy_simulator.replies import (
    ClientView,
    ClockView,
    DeviceView,
    FileId,
    GroupView,
    LineView,
    LoginView,
    LossView,
    Message,
    MessageState,
    PacketView,
    PhoneView,
    Problem,
    ProxyView,
    RuleView,
    SentId,
    SettledView,
    StateView,
    TrustView,
    ViolationView,
)
from oxy_simulator.requests import (
    MAX_WAIT_SECONDS,
    AddPhone,
    AddProxy,
    Addressing,
    AdvanceClock,
    ChangeMembers,
    Fault,
    Journal,
    LinkDevice,
    MediaFault,
    NewGroup,
    Restart,
    SelfChat,
    SendText,
    StartClient,
    StartLoad,
    UnlinkDevice,
    VersionFloor,
    request_of,
)

_Reply = TypeVar("_Reply")

_SHOWN_BYTES: Final = 200


class SimulatorClient:
    """Talks to `oxy-simulator serve` at a base URL like http://127.0.0.1:9101.

    Within `async with` its connections are kept open. Without, each call opens one of its own: such a client may be
    used from any event loop and needs no closing.

    Every method raises RequestError (PairingError where a link fails) when the simulator refuses, with its
    explanation, or when what answers is no simulator, and aiohttp.ClientError when it cannot be reached.
    """

    def __init__(self, url: str) -> None:
        """Name a server; raise RequestError if that is no URL."""
        self._url = _checked(url)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = _new_session()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the HTTP connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def add_phone(
        self,
        phone: str,
        name: str = "",
        *,
        addressing: Addressing = "lid",
        sends_read_receipts: bool = False,
    ) -> PhoneView:
        """Add a phone, or rename it."""
        given = {"phone": phone, "name": name, "addressing": addressing, "sends_read_receipts": sends_read_receipts}
        body = request_of(AddPhone, given)
        return await self._post("/phones", body, PhoneView)

    async def phones(self) -> list[PhoneView]:
        """Return every phone."""
        return await self._get("/phones", list[PhoneView])

    async def send(
        self,
        phone: str,
        to: str,
        text: str,
        *,
        message_id: str | None = None,
        quote: str | None = None,
    ) -> str:
        """Let a phone send a text; return the message id."""
        body = request_of(SendText, {"to": to, "text": text, "id": message_id, "quote": quote})
        return (await self._post(f"/phones/{phone}/send", body, SentId)).id

    async def say(self, phone: str, to: str, message: AnyContent, *, message_id: str | None = None) -> str:
        """Let a phone send a message of any kind; return its id."""
        if isinstance(message, Attachment) and message.data:
            file = await self.attach(phone, message.kind, message.data)
            message = message.model_copy(update={"data": b"", "file": file})
        body = request_of(SendText, {"to": to, "message": message, "id": message_id})
        return (await self._post(f"/phones/{phone}/send", body, SentId)).id

    async def attach(self, phone: str, kind: str, file: Path | bytes) -> str:
        """Give a phone a file to send; return the id for a content's `file`."""
        async with AsyncExitStack() as exits:
            data = exits.enter_context(file.open("rb") if isinstance(file, Path) else io.BytesIO(file))
            session = await self._connected(exits)
            request = session.post(f"{self._url}/phones/{phone}/media?kind={kind}", data=data)
            return (await _read(await exits.enter_async_context(request), FileId)).file

    async def file(self, phone: str, message_id: str) -> bytes:
        """Return the decrypted file of a message on a phone; raise RequestError if anything about it is wrong."""
        async with AsyncExitStack() as exits:
            session = await self._connected(exits)
            request = session.get(f"{self._url}/phones/{phone}/messages/{message_id}/media")
            response = await exits.enter_async_context(request)
            if not response.ok:
                await _read(response, FileId)
            return await response.read()

    async def media_fault(self, kind: MediaFaultKind | str, **arguments: object) -> None:
        """Break something about the next files, with the arguments of `POST /media-faults`."""
        body = request_of(MediaFault, {"kind": kind, **arguments})
        await self._call("POST", "/media-faults", body, dict[str, str], only_given=True)

    async def message(self, phone: str, message_id: str) -> MessageState:
        """Return how a message stands on a phone now, whoever sent it."""
        return await self._get(f"/phones/{phone}/messages/{message_id}", MessageState)

    async def self_chat(self, phone: str, text: str) -> str:
        """Let a phone write in its "message yourself" chat; return the message id."""
        return (await self._post(f"/phones/{phone}/self-chat", request_of(SelfChat, {"text": text}), SentId)).id

    async def inbox(self, phone: str, after: int = 0, wait: float = 0.0) -> list[Message]:
        """Return a phone's messages after a number, waiting up to `wait` seconds (at most 60)."""
        return await self._get(f"/phones/{phone}/inbox?after={after}&wait={wait}", list[Message])

    async def link(self, phone: str, *, code: str | None = None, qr: str | None = None) -> DeviceView:
        """Type a linking code on the phone, or let it scan a QR code."""
        return await self._post(f"/phones/{phone}/link", request_of(LinkDevice, {"code": code, "qr": qr}), DeviceView)

    async def unlink(self, phone: str, device: int | None = None) -> None:
        """Remove one linked device from the phone, or all."""
        await self._post(f"/phones/{phone}/unlink", request_of(UnlinkDevice, {"device": device}), dict[str, list[int]])

    async def fault(self, kind: FaultKind | str, phone: str | None = None, **arguments: object) -> None:
        """Break something; the arguments are the other fields of `Fault`."""
        body = request_of(Fault, {"kind": kind, "phone": phone, **arguments})
        await self._call("POST", "/faults", body, dict[str, str], only_given=True)

    async def faults(self) -> list[RuleView]:
        """Return the rules that impair delivery now."""
        return await self._get("/faults", list[RuleView])

    async def clear_faults(self, phone: str | None = None) -> None:
        """End all rules that impair delivery, or those of one phone."""
        path = "/faults" if phone is None else "/faults?" + urlencode({"phone": phone})
        await self._call("DELETE", path, None, dict[str, int])

    async def restart(self, *, memory: bool = True) -> None:
        """Restart the server, with or without its memory of mail and Signal sessions."""
        await self._post("/restart", request_of(Restart, {"memory": memory}), dict[str, int])

    async def add_proxy(self, **arguments: object) -> ProxyView:
        """Start another proxy; the arguments are the fields of `AddProxy`."""
        return await self._post("/proxies", request_of(AddProxy, arguments), ProxyView)

    async def proxies(self) -> list[ProxyView]:
        """Return every proxy; the first is the simulator's own."""
        return await self._get("/proxies", list[ProxyView])

    async def close_proxy(self, number: int) -> None:
        """Stop a proxy."""
        await self._call("DELETE", f"/proxies/{number}", None, dict[str, str])

    async def start_client(
        self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None, folder: str | None = None
    ) -> ClientView:
        """Start a client process that is pointed at this simulator by its environment."""
        given = {"name": name, "command": list(command), "environment": dict(environment or {}), "folder": folder}
        body = request_of(StartClient, given)
        return await self._post("/clients", body, ClientView)

    async def clients(self) -> list[ClientView]:
        """Return every client process that was started here."""
        return await self._get("/clients", list[ClientView])

    async def act_on_client(self, name: str, action: Action) -> ClientView:
        """Start, kill, terminate, stop, continue or restart a client process."""
        return await self._call("POST", f"/clients/{name}/{action}", None, ClientView)

    async def remove_client(self, name: str) -> None:
        """Kill a client process and forget it."""
        await self._call("DELETE", f"/clients/{name}", None, dict[str, str])

    async def losses(self, phone: str, **journal: object) -> LossView:
        """Return what was acknowledged or rejected but is not in the journal: `ids`, or `path` and `key`."""
        return await self._post(f"/phones/{phone}/losses", request_of(Journal, journal), LossView)

    async def load(
        self, senders: Sequence[str], to: str | list[str], count: int, rate: float = 0.0, text: str = "{sender}/{index}"
    ) -> None:
        """Start sending `count` texts from several phones in turn (to several in turn), `rate` a second."""
        given = {"from": list(senders), "to": to, "count": count, "rate": rate, "text": text}
        body = request_of(StartLoad, given)
        await self._post("/load", body, dict[str, str])

    async def settled(self, within: float) -> bool:
        """Wait until no linked device has anything left to acknowledge; return whether it was so in time."""
        deadline = time.monotonic() + within
        while True:
            left = max(deadline - time.monotonic(), 0.0)
            settled = (await self._get(f"/settled?wait={min(left, MAX_WAIT_SECONDS)}", SettledView)).settled
            if settled or left <= MAX_WAIT_SECONDS:
                return settled

    async def trust(self) -> TrustView:
        """Return where clients connect, and what they must trust."""
        return await self._get("/trust", TrustView)

    async def accounting(self, after: int = 0) -> list[LineView]:
        """Return the life lines numbered after a number."""
        return await self._get(f"/accounting?after={after}", list[LineView])

    async def act(self, phone: str, action: str, **fields: object) -> PhoneView:
        """Let a phone do something beside writing: one of `oxy_simulator.actions.ACTIONS`, with its fields."""
        if action not in ACTIONS:
            msg = f"{action!r} is no action; choose from {', '.join(ACTIONS)}"
            raise RequestError(msg)
        return await self._post(f"/phones/{phone}/{action}", request_of(ACTIONS[action].request, fields), PhoneView)

    async def create_group(self, creator: str, subject: str, members: Sequence[str]) -> GroupView:
        """Make a group."""
        body = request_of(NewGroup, {"creator": creator, "subject": subject, "members": list(members)})
        return await self._post("/groups", body, GroupView)

    async def change_members(self, group: str, *, add: Sequence[str] = (), remove: Sequence[str] = ()) -> GroupView:
        """Add and remove members of a group."""
        body = request_of(ChangeMembers, {"add": list(add), "remove": list(remove)})
        return await self._post(f"/groups/{group}/members", body, GroupView)

    async def logins(self, phone: str | None = None) -> list[LoginView]:
        """Return every login so far, or those to one phone's account."""
        return await self._get("/logins" if phone is None else f"/phones/{phone}/logins", list[LoginView])

    async def advance_clock(self, seconds: float) -> ClockView:
        """Move the server's and the phones' time forward; what is due then has happened when this returns."""
        return await self._post("/clock", request_of(AdvanceClock, {"advance": seconds}), ClockView)

    async def clock(self) -> ClockView:
        """Return the server's time."""
        return await self._get("/clock", ClockView)

    async def set_version_floor(self, version: str) -> None:
        """Refuse clients below a version with 405."""
        await self._call("PUT", "/version-floor", request_of(VersionFloor, {"version": version}), dict[str, str])

    async def packets(self, after: int = 0) -> list[PacketView]:
        """Return the kept packets numbered after a number."""
        return await self._get(f"/packets?after={after}", list[PacketView])

    async def transcript(self) -> str:
        """Return who said what to whom, and what became of it."""
        return await self._call("GET", "/transcript", None, str)

    async def violations(self) -> list[ViolationView]:
        """Return every recorded protocol violation."""
        return await self._get("/violations", list[ViolationView])

    async def state(self) -> StateView:
        """Return an overview."""
        return await self._get("/state", StateView)

    async def _get(self, path: str, reply: type[_Reply]) -> _Reply:
        return await self._call("GET", path, None, reply)

    async def _post(self, path: str, body: BaseModel, reply: type[_Reply]) -> _Reply:
        return await self._call("POST", path, body, reply)

    async def _connected(self, exits: AsyncExitStack) -> aiohttp.ClientSession:
        """Return the session of the `async with` block, or one for this call alone."""
        if self._session is not None:
            return self._session
        return await exits.enter_async_context(_new_session())

    async def _call(
        self, method: str, path: str, body: BaseModel | None, reply: type[_Reply], *, only_given: bool = False
    ) -> _Reply:
        content = None if body is None else body.model_dump_json(by_alias=True, exclude_unset=only_given)
        headers = {"Content-Type": "application/json"}
        async with AsyncExitStack() as exits:
            session = await self._connected(exits)
            request = session.request(method, self._url + path, data=content, headers=headers)
            return await _read(await exits.enter_async_context(request), reply)


def _new_session() -> aiohttp.ClientSession:
    # The simulator is a direct neighbour: HTTPS_PROXY, which points clients at it, is not used.
    return aiohttp.ClientSession(trust_env=False)


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        well_formed = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        well_formed = False
    if not well_formed:
        msg = f"{url!r} is no URL of a control API; write it like http://127.0.0.1:9101"
        raise RequestError(msg)
    return url.rstrip("/")


async def _read(response: aiohttp.ClientResponse, reply: type[_Reply]) -> _Reply:
    content = await response.read()
    try:
        if response.ok:
            return _parsed(response, content, reply)
        problem = Problem.model_validate_json(content).error
    except ValidationError as error:
        raise RequestError(_foreign(response, content)) from error
    raise PairingError(problem) if response.status == HTTPStatus.CONFLICT else RequestError(problem)


def _parsed(response: aiohttp.ClientResponse, content: bytes, reply: type[_Reply]) -> _Reply:
    if response.content_type == "text/plain":
        return TypeAdapter(reply).validate_python(content.decode(errors="replace"))
    return TypeAdapter(reply).validate_json(content)


def _foreign(response: aiohttp.ClientResponse, content: bytes) -> str:
    """Explain that what answered is something else than the simulator."""
    said = f"{response.status} {response.reason or ''}".strip() + f" ({response.content_type})"
    if response.content_type == "text/plain":
        said += f" {content[:_SHOWN_BYTES].decode(errors='replace').strip()!r}"
    return (
        f"{response.url.origin()} is no control API of a simulator of this version: {response.method}"
        f" {response.url.path} was answered {said}; give the URL of its control port, which `oxy-simulator serve`"
        " prints as 'control'"
    )
