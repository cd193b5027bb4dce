"""Runs a scenario and tells live what happens."""

import asyncio
import os
import re
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath
from typing import Any, Final, TextIO, TypeVar

import aiohttp
from pydantic import TypeAdapter

from oxy_simulator.clients import Client, ClientError
from oxy_simulator.contents import AnyContent
from oxy_simulator.errors import PairingError, RequestError, SimulatorError
from oxy_simulator.linksource import read_source
from oxy_simulator.logins import ACCEPTED
from oxy_simulator.models import DeviceView, Fault, Message
from oxy_simulator.processes import ClientProcess
from oxy_simulator.scenario import Act, Expect, LinkSpec, Path, Send, Source, Step
from oxy_simulator.scenario_file import VARIABLE, Document
from oxy_simulator.testing import Phone, ViolationError, WhatsApp
from oxy_simulator.transcript import shown

LINK_PATIENCE: Final = 60.0
"""Seconds that a client may take from its start until it offers a code, and from its link until it is online."""

_Kind = TypeVar("_Kind")

_CONTENT: Final[TypeAdapter[AnyContent]] = TypeAdapter(AnyContent)
_PHONE_FIELDS: Final = {"to", "chat", "contact"}
_FOLLOW_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.05


class StepError(SimulatorError):
    """A step failed; the message starts with its place in the file."""


@dataclass(slots=True)
class Narrator:
    """Writes what happens, with the seconds since the start."""

    output: TextIO
    show_clients: bool = False
    started: float = field(default_factory=time.monotonic)

    def tell(self, text: str) -> None:
        """Write one line."""
        self.output.write(f"{time.monotonic() - self.started:8.3f}  {text}\n")
        self.output.flush()

    def client_line(self, name: str) -> Callable[[str], None]:
        """Return what takes a client's output lines."""
        return lambda line: self.tell(f"{name} | {line}") if self.show_clients else None


@dataclass(slots=True)
class Stage:
    """Everything that a running scenario has: the server, phones, clients and variables."""

    document: Document
    whatsapp: WhatsApp
    narrator: Narrator
    phones: dict[str, Phone]
    clients: dict[str, Client]
    variables: dict[str, str]

    def fill(self, text: str, *, quote: Callable[[str], str] = str) -> str:
        """Put the variables' values into a text; raise RequestError for one that is not set yet."""

        def value(match: re.Match[str]) -> str:
            try:
                return quote(self.variables[match[1]])
            except KeyError:
                msg = f"variable ${{{match[1]}}} is not set yet; the step that saves it must come before"
                raise RequestError(msg) from None

        return VARIABLE.sub(value, text)

    def within(self, given: float | None) -> float:
        """Return how long to wait, in seconds."""
        return self.document.scenario.within if given is None else given


async def run_scenario(
    document: Document,
    output: TextIO,
    *,
    url: str | None = None,
    evidence: FilePath | None = None,
    show_clients: bool = False,
) -> bool:
    """Run a scenario on a server of its own or a running one; tell what happens and return whether all came true."""
    narrator = Narrator(output, show_clients)
    try:
        return await _run(document, narrator, url, evidence)
    except asyncio.CancelledError:
        narrator.tell("✘ ended by a signal; its clients were ended too")
        raise


async def _run(document: Document, narrator: Narrator, url: str | None, evidence: FilePath | None) -> bool:
    narrator.tell(f"▶ {document.scenario.scenario}")
    failure: BaseException | None = None
    try:
        async with _stage(document, narrator, url) as stage:
            try:
                await _play(stage, ("steps",), document.scenario.steps)
            finally:
                if evidence is not None:
                    proof = await stage.whatsapp.evidence_by_api()
                    narrator.tell("· evidence: " + ", ".join(map(str, proof.write(evidence))))
    except* (SimulatorError, ViolationError, aiohttp.ClientError) as group:
        failure = _first(group)
    steps = sum(1 for _ in document.scenario.all_steps())
    narrator.tell(f"✘ {failure}" if failure else f"✔ {document.scenario.scenario}: {steps} steps")
    return failure is None


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


@asynccontextmanager
async def _stage(document: Document, narrator: Narrator, url: str | None) -> AsyncIterator[Stage]:
    scenario = document.scenario
    async with AsyncExitStack() as exits:
        folder = exits.enter_context(tempfile.TemporaryDirectory(prefix="oxy-scenario-"))
        whatsapp = await exits.enter_async_context(WhatsApp(url))
        whatsapp.allow_violations(*scenario.allow_violations)
        narrator.tell(f"· control API {whatsapp.control_url}, clients connect through {whatsapp.proxy_url}")
        variables = {"folder": folder, "proxy": whatsapp.proxy_url, "control": whatsapp.control_url}
        stage = Stage(document, whatsapp, narrator, {}, {}, variables)
        for name, spec in scenario.phones.items():
            stage.phones[name] = await whatsapp.phone(
                spec.number, spec.name, addressing=spec.addressing, sends_read_receipts=spec.sends_read_receipts
            )
            stage.variables[name] = spec.number
        for name, text in scenario.variables.items():
            stage.variables[name] = stage.fill(text)
        _add_clients(stage, FilePath(folder))
        exits.push_async_callback(_end_clients, stage)
        await exits.enter_async_context(_following(stage))
        yield stage


def _add_clients(stage: Stage, folder: FilePath) -> None:
    for name, spec in stage.document.scenario.clients.items():
        own = {key: stage.fill(value) for key, value in spec.environment.items()}
        process = ClientProcess(
            name,
            tuple(stage.fill(argument) for argument in spec.command),
            {**os.environ, "PYTHONUNBUFFERED": "1", **stage.whatsapp.client_environment, **own},
            stage.document.folder / stage.fill(spec.directory),
            folder / f"{name}.log",
        )
        stage.clients[name] = Client(process, stage.narrator.client_line(name))


async def _end_clients(stage: Stage) -> None:
    for client in stage.clients.values():
        await client.kill()


@asynccontextmanager
async def _following(stage: Stage) -> AsyncIterator[None]:
    """Tell every message that arrives on a phone, to the last one."""
    seen = {name: (await phone.view()).messages for name, phone in stage.phones.items()}

    async def tell_news(name: str, wait: float) -> None:
        for message in await stage.whatsapp.api.inbox(stage.phones[name].number, seen[name], wait):
            seen[name] = message.number
            if not message.from_me or message.chat == stage.phones[name].number:
                stage.narrator.tell(_told(stage, name, message))

    async def follow(name: str) -> None:
        while True:
            await tell_news(name, _FOLLOW_SECONDS)

    followers = [asyncio.create_task(follow(name)) for name in stage.phones]
    try:
        yield
    finally:
        for follower in followers:
            follower.cancel()
        await asyncio.gather(*followers, return_exceptions=True)
        with suppress(aiohttp.ClientError, SimulatorError):
            for name in stage.phones:
                await tell_news(name, 0.0)


def _told(stage: Stage, name: str, message: Message) -> str:
    names = {phone.number: known for known, phone in stage.phones.items()}
    return f"{names.get(message.sender, message.sender)} → {name}: {shown(message)}"


async def _play(stage: Stage, path: Path, steps: list[Step]) -> None:
    """Play steps in order; raise StepError at the first that fails."""
    for index, step in enumerate(steps):
        place = (*path, index)
        try:
            if step.parallel is not None:
                await _play_side_by_side(stage, (*place, "parallel"), step.parallel)
            else:
                await _VERBS[step.verb](stage, step)
            stage.whatsapp.judge(await stage.whatsapp.violations())
        except (SimulatorError, AssertionError) as error:
            if isinstance(error, StepError):
                raise
            msg = f"{stage.document.where((*place, step.verb.strip('_')))}: {error}"
            raise StepError(msg) from error


async def _play_side_by_side(stage: Stage, path: Path, branches: list[list[Step]]) -> None:
    """Play branches at once; each sees what arrives on a phone by itself."""
    stages = [replace(stage, phones={name: replace(phone) for name, phone in stage.phones.items()}) for _ in branches]
    async with asyncio.TaskGroup() as group:
        for index, (own, steps) in enumerate(zip(stages, branches, strict=True)):
            group.create_task(_play(own, (*path, index), steps))
    for name, phone in stage.phones.items():
        phone.seen = max(own.phones[name].seen for own in stages)


async def _send(stage: Stage, step: Step) -> None:
    send = _part(step.send, Send)
    content: str | AnyContent
    if send.message is not None:
        content = await _content(stage, send)
    else:
        content = stage.fill(send.text or "")
    message_id = await stage.phones[send.sender].send(
        content,
        stage.phones[send.to],
        quote=stage.fill(send.quote) if send.quote else None,
        message_id=stage.fill(send.id) if send.id else None,
    )
    if send.sender == send.to:
        stage.narrator.tell(f"{send.sender} → {send.to}: {content if isinstance(content, str) else content.kind}")
    if send.save:
        stage.variables[send.save] = message_id


async def _content(stage: Stage, send: Send) -> AnyContent:
    """Return a message with its variables filled in and its file given to the phone."""
    if send.message is None:
        msg = "the step has no message"
        raise TypeError(msg)
    given = _filled(stage, send.message.model_dump(mode="json", exclude_unset=True))
    given["kind"] = send.message.kind
    if send.file is not None:
        file = stage.document.folder / stage.fill(send.file)
        given["file"] = await stage.phones[send.sender].attach(send.message.kind, file)
    return _CONTENT.validate_python(given)


def _filled(stage: Stage, value: Any) -> Any:  # noqa: ANN401 - plain JSON
    if isinstance(value, str):
        return stage.fill(value)
    if isinstance(value, list):
        return [_filled(stage, item) for item in value]
    return {key: _filled(stage, item) for key, item in value.items()} if isinstance(value, dict) else value


async def _act(stage: Stage, step: Step) -> None:
    act = _part(step.act, Act)
    fields = _filled(stage, act.fields)
    for name in _PHONE_FIELDS & set(fields):
        if fields[name] in stage.phones:
            fields[name] = stage.phones[fields[name]].number
    await stage.phones[act.phone].act(act.action, **fields)
    told = " ".join(f"{key}={value}" for key, value in act.fields.items())
    stage.narrator.tell(f"· {act.phone}: {act.action} {told}".rstrip())


async def _expect(stage: Stage, step: Step) -> None:
    expect = _part(step.expect, Expect)
    started = time.monotonic()
    text = stage.fill(expect.text) if expect.text is not None else None
    pattern = re.compile(stage.fill(expect.pattern, quote=re.escape)) if expect.pattern is not None else None
    message = await stage.phones[expect.phone].expect(
        pattern or text,
        within=stage.within(expect.within),
        kind=expect.kind,
        from_=stage.phones[expect.sender] if expect.sender else None,
    )
    if expect.save:
        stage.variables[expect.save] = message.id
    if pattern is not None and (match := pattern.search(message.text)):
        stage.variables.update({name: value for name, value in match.groupdict().items() if value is not None})
    stage.narrator.tell(f"✔ {expect.phone} got {message.text!r} after {time.monotonic() - started:.2f} s")


async def _expect_nothing(stage: Stage, step: Step) -> None:
    if step.expect_nothing is not None:
        await stage.phones[step.expect_nothing.phone].expect_nothing(within=step.expect_nothing.within)
        stage.narrator.tell(f"✔ {step.expect_nothing.phone} got nothing for {step.expect_nothing.within:g} s")


async def _fault(stage: Stage, step: Step) -> None:
    fault = _part(step.fault, Fault)
    given = fault.model_dump(exclude_unset=True, exclude={"kind", "phone"})
    if fault.peer is not None:
        given["peer"] = stage.phones[fault.peer].number
    stage.narrator.tell(f"· fault {fault.kind.value}" + (f" on {fault.phone}" if fault.phone else ""))
    if fault.phone is not None:
        await stage.phones[fault.phone].fault(fault.kind, **given)
    else:
        await stage.whatsapp.fault(fault.kind, **given)


async def _wait(stage: Stage, step: Step) -> None:
    seconds = step.wait or 0.0
    stage.narrator.tell(f"· {seconds:g} s pass")
    await asyncio.sleep(seconds)


async def _settled(stage: Stage, step: Step) -> None:
    within = stage.within(step.settled.within if step.settled else None)
    if not await stage.whatsapp.settled(within):
        msg = f"not everything was acknowledged within {within:g} s; GET /accounting says what"
        raise RequestError(msg)
    stage.narrator.tell("✔ everything was acknowledged")


async def _online(stage: Stage, step: Step) -> None:
    if step.online is not None:
        await _until_online(stage, step.online.phone, stage.within(step.online.within))
        stage.narrator.tell(f"✔ a client of {step.online.phone} is online")


async def _link(stage: Stage, step: Step) -> None:
    if step.link is not None:
        await _link_phone(stage, step.link.phone, step.link, None)


async def _unlink(stage: Stage, step: Step) -> None:
    name = step.unlink or ""
    await stage.phones[name].unlink()
    stage.narrator.tell(f"· {name} removes its linked clients")


async def _start(stage: Stage, step: Step) -> None:
    await _start_client(stage, step.start or "")


async def _terminate(stage: Stage, step: Step) -> None:
    name = step.terminate or ""
    await stage.clients[name].terminate()
    await _gone(stage, name, "SIGTERM")


async def _kill(stage: Stage, step: Step) -> None:
    name = step.kill or ""
    await stage.clients[name].kill()
    await _gone(stage, name, "SIGKILL")


async def _stop(stage: Stage, step: Step) -> None:
    name = step.stop or ""
    stage.clients[name].process.pause(stopped=True)
    stage.narrator.tell(f"· client {name} is stopped where it is")


async def _continue(stage: Stage, step: Step) -> None:
    name = step.continue_ or ""
    stage.clients[name].process.pause(stopped=False)
    stage.narrator.tell(f"· client {name} goes on")


async def _restart(stage: Stage, step: Step) -> None:
    name = step.restart or ""
    await stage.clients[name].kill()
    await _gone(stage, name, "SIGKILL")
    await _start_client(stage, name)


async def _restart_server(stage: Stage, step: Step) -> None:
    memory = step.restart_server.memory if step.restart_server else True
    await stage.whatsapp.api.restart(memory=memory)
    stage.narrator.tell("· the server restarts" + ("" if memory else " without its memory"))


_VERBS: Final = {
    "send": _send,
    "act": _act,
    "expect": _expect,
    "expect_nothing": _expect_nothing,
    "fault": _fault,
    "wait": _wait,
    "settled": _settled,
    "online": _online,
    "link": _link,
    "unlink": _unlink,
    "start": _start,
    "terminate": _terminate,
    "kill": _kill,
    "stop": _stop,
    "continue_": _continue,
    "restart_server": _restart_server,
    "restart": _restart,
}


async def _start_client(stage: Stage, name: str) -> None:
    """Start a client, link it if it has no linked device of its own, and wait until this very client is online."""
    client, phone = stage.clients[name], stage.phones[stage.document.scenario.clients[name].phone]
    since = max((login.number for login in await stage.whatsapp.api.logins(phone.number)), default=0)
    devices = (await phone.view()).devices
    if client.device not in {device.id for device in devices}:
        client.device = None
    taken = {device.id for device in devices if device.online} | {other.device for other in _running(stage)}
    stage.narrator.tell(f"· client {name} starts")
    await client.start()
    if client.device is None and devices:
        client.device = await _link_or_log_in(stage, name, since, taken)
    elif client.device is None:
        client.device = await _link_client(stage, name)
    await _logged_in(stage, name, since, lambda device: device == client.device)
    stage.narrator.tell(f"· client {name} is online")


def _running(stage: Stage) -> list[Client]:
    return [client for client in stage.clients.values() if client.process.condition != "ended"]


async def _link_client(stage: Stage, name: str) -> int:
    """Link a client to its phone by what it offers; return its device."""
    spec = stage.document.scenario.clients[name]
    return (await _link_phone(stage, spec.phone, spec.link, stage.clients[name])).id


async def _link_or_log_in(stage: Stage, name: str, since: int, taken: set[int | None]) -> int:
    """Return the device of a client that may be linked already, or not: its phone has devices, maybe others' only.

    It is linked if it offers a code, else it logs in as a device that nobody used when it started.
    """
    linking = asyncio.create_task(_link_client(stage, name))
    login = asyncio.create_task(_logged_in(stage, name, since, lambda device: device not in taken))
    try:
        await asyncio.wait({linking, login}, return_when=asyncio.FIRST_COMPLETED)
        if login.done() or isinstance(linking.exception(), PairingError):
            return await login  # a code that does not work may be an old one: then the client logs in without
        return await linking
    finally:
        for task in (linking, login):
            task.cancel()
        await asyncio.gather(linking, login, return_exceptions=True)


async def _logged_in(stage: Stage, name: str, since: int, fits: Callable[[int | None], bool]) -> int:
    """Wait until a client, while it runs, is online by a login after number `since`; return its device."""
    client, phone = stage.clients[name], stage.phones[stage.document.scenario.clients[name].phone]
    deadline = time.monotonic() + LINK_PATIENCE
    while True:
        online = {device.id for device in (await phone.view()).devices if device.online}
        logins = [login for login in await stage.whatsapp.api.logins(phone.number) if login.number > since]
        await client.require_running()
        for login in logins:
            if login.device in online and (login.kind, login.outcome) == ("login", ACCEPTED) and fits(login.device):
                return login.device
        if time.monotonic() > deadline:
            refused = [login.outcome for login in logins if login.outcome != ACCEPTED]
            told = f"; the server refused it: {refused[-1]}" if refused else ""
            msg = f"client {name} was not online within {LINK_PATIENCE:g} s{told}; {client.tail()}"
            raise ClientError(msg)
        await asyncio.sleep(_POLL_SECONDS)


async def _gone(stage: Stage, name: str, how: str) -> None:
    """Wait until the server noticed that a client is gone."""
    client, phone = stage.clients[name], stage.phones[stage.document.scenario.clients[name].phone]
    within = stage.within(None)
    deadline = time.monotonic() + within
    while any(device.online and device.id == client.device for device in (await phone.view()).devices):
        if time.monotonic() > deadline:
            msg = f"client {name} ended by {how}, but its device was not offline within {within:g} s"
            raise ClientError(msg)
        await asyncio.sleep(_POLL_SECONDS)
    stage.narrator.tell(f"· client {name} ended by {how}")


async def _link_phone(stage: Stage, name: str, link: LinkSpec, client: Client | None) -> DeviceView:
    """Read what the client offers and type it, or scan it, on the phone; return the new device."""
    if link.code is not None:
        code = await read_source(link.code, client, stage.fill, LINK_PATIENCE)
        stage.narrator.tell(f"· {name} types the code {code}")
        return await stage.phones[name].link(code=code)
    text = await read_source(_part(link.qr, Source), client, stage.fill, LINK_PATIENCE)
    stage.narrator.tell(f"· {name} scans the QR code")
    return await stage.phones[name].link(qr=text)


async def _until_online(stage: Stage, name: str, within: float) -> None:
    deadline = time.monotonic() + within
    while not any(device.online for device in (await stage.phones[name].view()).devices):
        if time.monotonic() > deadline:
            msg = f"no client of {name} was online within {within:g} s"
            raise ClientError(msg)
        await asyncio.sleep(_POLL_SECONDS)


def _part(part: object, kind: type[_Kind]) -> _Kind:
    """Return a step's part, which validation made sure of."""
    if not isinstance(part, kind):
        msg = f"the step has no {kind.__name__}"
        raise TypeError(msg)
    return part
