"""The pod forgets a person whom the platform has forgotten: in its journal, and in what the library keeps."""

import sqlite3
from collections.abc import Collection
from contextlib import closing
from pathlib import Path
from uuid import uuid4

from integration.tenant.scene import CUSTOMER, INSTANCE, ORGANIZATION, Scene, send_request, until

from oxy_core.envelopes import EraseRequest, MessageSeen, SendRequest
from oxy_core.identity import Jid, new_id, person_digest
from oxy_core.message_kinds import MessageKind
from oxy_core.report_bodies import ContactErased
from oxy_core.trace import new_trace

SECRET = "meu portão é o azul"
OTHER = "+5511922222222"


def erase_request(*addresses: Jid) -> EraseRequest:
    salt = uuid4()
    return EraseRequest(
        id=new_id(),
        organization=ORGANIZATION,
        instance=INSTANCE,
        salt=salt,
        digests=tuple(person_digest(salt, address) for address in addresses),
        seconds_ago=0,
        trace=new_trace(),
    )


def traces(folder: Path, needles: Collection[bytes]) -> list[str]:
    """Everything on the volume that contains one of these: files as they are, so with freed pages and logs."""
    return [
        f"{file.name}: {needle!r}"
        for file in sorted(folder.iterdir())
        if file.is_file()
        for needle in needles
        if needle in file.read_bytes()
    ]


def rows(file: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(file)) as database:
        return database.execute(query).fetchall()


async def erased(scene: Scene, request: EraseRequest) -> ContactErased:
    async def found() -> ContactErased | None:
        bodies = [report.body for report in await scene.bus.stored()]
        return next(
            (body for body in bodies if isinstance(body, ContactErased) and body.request_id == request.id), None
        )

    return await until(found, 20, "the report of the erasure")


async def ask(scene: Scene, request: EraseRequest | SendRequest) -> None:
    await scene.bus.client.publish(f"oxy.out.{'A' + 'B' * 55}.{INSTANCE}", request.encode())


async def test_the_volume_keeps_nothing_of_a_person_who_was_forgotten(scene: Scene) -> None:
    await scene.pair()
    other = await scene.simulator.phone(OTHER)
    await other.send("eu fico", scene.business)
    await scene.customer.send(SECRET, scene.business)
    seen = (await scene.texts(2))[-1]
    await ask(scene, send_request(seen.chat, "o portão azul, certo"))
    await until(scene.bus.results, 20, "a result")
    needles = (CUSTOMER[1:].encode(), seen.chat.user.encode(), "portão".encode())
    assert len(traces(scene.runtime.session, needles)) > 3
    request = erase_request(Jid.of_phone(CUSTOMER))
    await ask(scene, request)
    assert (await erased(scene, request)).left == ()
    assert traces(scene.runtime.session, needles) == []

    # WhatsApp goes on working: with others, and with the person, who is a new contact. Without the keys of the past,
    # the first message cannot be read until the phone, asked by the library, sends it again.
    await other.send("ainda aqui", scene.business)
    await scene.customer.send("oi de novo", scene.business)
    new = {message.text: message for message in await scene.texts(4)}
    assert new["oi de novo"].chat_sequence == 2
    assert [message.chat_sequence for message in await undecryptable(scene)] == [1]
    assert new["ainda aqui"].chat_sequence == 2
    answer = send_request(new["oi de novo"].chat, "bem-vindo")
    await ask(scene, answer)
    await until(lambda: received(scene, "bem-vindo"), 20, "the answer")
    # A repeated request is reported again, and forgets nobody who has written since.
    await ask(scene, request)
    await until(lambda: reported(scene, request, 2), 20, "a second report")
    await scene.customer.send("e mais uma", scene.business)
    assert (await scene.texts(5))[-1].chat_sequence == 3


async def undecryptable(scene: Scene) -> list[MessageSeen]:
    return [message for message in await scene.bus.messages() if message.kind is MessageKind.UNDECRYPTABLE]


async def received(scene: Scene, text: str) -> bool:
    return any(line.text == text for line in await scene.simulator.messages(direction="outbound"))


async def reported(scene: Scene, request: EraseRequest, times: int) -> bool:
    bodies = [report.body for report in await scene.bus.stored()]
    return sum(isinstance(body, ContactErased) and body.request_id == request.id for body in bodies) >= times
