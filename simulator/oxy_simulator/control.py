"""The control API: HTTP and JSON for tests, tools and people. See docs/simulator.md."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web
from pydantic import BaseModel, TypeAdapter

from oxy_simulator.actions import ACTIONS
from oxy_simulator.control_requests import MAX_BODY, explain, first_number, read_body, waiting_time
from oxy_simulator.errors import SetupError
from oxy_simulator.media import CHUNK
from oxy_simulator.processes import Action
from oxy_simulator.reasons import listening
from oxy_simulator.replies import (
    ClientView,
    DeviceView,
    LineView,
    LoginView,
    Message,
    PacketView,
    PhoneView,
    ProxyView,
    RuleView,
    SentId,
    SettledView,
    ViolationView,
)
from oxy_simulator.requests import (
    AddPhone,
    AddProxy,
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
)
from oxy_simulator.service import Service

_MESSAGES: Final = TypeAdapter(list[Message])
_PHONES: Final = TypeAdapter(list[PhoneView])
_LINES: Final = TypeAdapter(list[LineView])
_LOGINS: Final = TypeAdapter(list[LoginView])
_PACKETS: Final = TypeAdapter(list[PacketView])
_PROXIES: Final = TypeAdapter(list[ProxyView])
_CLIENTS: Final = TypeAdapter(list[ClientView])
_ACTION: Final[TypeAdapter[Action]] = TypeAdapter(Action)
_RULES: Final = TypeAdapter(list[RuleView])
_VIOLATIONS: Final = TypeAdapter(list[ViolationView])


class ControlApi:
    """The HTTP application in front of a service."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._operations = service.operations
        self.application = web.Application(middlewares=[explain], client_max_size=MAX_BODY)
        self.application.add_routes(
            [
                web.get("/healthz", self._health),
                web.get("/state", self._state),
                web.get("/phones", self._phones),
                web.post("/phones", self._add_phone),
                web.post("/phones/{phone}/send", self._send),
                web.post("/phones/{phone}/self-chat", self._self_chat),
                web.get("/phones/{phone}/inbox", self._inbox),
                web.get("/phones/{phone}/messages/{id}", self._message),
                web.get("/phones/{phone}/messages/{id}/media", self._file),
                web.post("/phones/{phone}/media", self._attach),
                web.post("/media-faults", self._media_fault),
                web.post("/phones/{phone}/link", self._link),
                web.post("/phones/{phone}/unlink", self._unlink),
                web.get("/phones/{phone}/logins", self._logins),
                web.get("/logins", self._all_logins),
                web.post("/groups", self._create_group),
                web.post("/groups/{group}/members", self._change_members),
                *(web.post(f"/phones/{{phone}}/{name}", self._act) for name in ACTIONS),
                web.put("/version-floor", self._version_floor),
                web.get("/clock", self._clock),
                web.post("/clock", self._advance_clock),
                web.post("/faults", self._fault),
                web.get("/faults", self._faults),
                web.delete("/faults", self._clear_faults),
                web.post("/load", self._load),
                web.post("/restart", self._restart),
                web.get("/proxies", self._proxies),
                web.post("/proxies", self._add_proxy),
                web.delete("/proxies/{id}", self._close_proxy),
                web.get("/clients", self._clients),
                web.post("/clients", self._start_client),
                web.delete("/clients/{name}", self._remove_client),
                web.post("/clients/{name}/{action:start|kill|terminate|stop|continue|restart}", self._act_on_client),
                web.post("/phones/{phone}/losses", self._losses),
                web.get("/accounting", self._accounting),
                web.get("/violations", self._violations),
                web.get("/transcript", self._transcript),
                web.get("/packets", self._packets),
                web.get("/settled", self._settled),
                web.get("/trust", self._trust),
            ]
        )

    async def _health(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _state(self, _request: web.Request) -> web.Response:
        return _answer(self._service.state())

    async def _phones(self, _request: web.Request) -> web.Response:
        return _json(_PHONES.dump_json(self._service.phone_views()))

    async def _add_phone(self, request: web.Request) -> web.Response:
        return _answer(self._service.add_phone(await read_body(request, AddPhone)))

    async def _send(self, request: web.Request) -> web.Response:
        phone = request.match_info["phone"]
        body = await self._service.with_file(phone, await read_body(request, SendText))
        message_id = self._service.send(phone, body)
        return _answer(SentId(id=message_id))

    async def _self_chat(self, request: web.Request) -> web.Response:
        phone = request.match_info["phone"]
        body = await read_body(request, SelfChat)
        return _answer(SentId(id=self._service.send(phone, SendText(to=phone, text=body.text))))

    async def _inbox(self, request: web.Request) -> web.Response:
        after = first_number(request)
        wait = waiting_time(request)
        messages = await self._service.inbox(request.match_info["phone"], after, wait)
        return _json(_MESSAGES.dump_json(messages))

    async def _message(self, request: web.Request) -> web.Response:
        return _answer(self._service.message(request.match_info["phone"], request.match_info["id"]))

    async def _attach(self, request: web.Request) -> web.Response:
        kind = request.query.get("kind", "")
        return _answer(await self._service.attach(request.match_info["phone"], kind, request.content.iter_any()))

    async def _file(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/octet-stream"})
        with await self._service.open_file(request.match_info["phone"], request.match_info["id"]) as file:
            await response.prepare(request)
            while chunk := file.read(CHUNK):
                await response.write(chunk)
        await response.write_eof()
        return response

    async def _media_fault(self, request: web.Request) -> web.Response:
        self._service.media_fault(await read_body(request, MediaFault))
        return web.json_response({"status": "ok"})

    async def _link(self, request: web.Request) -> web.Response:
        body = await read_body(request, LinkDevice)
        device: DeviceView = await self._service.link(request.match_info["phone"], body)
        return _answer(device)

    async def _unlink(self, request: web.Request) -> web.Response:
        body = await read_body(request, UnlinkDevice)
        removed = self._service.unlink(request.match_info["phone"], body.device)
        return web.json_response({"removed": removed})

    async def _act(self, request: web.Request) -> web.Response:
        action = request.path.rpartition("/")[2]
        body = await read_body(request, ACTIONS[action].request)
        return _answer(self._service.act(request.match_info["phone"], action, body))

    async def _create_group(self, request: web.Request) -> web.Response:
        return _answer(self._service.create_group(await read_body(request, NewGroup)))

    async def _change_members(self, request: web.Request) -> web.Response:
        body = await read_body(request, ChangeMembers)
        return _answer(self._service.change_members(request.match_info["group"], body))

    async def _logins(self, request: web.Request) -> web.Response:
        return _json(_LOGINS.dump_json(self._service.logins(request.match_info["phone"])))

    async def _all_logins(self, _request: web.Request) -> web.Response:
        return _json(_LOGINS.dump_json(self._service.logins()))

    async def _clock(self, _request: web.Request) -> web.Response:
        return _answer(self._service.clock_view())

    async def _advance_clock(self, request: web.Request) -> web.Response:
        return _answer(self._service.advance_clock(await read_body(request, AdvanceClock)))

    async def _version_floor(self, request: web.Request) -> web.Response:
        version = self._service.set_version_floor(await read_body(request, VersionFloor))
        return web.json_response({"version": version})

    async def _fault(self, request: web.Request) -> web.Response:
        self._service.fault(await read_body(request, Fault))
        return web.json_response({"status": "ok"})

    async def _faults(self, _request: web.Request) -> web.Response:
        return _json(_RULES.dump_json(self._service.rules()))

    async def _clear_faults(self, request: web.Request) -> web.Response:
        return web.json_response({"ended": self._service.clear_faults(request.query.get("phone"))})

    async def _load(self, request: web.Request) -> web.Response:
        self._service.start_load(await read_body(request, StartLoad))
        return web.json_response({"status": "started"})

    async def _restart(self, request: web.Request) -> web.Response:
        return web.json_response({"cut": self._operations.restart(await read_body(request, Restart))})

    async def _proxies(self, _request: web.Request) -> web.Response:
        return _json(_PROXIES.dump_json(self._operations.proxy_views()))

    async def _add_proxy(self, request: web.Request) -> web.Response:
        return _answer(await self._operations.add_proxy(await read_body(request, AddProxy)))

    async def _close_proxy(self, request: web.Request) -> web.Response:
        self._operations.close_proxy(request.match_info["id"])
        return web.json_response({"status": "ok"})

    async def _clients(self, _request: web.Request) -> web.Response:
        return _json(_CLIENTS.dump_json(self._operations.client_views()))

    async def _start_client(self, request: web.Request) -> web.Response:
        return _answer(await self._operations.start_client(await read_body(request, StartClient)))

    async def _remove_client(self, request: web.Request) -> web.Response:
        await self._operations.clients.remove(request.match_info["name"])
        return web.json_response({"status": "ok"})

    async def _act_on_client(self, request: web.Request) -> web.Response:
        action = _ACTION.validate_python(request.match_info["action"])
        return _answer(await self._operations.act_on_client(request.match_info["name"], action))

    async def _losses(self, request: web.Request) -> web.Response:
        return _answer(self._operations.losses(request.match_info["phone"], await read_body(request, Journal)))

    async def _accounting(self, request: web.Request) -> web.Response:
        return _json(_LINES.dump_json(self._service.accounting(first_number(request))))

    async def _violations(self, _request: web.Request) -> web.Response:
        return _json(_VIOLATIONS.dump_json(self._service.violations()))

    async def _transcript(self, _request: web.Request) -> web.Response:
        return web.Response(text=self._service.transcript())

    async def _packets(self, request: web.Request) -> web.Response:
        return _json(_PACKETS.dump_json(self._service.packets(first_number(request))))

    async def _settled(self, request: web.Request) -> web.Response:
        return _answer(SettledView(settled=await self._service.settled(waiting_time(request))))

    async def _trust(self, _request: web.Request) -> web.Response:
        return _answer(self._service.trust())


@asynccontextmanager
async def serving_control(service: Service, port: int = 0) -> AsyncIterator[int]:
    """Serve the control API on the service's host until the block ends; yields the port (a free one if 0 was asked).

    Raise SetupError if it cannot listen there.
    """
    runner = web.AppRunner(ControlApi(service).application, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await _listen(runner, service.host, port)
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, host: str, port: int) -> None:
    try:
        await web.TCPSite(runner, host, port).start()
    except (OSError, ValueError) as error:
        raise SetupError(listening(host, port, error, "--control-port")) from error


def _answer(model: BaseModel) -> web.Response:
    return _json(model.model_dump_json().encode())


def _json(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json")
