import base64
import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from aiohttp import FormData
from aiohttp.test_utils import TestClient, TestServer
from pydantic import ValidationError

from oxy_dev.model.faults import Fault, Faults
from oxy_dev.model.hearing import read_recording, transcript_of
from oxy_dev.model.prompt_cache import PromptCache
from oxy_dev.model.requests import ApiError, read_request
from oxy_dev.model.rules import OrderedRules
from oxy_dev.model.scenario import Rule, Scenario, Situation, react, render
from oxy_dev.model.server import ModelServer
from oxy_dev.model.text import date_in, fold, time_in, today_in
from oxy_dev.sample_files import photo, voice_note

PETSHOP = Scenario.read(Path(__file__).parents[3] / "dev/oxy_dev/model/petshop.yaml")
SUNDAY = date(2026, 11, 22)


def situation(user: str, *, system: str = "Você é a assistente", **changes: Any) -> Situation:  # noqa: ANN401 fields of any kind
    return replace(Situation(system, user, (), (), (), SUNDAY), **changes)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("amanhã", date(2026, 11, 23)),
        ("depois de amanhã às 10h", date(2026, 11, 24)),
        ("hoje", SUNDAY),
        ("na terça-feira", date(2026, 11, 24)),
        ("domingo", date(2026, 11, 29)),
        ("dia 25/12", date(2026, 12, 25)),
        ("dia 3/1", date(2027, 1, 3)),
        ("2026-12-01", date(2026, 12, 1)),
        ("quando puder", None),
    ],
)
def test_days_are_understood(text: str, expected: date | None) -> None:
    assert date_in(text, SUNDAY) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("às 10h", "10:00"), ("9:30", "09:30"), ("14h15", "14:15"), ("8 horas", "08:00"), ("oi", None)],
)
def test_times_are_understood(text: str, expected: str | None) -> None:
    assert time_in(text) == expected


def test_the_assistants_day_is_read_from_its_prompt() -> None:
    assert today_in("Hoje é 2031-02-03 (segunda-feira)", SUNDAY) == date(2031, 2, 3)
    assert today_in("nada", SUNDAY) == SUNDAY
    assert fold("ÀÇÃO é") == "acao e"


def test_a_rule_calls_a_tool_with_what_the_customer_said() -> None:
    reaction = react(PETSHOP, situation("Quais horários vocês têm para banho amanhã?"))
    assert [(name, json.loads(arguments)) for name, arguments in reaction.calls] == [
        ("consultar_horarios", {"servico": "banho", "data": "2026-11-23"})
    ]


def test_an_argument_that_was_not_said_is_left_out() -> None:
    reaction = react(PETSHOP, situation("quero um banho"))
    assert json.loads(reaction.calls[0][1]) == {"servico": "banho"}


def test_the_first_free_time_is_booked_in_two_steps_from_what_was_said_before() -> None:
    text = "Pode marcar o primeiro horário para o Thor, por favor?"
    asked = situation(text, earlier=("Oi! Quais horários vocês têm para banho amanhã?",))
    first = react(PETSHOP, asked)
    assert (first.calls[0][0], json.loads(first.calls[0][1])["data"]) == ("consultar_horarios", "2026-11-23")
    result = json.dumps({"servico": "Banho", "dias": [{"data": "2026-11-23", "horarios": ["09:00", "09:30"]}]})
    second = react(PETSHOP, situation(text, earlier=asked.earlier, called=("consultar_horarios",), results=(result,)))
    assert json.loads(second.calls[0][1]) == {
        "servico": "Banho",
        "data": "2026-11-23",
        "hora": "09:00",
        "nome_pet": "Thor",
    }


@pytest.mark.parametrize(
    ("text", "call"),
    [
        (
            "Oi! Quero cadastrar o Thor, um cachorro de porte médio.",
            ("cadastrar_pet", {"nome": "Thor", "especie": "cachorro", "porte": "médio"}),
        ),
        ("Cadastra a Mel, é uma gata", ("cadastrar_pet", {"nome": "Mel", "especie": "gata"})),
        ("dá para mudar o banho do Thor para mais tarde?", ("consultar_horarios", {"servico": "banho"})),
        ("pode desmarcar?", ("cancelar_agendamento", {})),
    ],
)
def test_rules_of_pets_and_bookings_call_their_tools(text: str, call: tuple[str, dict[str, str]]) -> None:
    reaction = react(PETSHOP, situation(text))
    assert [(name, json.loads(arguments)) for name, arguments in reaction.calls] == [call]


def test_one_of_several_bookings_is_moved_by_its_code() -> None:
    times = json.dumps({"dias": [{"data": "2026-11-23", "horarios": ["09:00", "09:30"]}]})
    unclear = json.dumps({"erro": "Não está claro", "agendamentos": [{"codigo": "ag-7"}, {"codigo": "ag-8"}]})
    asked = situation(
        "dá para mudar o banho do Thor para mais tarde?",
        called=("consultar_horarios", "remarcar_agendamento"),
        results=(times, unclear),
    )
    [(name, arguments)] = react(PETSHOP, asked).calls
    assert (name, json.loads(arguments)) == (
        "remarcar_agendamento",
        {"codigo": "ag-7", "data": "2026-11-23", "hora": "09:30"},
    )


def test_a_customers_shop_may_be_called_aurora() -> None:
    reaction = react(PETSHOP, situation("oi", system='Você é a assistente virtual do pet shop "Pet Shop Aurora"'))
    assert reaction.rule == "greeting"


def test_without_tools_no_rule_calls_one() -> None:
    assert react(PETSHOP, situation("quero um banho", tools_allowed=False)).calls == ()


def test_templates_show_lists_and_leave_out_what_is_missing() -> None:
    assert render("{a.b}: {c.1} {d}!", {"a": {"b": ["x", "y"]}, "c": ["p", "q"]}) == "x, y: q !"


@pytest.mark.parametrize(
    "rule",
    [{"name": "x"}, {"name": "x", "reply": "a", "calls": [{"tool": "t"}]}, {"name": "x", "reply": "a", "user": "("}],
)
def test_a_wrong_rule_is_refused(rule: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Scenario.model_validate({"rules": [rule], "default": "x"})


def test_a_rule_may_wait_for_an_objection_to_the_answer() -> None:
    scenario = Scenario.model_validate(
        {
            "rules": [
                {"name": "better", "said_by_system": "preco", "reply": "Não sei o preço: {said_by_system}"},
                {"name": "worse", "reply": "Custa R$ 1,00."},
            ],
            "default": "x",
        }
    )
    assert react(scenario, situation("quanto custa?")).rule == "worse"
    objected = situation("quanto custa?", said_by_system="Preço inventado", called=("t",), results=("{}",))
    assert react(scenario, objected).text == "Não sei o preço: Preço inventado"


def test_a_rule_calls_several_tools_with_nested_arguments_or_with_text_that_is_no_json() -> None:
    calls = [
        {"tool": "a", "arguments": {"pets": [{"name": "{pet}", "age": "{age}"}], "n": 1, "gone": ["{age}"]}},
        {"tool": "b", "arguments": "{not json"},
    ]
    rule = {"name": "r", "user": "do (?P<pet>rex)", "calls": calls}
    reaction = react(Scenario.model_validate({"rules": [rule], "default": "x"}), situation("É do Rex"))
    assert [(name, arguments) for name, arguments in reaction.calls] == [
        ("a", '{"pets": [{"name": "Rex"}], "n": 1, "gone": []}'),
        ("b", "{not json"),
    ]


def test_rules_that_were_ordered_come_first_and_as_often_as_ordered() -> None:
    ordered = OrderedRules()
    ordered.add([Rule(name="always", reply="1"), Rule(name="never", reply="2")])
    ordered.add([Rule(name="once", reply="3", times=1), Rule(name="others", user="tchau", reply="4")])
    assert [ordered.react(situation(text)).rule for text in ("oi", "oi", "tchau")] == ["once", "always", "others"]
    ordered.clear()
    assert (bool(ordered), ordered.react(situation("oi"))) == (False, None)


def test_a_prompt_is_cached_as_far_as_it_equals_an_earlier_one_in_tools_and_messages() -> None:
    cache = PromptCache()
    same, rest = {"role": "system", "content": "a" * 4 * 1_500}, {"role": "system", "content": "b" * 4 * 300}
    assert cache.read({"messages": [same]}) == 0
    assert cache.read({"messages": [same, rest]}) == 1_408
    assert cache.read({"messages": [same, rest]}) == 1_792
    assert cache.read({"messages": [rest, same]}) == 0
    assert cache.read({"messages": [same], "tools": [{"type": "function"}]}) == 0


USER = {"role": "user", "content": "oi"}
CALL = {"id": "c1", "type": "function", "function": {"name": "t", "arguments": "{}"}}
ASSISTANT = {"role": "assistant", "content": None, "tool_calls": [CALL]}
TOOL = {"role": "tool", "tool_call_id": "c1", "content": "{}"}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (None, None),
        ({"messages": [USER]}, "model"),
        ({"model": "m"}, "messages"),
        ({"model": "m", "messages": []}, "messages"),
        ({"model": "m", "messages": [{"role": "robot", "content": "x"}]}, "messages.[0].role"),
        ({"model": "m", "messages": [{"role": "user", "content": None}]}, "messages.[0].content"),
        ({"model": "m", "messages": [USER, TOOL]}, "messages.[1].role"),
        ({"model": "m", "messages": [USER, ASSISTANT]}, "messages"),
        ({"model": "m", "messages": [USER, ASSISTANT, USER]}, "messages.[2]"),
        ({"model": "m", "messages": [USER, ASSISTANT, {**TOOL, "tool_call_id": "c2"}]}, "messages.[2].role"),
        ({"model": "m", "messages": [USER], "tools": []}, "tools"),
        ({"model": "m", "messages": [USER], "tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools[0]"),
        ({"model": "m", "messages": [USER], "temperature": 3}, "temperature"),
        ({"model": "m", "messages": [USER], "max_tokens": 0}, "max_tokens"),
        ({"model": "gpt-5-mini", "messages": [USER], "max_tokens": 9}, "max_tokens"),
        ({"model": "o4-mini", "messages": [USER], "temperature": 0.7}, "temperature"),
        ({"model": "m", "messages": [USER], "stream": True}, "stream"),
    ],
)
def test_a_malformed_request_is_refused_as_the_real_api_does(body: object, param: str | None) -> None:
    with pytest.raises(ApiError) as raised:
        read_request(body)
    assert raised.value.status == 400
    assert raised.value.body["error"]["param"] == param
    assert raised.value.body["error"]["type"] == "invalid_request_error"


def test_a_dialogue_with_tools_is_read() -> None:
    request = read_request({"model": "m", "messages": [USER, ASSISTANT, TOOL]})
    assert (request.user, request.called, request.results) == ("oi", ("t",), ("{}",))
    assert request.said_by_system is None
    objections = [{"role": "assistant", "content": "x"}, {"role": "system", "content": "não"}]
    objected = read_request({"model": "m", "messages": [{"role": "system", "content": "s"}, USER, *objections]})
    assert (objected.said_by_system, objected.system) == ("não", "s\nnão")


def test_faults_happen_as_often_as_ordered_to_those_who_match() -> None:
    faults = Faults()
    faults.pending = [Fault(kind="status", times=2, user="falhe")]
    assert [faults.take(text) is not None for text in ("oi", "Falhe!", "falhe", "falhe")] == [False, True, True, False]


async def test_the_server_takes_rules_and_shows_what_it_was_sent() -> None:
    async with TestClient(TestServer(ModelServer(None).application())) as client:
        refused = await client.post("/rules", json=[{"name": "x"}])
        assert (refused.status, "reply or calls" in await refused.text()) == (400, True)
        assert (await client.post("/rules", json=[{"name": "x", "user": "oi", "reply": "Olá"}])).status == 201
        body = {"model": "m", "messages": [USER]}
        answers = []
        for _ in range(2):
            answer = await client.post("/v1/chat/completions", json=body, headers={"Authorization": "Bearer x"})
            answers.append((await answer.json())["choices"][0]["message"]["content"])
            assert (await client.delete("/rules")).status == 204
        assert answers == ["Olá", "oi"]
        assert [json.loads(text) for text in await (await client.get("/bodies")).json()] == [body, body]


SHORT, LONG = "Quero marcar um banho", "Olá! " * 20_000


@pytest.mark.parametrize(("text", "seconds"), [(SHORT, 3), (LONG, 1), ("", 0.02)])
def test_a_sample_voice_note_says_its_words_to_the_server(text: str, seconds: float) -> None:
    heard = read_recording("voice.ogg", voice_note(text, seconds))
    assert (heard.text, heard.seconds) == (text, seconds)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("voice.oga", voice_note("oi")),
        ("voice", voice_note("oi")),
        ("voice.ogg", b""),
        ("voice.ogg", b"ID3" + bytes(500)),
        ("voice.ogg", voice_note("oi")[:40]),
    ],
)
def test_what_is_no_recording_is_refused(name: str, content: bytes) -> None:
    with pytest.raises(ApiError) as raised:
        read_recording(name, content)
    assert (raised.value.status, raised.value.body["error"]["param"]) == (400, "file")


def test_a_transcript_tells_what_it_costs_as_its_model_does() -> None:
    heard = read_recording("voice.ogg", voice_note(SHORT, 2))
    assert transcript_of(heard, "whisper-1")["usage"] == {"type": "duration", "seconds": 2}
    tokens = transcript_of(heard, "gpt-4o-mini-transcribe")["usage"]
    assert (tokens["input_token_details"]["audio_tokens"], tokens["output_tokens"]) == (20, 6)


def upload(name: str, content: bytes) -> FormData:
    form = FormData({"model": "gpt-4o-mini-transcribe"})
    form.add_field("file", content, filename=name, content_type="audio/ogg")
    return form


def looking(content: bytes) -> dict[str, Any]:
    url = "data:image/jpeg;base64," + base64.b64encode(content).decode()
    parts = [{"type": "text", "text": "O que se vê?"}, {"type": "image_url", "image_url": {"url": url}}]
    return {"model": "m", "messages": [{"role": "user", "content": parts}]}


async def test_the_server_hears_and_sees_and_keeps_what_it_was_sent() -> None:
    async with TestClient(
        TestServer(ModelServer(PETSHOP).application()), headers={"Authorization": "Bearer x"}
    ) as client:
        note, picture = voice_note(SHORT), photo("blue")
        await client.post("/faults", json={"kind": "status", "status": 503, "call": "transcription", "user": "banho"})
        answers = [await client.post("/v1/audio/transcriptions", data=upload("n.ogg", note)) for _ in range(2)]
        assert [answer.status for answer in answers] == [503, 200]
        assert (await answers[1].json())["text"] == SHORT
        seen = await client.post("/v1/chat/completions", json=looking(picture))
        assert (await seen.json())["choices"][0]["message"]["content"] == "foto azul de 320x240"
        await client.post("/rules", json=[{"name": "x", "reply": "?"}, {"name": "y", "sees": "azul", "reply": "O céu"}])
        seen = await client.post("/v1/chat/completions", json=looking(picture))
        assert (await seen.json())["choices"][0]["message"]["content"] == "O céu"
        assert (await client.post("/v1/chat/completions", json=looking(picture[:200]))).status == 400
        kept = [base64.b64decode(file["content"]) for file in await (await client.get("/files")).json()]
        assert kept == [note, note, picture, picture]
