"""Starting a scenario's clients: linked by what they offer, and online by a login of their own."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from oxy_simulator.clients import Client, ClientError
from oxy_simulator.errors import PairingError
from oxy_simulator.linksource import read_source
from oxy_simulator.logins import ACCEPTED
from oxy_simulator.replies import DeviceView
from oxy_simulator.scenario import LinkSpec
from oxy_simulator.stage import Stage

_POLL_SECONDS: Final = 0.05


async def start_client(stage: Stage, name: str, within: float) -> None:
    """Start a client, link it if it has no linked device of its own, and wait until this very client is online.

    Raise ClientError if it ends, or takes longer than `within` seconds to offer a code, or then to be online.
    """
    client, phone = stage.clients[name], stage.phones[stage.document.scenario.clients[name].phone]
    since = max((login.number for login in await stage.whatsapp.api.logins(phone.number)), default=0)
    devices = (await phone.view()).devices
    if client.device not in {device.id for device in devices}:
        client.device = None
    taken = {device.id for device in devices if device.online} | {other.device for other in _running(stage)}
    stage.narrator.tell(f"· client {name} starts")
    await client.start()
    if client.device is None and devices:
        client.device = await _link_or_log_in(stage, name, since, taken, within)
    elif client.device is None:
        client.device = await _link_client(stage, name, within)
    await _logged_in(stage, name, since, lambda device: device == client.device, within)
    stage.narrator.tell(f"· client {name} is online")


def _running(stage: Stage) -> list[Client]:
    return [client for client in stage.clients.values() if client.process.condition != "ended"]


async def _link_client(stage: Stage, name: str, within: float) -> int:
    """Link a client to its phone by what it offers; return its device."""
    spec = stage.document.scenario.clients[name]
    return (await link_phone(stage, spec.phone, spec.link, stage.clients[name], within)).id


async def _link_or_log_in(stage: Stage, name: str, since: int, taken: set[int | None], within: float) -> int:
    """Return the device of a client that may be linked already, or not: its phone has devices, maybe others' only.

    It is linked if it offers a code, else it logs in as a device that nobody used when it started.
    """
    linking = asyncio.create_task(_link_client(stage, name, within))
    login = asyncio.create_task(_logged_in(stage, name, since, lambda device: device not in taken, within))
    try:
        await asyncio.wait({linking, login}, return_when=asyncio.FIRST_COMPLETED)
        if login.done() or isinstance(linking.exception(), PairingError):
            return await login  # a code that does not work may be an old one: then the client logs in without
        return await linking
    finally:
        for task in (linking, login):
            task.cancel()
        await asyncio.gather(linking, login, return_exceptions=True)


async def _logged_in(stage: Stage, name: str, since: int, fits: Callable[[int | None], bool], within: float) -> int:
    """Wait until a client, while it runs, is online by a login after number `since`; return its device."""
    client, phone = stage.clients[name], stage.phones[stage.document.scenario.clients[name].phone]
    deadline = time.monotonic() + within
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
            msg = f"client {name} was not online within {within:g} s{told}; {client.tail()}"
            raise ClientError(msg)
        await asyncio.sleep(_POLL_SECONDS)


async def gone(stage: Stage, name: str, how: str) -> None:
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


async def until_online(stage: Stage, name: str, within: float) -> None:
    """Wait until any client of a phone is online; raise ClientError after `within` seconds."""
    deadline = time.monotonic() + within
    while not any(device.online for device in (await stage.phones[name].view()).devices):
        if time.monotonic() > deadline:
            msg = f"no client of {name} was online within {within:g} s"
            raise ClientError(msg)
        await asyncio.sleep(_POLL_SECONDS)


async def link_phone(stage: Stage, name: str, link: LinkSpec, client: Client | None, within: float) -> DeviceView:
    """Read what the client offers and type it, or scan it, on the phone; return the new device."""
    offered = await read_source(link.source, client, stage.fill, within, stage.document.folder)
    if link.code is not None:
        stage.narrator.tell(f"· {name} types the code {offered}")
        return await stage.phones[name].link(code=offered)
    stage.narrator.tell(f"· {name} scans the QR code")
    return await stage.phones[name].link(qr=offered)
