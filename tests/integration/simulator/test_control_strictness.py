"""The control API takes what is meant and nothing else: types, numbers, sizes, ids and characters."""

import base64
import json
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest
from aiohttp.test_utils import make_mocked_request
from integration.simulator.test_scenarios import simulator as command
from unit.simulator.memory import ANA, BOT

from oxy_simulator.contents import Image, Location, Poll
from oxy_simulator.control_requests import waiting_time
from oxy_simulator.errors import RequestError, SetupError
from oxy_simulator.faultkind import FaultKind
from oxy_simulator.hosting import run_service
from oxy_simulator.requests import MAX_WAIT_SECONDS
from oxy_simulator.testing import Phone, WhatsApp

SEND: Final = f"/phones/{BOT}/send"
LOCATION: Final = '{"to": "%s", "message": {"kind": "location", "latitude": %s, "longitude": 0}}'
FINITE: Final = "must be a finite number"
AN_ID: Final = "id: must be 1 to 1,024 printable ASCII characters without spaces"
HALF: Final = "holds a half of a character (a lone surrogate"

REFUSED: Final = [
    # another type
    ("/restart", '{"memory": "no"}', "memory: must be true or false, not 'no'"),
    ("/restart", '{"memory": null}', "memory: must be true or false, not null"),
    ("/restart", '{"memory": 0}', "memory: must be true or false, not 0"),
    ("/restart", '{"memory": "false"}', "memory: must be true or false; write it without quotes, not 'false'"),
    ("/phones", '{"phone": "+5511911111111", "sends_read_receipts": 1}', "sends_read_receipts: must be true or false"),
    ("/faults", f'{{"kind": "drop", "phone": "{BOT}", "count": "1"}}', "count: must be a whole number; write it with"),
    ("/faults", f'{{"kind": "drop", "phone": "{BOT}", "count": true}}', "count: must be a whole number, not true"),
    ("/faults", f'{{"kind": "delay", "phone": "{BOT}", "delay": "5"}}', "delay: must be a number; write it without q"),
    ("/faults", f'{{"kind": "delay", "phone": "{BOT}", "delay": false}}', "delay: must be a number, not false"),
    ("/clock", '{"advance": "1"}', "advance: must be a number; write it without quotes"),
    ("/media-faults", '{"kind": "slow", "rate": "9"}', "rate: must be a whole number; write it without quotes"),
    ("/proxies", '{"port": "0"}', "port: must be a whole number; write it without quotes"),
    (f"/phones/{BOT}/block", f'{{"contact": "{ANA}", "blocked": "no"}}', "blocked: must be true or false, not 'no'"),
    (f"/phones/{BOT}/prekeys", '{"left": "0"}', "left: must be a whole number; write it without quotes"),
    (SEND, f'{{"to": "{ANA}", "text": 5}}', "text: must be text; write it in quotes"),
    (
        SEND,
        f'{{"to": "{ANA}", "message": {{"kind": "text", "text": "a", "forwarded": "yes"}}}}',
        "message.text.forwarded: must be true or false, not 'yes'",
    ),
    (
        SEND,
        f'{{"to": "{ANA}", "message": {{"kind": "poll", "name": "a", "options": ["b", "c"], "selectable": true}}}}',
        "message.poll.selectable: must be a whole number, not true",
    ),
    # no finite number
    ("/faults", f'{{"kind": "delay", "phone": "{BOT}", "delay": Infinity}}', f"delay: {FINITE}"),
    ("/faults", f'{{"kind": "drop", "phone": "{BOT}", "duration": 1e999}}', f"duration: {FINITE}"),
    ("/faults", f'{{"kind": "drop", "phone": "{BOT}", "count": NaN}}', f"count: {FINITE}"),
    ("/clock", '{"advance": -Infinity}', f"advance: {FINITE}"),
    ("/load", f'{{"from": ["{ANA}"], "to": "{BOT}", "count": 1, "rate": NaN}}', f"rate: {FINITE}"),
    (SEND, LOCATION % (ANA, "NaN"), f"message.location.latitude: {FINITE}"),
    (SEND, LOCATION % (ANA, "1e999"), f"message.location.latitude: {FINITE}"),
    # ids
    *(
        (SEND, json.dumps({"to": ANA, "text": "oi", "id": text}), AN_ID)
        for text in ("a b", "a\nb", " ", "\0", "👍", "")
    ),
    (SEND, json.dumps({"to": ANA, "text": "oi", "id": 1_025 * "A"}), AN_ID),
    # a phone and itself
    (f"/phones/{BOT}/typing", f'{{"to": "+{BOT}"}}', f"{BOT} cannot be seen typing by itself; name another phone"),
    (f"/phones/{BOT}/block", f'{{"contact": "{BOT}"}}', f"{BOT} cannot block itself; name another phone as 'contact'"),
    (f"/phones/{BOT}/trust", f'{{"contact": "{BOT}"}}', f"{BOT} cannot trust itself; name another phone as 'contact'"),
    # sizes
    *(
        ("/faults", json.dumps({"kind": kind, "phone": BOT, name: 10**22}), f"{name}: must be less than or equal to")
        for kind, name in (
            ("temporary-ban", "expire"),
            ("drop", "duration"),
            ("delay", "delay"),
            ("slow", "rate"),
            ("rate-limit", "limit"),
            ("rate-limit", "window"),
            ("refuse", "code"),
        )
    ),
    *(
        ("/faults", json.dumps({"kind": kind, "phone": BOT, "code": 0}), f"code: must be from 1 to 9999 for {kind}; 0")
        for kind in ("refuse", "temporary-ban", "unknown-error")
    ),
    ("/media-faults", json.dumps({"kind": "slow", "rate": 10**18}), "rate: must be less than or equal to 1000000000"),
    ("/media-faults", json.dumps({"kind": "auth-expired", "ttl": 10**18}), "ttl: must be less than or equal to 315360"),
    (f"/phones/{BOT}/prekeys", json.dumps({"left": 10**18}), "left: must be less than or equal to 1000000000"),
    (
        SEND,
        json.dumps({"to": ANA, "message": {"kind": "text", "text": "a", "ephemeral": 2**32}}),
        "message.text.ephemeral: must be less than or equal to 4294967295",
    ),
    # characters
    (SEND, f'{{"to": "{ANA}", "text": "\\ud800"}}', f"text: {HALF}"),
    (SEND, f'{{"to": "{ANA}", "message": {{"kind": "text", "text": "a\\udfff"}}}}', f"message.text: {HALF}"),
    ("/phones", '{"phone": "+5511911111111", "name": "\\ud83d"}', f"name: {HALF}"),
    # nothing to mark
    (
        f"/phones/{BOT}/mark",
        f'{{"chat": "{BOT}"}}',
        f"{BOT} cannot mark messages of itself; name another phone as 'chat",
    ),
    (
        f"/phones/{BOT}/mark",
        f'{{"chat": "{ANA}"}}',
        f"{BOT} has no message from {ANA} that it could mark; let {ANA} wr",
    ),
    (f"/phones/{BOT}/mark", f'{{"chat": "{ANA}", "ids": ["X"]}}', f"{BOT} has no message from {ANA} that it could"),
]


async def post(simulator: WhatsApp, path: str, body: str) -> tuple[int, str]:
    async with (
        aiohttp.ClientSession() as session,
        session.post(simulator.control_url + path, data=body) as answer,
    ):
        return answer.status, await answer.text()


@pytest.mark.parametrize("mistake", REFUSED, ids=str)
async def test_what_is_not_meant_is_refused_by_its_field(
    simulator: WhatsApp, bot: Phone, ana: Phone, mistake: tuple[str, str, str]
) -> None:
    path, body, complaint = mistake
    status, answer = await post(simulator, path, body)
    assert status == 400, answer
    assert complaint in json.loads(answer)["error"]
    assert await simulator.api.faults() == []
    assert await ana.inbox() == []


TAKEN: Final[list[tuple[str, dict[str, Any]]]] = [
    ("/faults", {"kind": "delay", "phone": BOT, "delay": 5}),
    ("/faults", {"kind": "temporary-ban", "phone": BOT, "code": 101, "expire": 315_360_000}),
    ("/faults", {"kind": "proxy", "code": 0}),
    ("/media-faults", {"kind": "expired", "status": 410}),
    (SEND, {"to": ANA, "text": "oi", "id": 128 * "~"}),
    (SEND, {"to": ANA, "text": "oi", "id": "3EB0C431D26A1916E07E"}),
    (SEND, {"to": BOT, "text": "a note to myself"}),
    (SEND, {"to": ANA, "text": "\U0001f600"}),
    (SEND, {"to": ANA, "message": {"kind": "poll", "name": "a", "options": ["b", "c"]}}),
    (SEND, {"to": ANA, "message": {"kind": "unknown", "field": 900, "data": base64.b64encode(b"\xff\xfe").decode()}}),
    (f"/phones/{BOT}/self-chat", {"text": "oi"}),
    (f"/phones/{BOT}/typing", {"to": ANA}),
]


@pytest.mark.parametrize(("path", "body"), TAKEN, ids=str)
async def test_what_is_meant_is_taken(
    simulator: WhatsApp, bot: Phone, ana: Phone, path: str, body: dict[str, Any]
) -> None:
    assert (await post(simulator, path, json.dumps(body)))[0] == 200


async def test_python_calls_are_as_strict_and_name_the_field(simulator: WhatsApp, bot: Phone, ana: Phone) -> None:
    calls = [
        (bot.send("oi", ana, message_id="a b"), AN_ID),
        (bot.send("\ud800", ana), "text: holds a half of a character"),
        (
            bot.send(Location(latitude=1, longitude=2, name="\udc00"), ana),
            "message.name: holds a half of a character",
        ),
        (simulator.api.restart(memory="no"), "memory: must be true or false"),  # type: ignore[arg-type] # that is tested
        (bot.fault("delay", delay=float("inf")), f"delay: {FINITE}"),
        (bot.act("block", contact=bot.number), "cannot block itself"),
        (bot.act("prekeys", left="0"), "left: must be a whole number"),
        (simulator.advance(float("nan")), f"advance: {FINITE}"),
    ]
    for call, complaint in calls:
        with pytest.raises(RequestError) as refused:
            await call
        assert complaint in str(refused.value)


async def test_python_objects_take_lists_bytes_whole_numbers_and_kinds(
    simulator: WhatsApp, bot: Phone, ana: Phone
) -> None:
    await bot.send(Poll(name="onde?", options=["aqui", "ali"]), ana)  # type: ignore[arg-type] # any list is taken
    await bot.send(Image(data=b"\xff\xd8\xff", thumbnail=b"\xff"), ana)
    await bot.send(Location(latitude=1, longitude=2), ana)
    assert [message.kind for message in await ana.inbox()] == ["poll", "image", "location"]
    await bot.fault(FaultKind.DELAY, delay=5)
    assert (await simulator.api.losses(bot.number, ids=("A",))).journalled == 1


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        ("after=1.5", "query parameter 'after' must be a whole number, not '1.5'"),
        ("wait=nan", "query parameter 'wait' must be a finite number, not 'nan'"),
        ("wait=1e999", "query parameter 'wait' must be a finite number, not '1e999'"),
        ("wait=-1", "query parameter 'wait' must be a number from 0 on, not '-1'"),
    ],
)
async def test_numbers_in_a_query_are_checked(simulator: WhatsApp, bot: Phone, query: str, complaint: str) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{simulator.control_url}/phones/{BOT}/inbox?{query}") as answer,
    ):
        assert answer.status == 400
        assert complaint in await answer.text()


@pytest.mark.parametrize("path", ["/settled", f"/phones/{BOT}/inbox"])
def test_nobody_waits_longer_than_the_limit(path: str) -> None:
    assert waiting_time(make_mocked_request("GET", f"{path}?wait=99999999999999999999999")) == MAX_WAIT_SECONDS
    assert waiting_time(make_mocked_request("GET", f"{path}?wait=0.5")) == 0.5


async def test_a_state_folder_that_cannot_be_made_is_named_by_its_option() -> None:
    with pytest.raises(SetupError) as refused:
        async with run_service(Path("/proc/oxy")):
            pass
    assert str(refused.value) == (
        "the state folder /proc/oxy cannot be used: no folder can be made there;"
        " name another with --state, or mend this one"
    )


def test_wrong_options_of_the_command_are_explained_as_the_control_api_does() -> None:
    done = command("serve", "--proxy-port", "abc", "--pairing-seconds", "nan", "--kept-messages", "1.5")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "oxy-simulator: these settings are wrong:",
        "  --proxy-port (OXY_SIMULATOR_PROXY_PORT) is 'abc': must be a whole number",
        "  --pairing-seconds (OXY_SIMULATOR_PAIRING_SECONDS) is 'nan': must be a finite number",
        "  --kept-messages (OXY_SIMULATOR_KEPT_MESSAGES) is '1.5': must be a whole number",
    ]
    done = command("phone", "+5511911111111", "--within", "inf")
    assert "argument --within: must be a finite number" in done.stderr


async def test_a_phone_still_writes_to_itself(simulator: WhatsApp, bot: Phone) -> None:
    written = await simulator.api.self_chat(bot.number, "lembrar do leite")
    assert (await simulator.api.message(bot.number, written)).text == "lembrar do leite"
