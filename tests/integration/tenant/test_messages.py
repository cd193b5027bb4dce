import json
from datetime import UTC, datetime, timedelta

import pytest
from integration.tenant.scene import BUSINESS, CUSTOMER, PATIENCE, PROBE_PAUSE, Scene, send_request, until

from oxy_core.envelopes import ConnectionState, MessageSeen, SendOutcome
from oxy_core.identity import Jid
from oxy_core.message_kinds import MessageKind
from oxy_core.outbound import SendRefusal
from oxy_core.trace import child_of, trace_id
from oxy_simulator.faults import FaultKind


async def test_texts_are_reported_in_order_with_both_addresses_of_the_chat(scene: Scene) -> None:
    await scene.pair()
    for number in range(20):
        await scene.customer.send(f"oi {number}", scene.business)
    messages = await scene.texts(20)
    assert [message.text for message in messages] == [f"oi {number}" for number in range(20)]
    assert [message.chat_sequence for message in messages] == list(range(1, 21))
    first = messages[0]
    assert first.chat.is_lid
    assert first.chat_alias == Jid.of_phone(CUSTOMER)
    assert (first.from_me, first.self_chat, first.push_name) == (False, False, "Ana")
    assert abs((first.sent_at - datetime.now(UTC)).total_seconds()) < 60
    reports = await scene.bus.stored()
    assert [report.journal_sequence for report in reports] == list(range(1, len(reports) + 1))


async def test_a_chat_keeps_its_address_when_the_phone_number_is_used_instead(scene: Scene) -> None:
    await scene.pair()
    chat = await scene.chat()
    await scene.simulator.phone(CUSTOMER, "Ana", addressing="pn")
    assert await scene.chat() == chat
    assert [message.chat_sequence for message in await scene.bus.messages()] == [1, 2]


async def test_a_repeated_message_id_is_reported_once(scene: Scene) -> None:
    await scene.pair()
    identity = await scene.customer.send("uma vez", scene.business)
    await scene.customer.send("uma vez", scene.business, message_id=identity)
    await scene.customer.send("depois", scene.business)
    assert [message.text for message in await scene.texts(2)] == ["uma vez", "depois"]


async def test_an_answer_names_the_message_it_quotes(scene: Scene) -> None:
    await scene.pair()
    chat = await scene.chat()
    await scene.bus.request(send_request(chat, "Qual o nome?"))
    question = await scene.customer.expect("Qual o nome?", within=PATIENCE)
    await scene.customer.send("Rex", scene.business, quote=question.id)
    assert (await scene.texts(2))[1].quoted_id == question.id


async def test_the_message_yourself_chat_is_recognised_and_can_be_answered(scene: Scene) -> None:
    await scene.pair()
    await scene.business.self_chat("resumo")
    [message] = await scene.texts(1)
    assert (message.from_me, message.self_chat, message.text) == (True, True, "resumo")
    assert message.chat_alias == Jid.of_phone(BUSINESS)
    await scene.business.self_chat("e agora?")
    await scene.texts(2)
    request = send_request(message.chat, "12 mensagens", based_on=1)
    await scene.bus.request(request)
    await scene.business.expect("12 mensagens", within=PATIENCE)
    assert (await scene.result(request)).outcome is SendOutcome.SENT


async def test_a_repeated_request_is_accepted_each_time_and_sent_once(scene: Scene) -> None:
    await scene.pair()
    request = send_request(await scene.chat(), "Olá!")
    for _ in range(3):
        await scene.bus.request(request)
    await until(lambda: len(scene.bus.accepted) == 3, what="three confirmations")
    assert {accepted.request_id for accepted in scene.bus.accepted} == {request.id}
    result = await scene.result(request)
    message = await scene.customer.expect("Olá!", within=PATIENCE)
    assert (result.outcome, result.whatsapp_id) == (SendOutcome.SENT, message.id)
    await scene.bus.request(request)
    await until(lambda: len(scene.bus.accepted) == 4, what="the fourth confirmation")
    after = send_request(Jid.of_phone(CUSTOMER), "fim")
    await scene.bus.request(after)
    await scene.customer.expect("fim", within=PATIENCE)
    assert [entry.text for entry in await scene.customer.inbox() if not entry.from_me and entry.kind == "text"] == [
        "Olá!",
        "fim",
    ]


async def test_requests_of_a_chat_are_sent_in_order(scene: Scene) -> None:
    await scene.pair()
    chat = await scene.chat()
    for number in range(30):
        await scene.bus.request(send_request(chat, f"parte {number}"))
    await scene.customer.expect("parte 29", within=PATIENCE)
    texts = [entry.text for entry in await scene.customer.inbox() if not entry.from_me and entry.kind == "text"]
    assert texts == [f"parte {number}" for number in range(30)]


async def test_an_answer_from_the_phone_supersedes_requests_based_on_earlier_messages(scene: Scene) -> None:
    await scene.pair()
    chat = await scene.chat()
    await scene.business.send("já respondo", scene.customer)
    own = (await scene.texts(2))[1]
    assert (own.from_me, own.self_chat, own.chat, own.chat_sequence) == (True, False, chat, 2)
    late, aware, forced = (
        send_request(chat, "tarde", based_on=1),
        send_request(chat, "ciente", based_on=2),
        send_request(chat, "aviso"),
    )
    for request in (late, aware, forced):
        await scene.bus.request(request)
    assert (await scene.result(late)).outcome is SendOutcome.SUPERSEDED
    assert (await scene.result(aware)).outcome is SendOutcome.SENT
    assert (await scene.result(forced)).outcome is SendOutcome.SENT
    assert [entry.text for entry in await scene.customer.inbox() if not entry.from_me and entry.kind == "text"] == [
        "já respondo",
        "ciente",
        "aviso",
    ]


async def test_an_expired_request_is_not_sent(scene: Scene) -> None:
    await scene.pair()
    chat = await scene.chat()
    request = send_request(chat, "ontem", expires_at=datetime.now(UTC) - timedelta(seconds=1))
    await scene.bus.request(request)
    assert (await scene.result(request)).outcome is SendOutcome.EXPIRED
    assert [entry.text for entry in await scene.customer.inbox() if not entry.from_me and entry.kind == "text"] == []


async def test_a_request_for_another_instance_is_refused(scene: Scene) -> None:
    await scene.pair()
    chat = await scene.chat()
    await scene.bus.request(send_request(chat, "de outro", instance="other"))
    await scene.bus.request(send_request(chat, "nosso"))
    await scene.customer.expect("nosso", within=PATIENCE)
    assert [entry.text for entry in await scene.customer.inbox() if not entry.from_me and entry.kind == "text"] == [
        "nosso"
    ]
    assert await scene.runtime.metric("oxy_tenant_sends_rejected_total") == 1


async def test_a_number_without_whatsapp_fails_with_its_reason(scene: Scene) -> None:
    await scene.pair()
    request = send_request(Jid.of_phone("+5511977777777"), "alguém?")
    await scene.bus.request(request)
    result = await scene.result(request)
    assert (result.outcome, result.refusal) == (SendOutcome.FAILED, SendRefusal.NOT_ON_WHATSAPP)
    assert "not on WhatsApp" in (result.error or "")
    assert "5511977777777" not in scene.runtime.log


@pytest.mark.parametrize(
    ("fault", "options"),
    [
        (FaultKind.RATE_LIMIT, {}),
        (FaultKind.REFUSE, {"code": 500}),
        (FaultKind.REFUSE, {"code": 463}),
    ],
)
async def test_what_whatsapp_refuses_for_now_is_sent_later_and_in_order(
    scene: Scene, fault: FaultKind, options: dict[str, int]
) -> None:
    await scene.pair()
    chat = await scene.chat()
    other = await scene.simulator.phone("+5511922222222", "Bia")
    await scene.business.fault(fault, peer=CUSTOMER, count=1_000, **options)  # until it is cleared
    requests = [send_request(chat, text) for text in ("primeira", "segunda")]
    for request in (*requests, unhindered := send_request(Jid.of_phone(other.number), "outra")):
        await scene.bus.request(request)
    assert (await scene.result(unhindered)).outcome is SendOutcome.SENT
    assert len(await scene.bus.results()) == 1
    refused = 'oxy_tenant_sends_postponed_total{cause="refused"}'
    await until(lambda: scene.runtime.metric(refused), what="a refusal", pause=PROBE_PAUSE)
    await scene.simulator.clear_faults()
    assert [(await scene.result(request, within=PATIENCE)).outcome for request in requests] == [SendOutcome.SENT] * 2
    assert [entry.text for entry in await scene.customer.inbox() if not entry.from_me and entry.kind == "text"] == [
        "primeira",
        "segunda",
    ]


async def test_what_whatsapp_refuses_for_good_fails_at_once_with_its_reason(scene: Scene) -> None:
    await scene.pair()
    chat = await scene.chat()
    await scene.business.fault(FaultKind.REFUSE, code=403)
    request = send_request(chat, "não")
    await scene.bus.request(request)
    result = await scene.result(request)
    assert result.outcome is SendOutcome.FAILED
    assert "403" in (result.error or "")


async def test_typing_is_shown_if_pacing_is_human(scene: Scene) -> None:
    await scene.pair()
    chat = await scene.chat()
    scene.runtime.write_settings(pacing="Human")
    await until(lambda: "settings_changed" in scene.runtime.log, what="the new settings")
    before = (await scene.simulator.api.packets())[-1].number
    await scene.bus.request(send_request(chat, "calma"))
    await scene.customer.expect("calma", within=PATIENCE)
    packets = await scene.simulator.api.packets(before)
    written = [packet.text for packet in packets if packet.direction == "from-client"]
    shown = [mark for text in written for mark in ("<composing", "<paused", "<message ") if mark in text]
    assert shown == ["<composing", "<paused", "<message "]


async def test_an_undecryptable_message_is_reported_and_so_is_its_retry(scene: Scene) -> None:
    await scene.pair()
    await scene.chat()
    await scene.customer.fault("corrupt")
    await scene.business.fault("corrupt")
    await scene.customer.send("ilegível", scene.business)
    messages = await scene.texts(2)
    kinds = [(message.kind, message.chat_sequence) for message in await scene.bus.messages()]
    assert messages[-1].text == "ilegível"
    assert kinds == [(MessageKind.TEXT, 1), (MessageKind.UNDECRYPTABLE, 2), (MessageKind.TEXT, 3)]


async def test_live_state_and_reports_show_the_connection(scene: Scene) -> None:
    await scene.pair()
    state = await scene.bus.state(ConnectionState.CONNECTED)
    assert (state.pod_uid, state.epoch, state.pairing, state.attempts) == ("pod-1", 1, None, 0)
    assert state.jid is not None
    assert state.jid.phone == BUSINESS
    assert (state.session_bytes or 0) > 0
    connections = await until(scene.bus.connections, what="a connection report")
    assert [change.state for change in connections] == [ConnectionState.CONNECTED]
    assert await scene.runtime.metric("oxy_tenant_connected") == 1


async def test_no_text_and_no_phone_number_is_logged(scene: Scene) -> None:
    await scene.pair()
    chat = await scene.chat()
    await scene.bus.request(send_request(chat, "palavra secreta"))
    await scene.customer.expect("palavra secreta", within=PATIENCE)
    assert "secreta" not in scene.runtime.log
    assert CUSTOMER[1:] not in scene.runtime.log
    assert BUSINESS[1:] not in scene.runtime.log


def steps(scene: Scene, trace: str) -> list[str]:
    """Return what one grep for a trace finds in the pod's log; threads may log a little out of order."""
    whole, _, _ = scene.runtime.log.rpartition("\n")
    lines = [json.loads(line) for line in whole.splitlines() if trace in line]
    assert all(trace in line.get("trace_ids", (line.get("trace_id"),)) and line["level"] == "info" for line in lines)
    return sorted(line["event"] for line in lines)


async def test_one_grep_follows_a_message_and_its_answer_through_the_pod(scene: Scene) -> None:
    await scene.pair()
    chat = await scene.chat()
    [seen] = [report for report in await scene.bus.stored() if isinstance(report.body, MessageSeen)]
    # The pod hears that the bus has the report after the test sees it there.
    to_bus = ["message_journalled", "reports_published"]
    await until(lambda: steps(scene, trace_id(seen.trace)) == to_bus, what="the message's lines")
    answer = send_request(chat, "Olá!", trace=child_of(seen.trace))
    await scene.bus.request(answer)
    await scene.result(answer)
    back = ["reports_published", "send_accepted", "send_finished"]
    await until(lambda: len(steps(scene, trace_id(seen.trace))) == 5, what="the answer's lines")
    assert steps(scene, trace_id(seen.trace)) == sorted([*to_bus, *back])
