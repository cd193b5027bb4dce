"""The steps of a scenario, one function for each verb."""

import asyncio
import re
import time
from dataclasses import replace
from typing import Any, Final, TypeVar

import aiohttp
from pydantic import TypeAdapter

from oxy_simulator.clients import ClientError
from oxy_simulator.contents import AnyContent
from oxy_simulator.errors import RequestError, SimulatorError, UnreachableError
from oxy_simulator.journals import read_journal
from oxy_simulator.requests import Fault, MediaFault
from oxy_simulator.scenario import Act, ClearFaults, Expect, Journalled, Path, Send, Start, Step
from oxy_simulator.scenario_names import PHONE_FIELDS
from oxy_simulator.stage import Stage
from oxy_simulator.starting import gone, link_phone, start_client, until_online

_Kind = TypeVar("_Kind")

_POLL_SECONDS: Final = 0.1
_CONTENT: Final[TypeAdapter[AnyContent]] = TypeAdapter(AnyContent)


class StepError(SimulatorError):
    """A step failed: an expectation is broken, or it cannot be done. The message starts with its place in the file."""


async def play(stage: Stage, path: Path, steps: list[Step]) -> None:
    """Play steps in order; raise StepError at the first that fails, UnreachableError if the server is gone."""
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
            if not isinstance(error, ClientError):
                msg += "".join(f"; {how}" for client in stage.clients.values() if (how := client.departure))
            raise StepError(msg) from error
        except aiohttp.ClientError as error:
            msg = f"the simulator at {stage.whatsapp.control_url} went away ({error!r}); look at its output"
            raise UnreachableError(msg) from error


async def _play_side_by_side(stage: Stage, path: Path, branches: list[list[Step]]) -> None:
    """Play branches at once; each sees what arrives on a phone by itself."""
    stages = [replace(stage, phones={name: replace(phone) for name, phone in stage.phones.items()}) for _ in branches]
    async with asyncio.TaskGroup() as group:
        for index, (own, steps) in enumerate(zip(stages, branches, strict=True)):
            group.create_task(play(own, (*path, index), steps))
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
    for name in PHONE_FIELDS & set(fields):
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


async def _media_fault(stage: Stage, step: Step) -> None:
    fault = _part(step.media_fault, MediaFault)
    stage.narrator.tell(f"· fault {fault.kind.value} of files")
    await stage.whatsapp.api.media_fault(fault.kind, **fault.model_dump(exclude_unset=True, exclude={"kind"}))


async def _clear_faults(stage: Stage, step: Step) -> None:
    name = _part(step.clear_faults, ClearFaults).phone
    await stage.whatsapp.api.clear_faults(stage.phones[name].number if name else None)
    stage.narrator.tell("· all faults" + (f" of {name}" if name else "") + " end")


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


async def _journalled(stage: Stage, step: Step) -> None:
    expected = _part(step.journalled, Journalled)
    phone, file = stage.phones[expected.phone], stage.document.folder / stage.fill(expected.file)
    deadline = time.monotonic() + stage.within(expected.within)
    while True:
        found = await stage.whatsapp.api.losses(phone.number, ids=sorted(read_journal(file, expected.key)))
        if not found.lost or time.monotonic() > deadline:
            break
        await asyncio.sleep(_POLL_SECONDS)
    if found.lost:
        lost = ", ".join(f"{line.id} {line.text!r}" for line in found.lost)
        msg = f"{file} lacks {len(found.lost)} of what {expected.phone}'s clients acknowledged or rejected: {lost}"
        raise RequestError(msg)
    stage.narrator.tell(f"✔ {found.journalled} messages are in the journal, and none is missing")


async def _online(stage: Stage, step: Step) -> None:
    if step.online is not None:
        await until_online(stage, step.online.phone, stage.within(step.online.within))
        stage.narrator.tell(f"✔ a client of {step.online.phone} is online")


async def _link(stage: Stage, step: Step) -> None:
    if step.link is not None:
        await link_phone(stage, step.link.phone, step.link, None, stage.start_within(step.link.within))


async def _unlink(stage: Stage, step: Step) -> None:
    name = step.unlink or ""
    await stage.phones[name].unlink()
    stage.narrator.tell(f"· {name} removes its linked clients")


async def _start(stage: Stage, step: Step) -> None:
    start = _part(step.start, Start)
    await start_client(stage, start.client, stage.start_within(start.within))


async def _terminate(stage: Stage, step: Step) -> None:
    name = step.terminate or ""
    await stage.clients[name].terminate()
    await gone(stage, name, "SIGTERM")


async def _kill(stage: Stage, step: Step) -> None:
    name = step.kill or ""
    await stage.clients[name].kill()
    await gone(stage, name, "SIGKILL")


async def _stop(stage: Stage, step: Step) -> None:
    name = step.stop or ""
    stage.clients[name].process.pause(stopped=True)
    stage.narrator.tell(f"· client {name} is stopped where it is")


async def _continue(stage: Stage, step: Step) -> None:
    name = step.continue_ or ""
    stage.clients[name].process.pause(stopped=False)
    stage.narrator.tell(f"· client {name} goes on")


async def _restart(stage: Stage, step: Step) -> None:
    start = _part(step.restart, Start)
    await stage.clients[start.client].kill()
    await gone(stage, start.client, "SIGKILL")
    await start_client(stage, start.client, stage.start_within(start.within))


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
    "media_fault": _media_fault,
    "clear_faults": _clear_faults,
    "wait": _wait,
    "settled": _settled,
    "journalled": _journalled,
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


def _part(part: object, kind: type[_Kind]) -> _Kind:
    """Return a step's part, which validation made sure of."""
    if not isinstance(part, kind):
        msg = f"the step has no {kind.__name__}"
        raise TypeError(msg)
    return part
