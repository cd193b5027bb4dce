"""A typed client of the control API, for tests and tools in another process."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self, TypeVar

import aiohttp
from pydantic import BaseModel, TypeAdapter

from oxy_simulator.errors import RequestError
from oxy_simulator.faults import FaultKind
from oxy_simulator.models import (
    AddPhone,
    Addressing,
    DeviceView,
    Fault,
    LineView,
    LinkDevice,
    LoginView,
    Message,
    PhoneView,
    Problem,
    SelfChat,
    SendText,
    SentId,
    StartLoad,
    StateView,
    UnlinkDevice,
    VersionFloor,
    ViolationView,
)

_Reply = TypeVar("_Reply")


class SimulatorClient:
    """Talks to `oxy-simulator serve` at a base URL like http://127.0.0.1:9101.

    Every method raises RequestError when the simulator refuses, with its explanation, and
    aiohttp.ClientError when it cannot be reached.
    """

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        # The simulator is a direct neighbour: HTTPS_PROXY, which points clients at it, is not used.
        self._session = aiohttp.ClientSession(trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the HTTP connections."""
        await self._session.close()

    async def add_phone(
        self,
        phone: str,
        name: str = "",
        *,
        addressing: Addressing = "lid",
        sends_read_receipts: bool = False,
    ) -> PhoneView:
        """Add a phone, or rename it."""
        body = AddPhone(phone=phone, name=name, addressing=addressing, sends_read_receipts=sends_read_receipts)
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
        body = SendText(to=to, text=text, id=message_id, quote=quote)
        return (await self._post(f"/phones/{phone}/send", body, SentId)).id

    async def self_chat(self, phone: str, text: str) -> str:
        """Let a phone write in its "message yourself" chat; return the message id."""
        return (await self._post(f"/phones/{phone}/self-chat", SelfChat(text=text), SentId)).id

    async def inbox(self, phone: str, after: int = 0, wait: float = 0.0) -> list[Message]:
        """Return a phone's messages after a number, waiting up to `wait` seconds (at most 60)."""
        return await self._get(f"/phones/{phone}/inbox?after={after}&wait={wait}", list[Message])

    async def link(self, phone: str, *, code: str | None = None, qr: str | None = None) -> DeviceView:
        """Type a linking code on the phone, or let it scan a QR code."""
        return await self._post(f"/phones/{phone}/link", LinkDevice(code=code, qr=qr), DeviceView)

    async def unlink(self, phone: str, device: int | None = None) -> None:
        """Remove one linked device from the phone, or all."""
        await self._post(f"/phones/{phone}/unlink", UnlinkDevice(device=device), dict[str, list[int]])

    async def fault(self, kind: FaultKind, phone: str | None = None, *, count: int = 1) -> None:
        """Break something."""
        await self._post("/faults", Fault(kind=kind, phone=phone, count=count), dict[str, str])

    async def load(self, senders: Sequence[str], to: str, count: int, rate: float = 0.0) -> None:
        """Start sending `count` texts from several phones in turn, `rate` a second."""
        body = StartLoad(senders=list(senders), to=to, count=count, rate=rate)
        await self._post("/load", body, dict[str, str])

    async def accounting(self, after: int = 0) -> list[LineView]:
        """Return the life lines numbered after a number."""
        return await self._get(f"/accounting?after={after}", list[LineView])

    async def logins(self, phone: str | None = None) -> list[LoginView]:
        """Return every login so far, or those to one phone's account."""
        return await self._get("/logins" if phone is None else f"/phones/{phone}/logins", list[LoginView])

    async def set_version_floor(self, version: str) -> None:
        """Refuse clients below a version with 405."""
        await self._call("PUT", "/version-floor", VersionFloor(version=version), dict[str, str])

    async def violations(self) -> list[ViolationView]:
        """Return every recorded protocol violation."""
        return await self._get("/violations", list[ViolationView])

    async def state(self) -> StateView:
        """Return an overview."""
        return await self._get("/state", StateView)

    async def _get(self, path: str, reply: type[_Reply]) -> _Reply:
        async with self._session.get(self._url + path) as response:
            return await _read(response, reply)

    async def _post(self, path: str, body: BaseModel, reply: type[_Reply]) -> _Reply:
        return await self._call("POST", path, body, reply)

    async def _call(self, method: str, path: str, body: BaseModel, reply: type[_Reply]) -> _Reply:
        content = body.model_dump_json(by_alias=True)
        headers = {"Content-Type": "application/json"}
        async with self._session.request(method, self._url + path, data=content, headers=headers) as response:
            return await _read(response, reply)


async def _read(response: aiohttp.ClientResponse, reply: type[_Reply]) -> _Reply:
    content = await response.read()
    if not response.ok:
        raise RequestError(Problem.model_validate_json(content).error)
    return TypeAdapter(reply).validate_json(content)
