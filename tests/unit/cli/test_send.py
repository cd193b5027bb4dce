"""What `oxy send` refuses by itself, what it asks of a worker, and what it says."""

import os
from pathlib import Path
from uuid import UUID

import pytest

from oxy_cli.commands.send import Message, freeze_of, hindrance_of, order_of, problem_of, sentence, unfit
from oxy_cli.instance import InstanceView
from oxy_core.outbound import SendRefusal
from oxy_core.send_command import MAX_FILE_BYTES, FileOrder, SendAnswer, SendState

PHONE = "+5511987654321"
PLACE = "petshop -n shop"
PICTURE, NOTE = Path("cat.jpg"), Path("note.ogg")


def instance(status: dict[str, object] | None = None, **spec: object) -> InstanceView:
    metadata = {"namespace": "n", "name": "shop", "creationTimestamp": "2026-03-04T11:00:00Z"}
    fields = {"organizationId": "org", "phoneNumber": "+5511900000000", **spec}
    return InstanceView.of({"metadata": metadata, "spec": fields, "status": status})


def condition(kind: str, status: str, message: str) -> dict[str, str]:
    return {"type": kind, "status": status, "message": message, "reason": "R", "lastTransitionTime": ""}


@pytest.mark.parametrize(
    "message",
    [Message("Oi"), Message(file=PICTURE), Message(file=PICTURE, caption="Um gato"), Message(voice=NOTE)],
)
def test_a_text_or_a_file_can_be_sent(message: Message) -> None:
    assert problem_of(PHONE, message) is None


@pytest.mark.parametrize(
    ("phone", "message", "part"),
    [
        ("11987654321", Message("Oi"), "as +5511987654321"),
        ("+55 11 98765-4321", Message("Oi"), "as +5511987654321"),
        (f"{PHONE}\n", Message("Oi"), "as +5511987654321"),
        (PHONE, Message(), "nothing to send"),
        (PHONE, Message(""), "nothing to send"),
        (PHONE, Message(" \n"), "nothing to send"),
        (PHONE, Message("Ol\udce1"), "not UTF-8"),
        (PHONE, Message(caption="Um gato"), "nothing to send"),
        (PHONE, Message("Oi", caption="Um gato"), "--caption belongs to a file"),
        (PHONE, Message("Oi", file=PICTURE), "as --caption"),
        (PHONE, Message(file=PICTURE, voice=NOTE), "one after the other"),
        (PHONE, Message(voice=NOTE, caption="Oi"), "no caption"),
    ],
)
def test_what_is_no_message_is_refused_with_what_to_do(phone: str, message: Message, part: str) -> None:
    assert part in (problem_of(phone, message) or "")


@pytest.mark.parametrize(
    ("found", "part"),
    [
        (instance(suspend=True), "spec.suspend"),
        (instance({"conditions": [condition("Accepted", "False", "The number is taken.")]}), "The number is taken."),
        (instance({"repair": {"required": True}, "conditions": [condition("Ready", "False", "oxy pair")]}), "oxy pair"),
    ],
)
def test_an_instance_that_sends_nothing_says_why(found: InstanceView, part: str) -> None:
    assert part in (hindrance_of(found) or "")


def test_an_instance_that_is_away_for_a_while_takes_orders() -> None:
    assert hindrance_of(instance({"phase": "Reconnecting"})) is None


def test_an_order_names_the_file_without_its_folder(tmp_path: Path) -> None:
    order = order_of(instance(), PHONE, Message(file=tmp_path / "cat.jpg", caption="Um gato"), size=7, wait_seconds=0)
    assert order.file == FileOrder(name="cat.jpg", size=7, caption="Um gato")
    assert (order.organization, order.instance, order.text) == ("org", "shop", None)


def test_only_files_of_a_size_that_can_be_sent_are_opened(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert "is not a file" in (unfit(tmp_path.stat()) or "")
    path.touch()
    assert "is empty" in (unfit(path.stat()) or "")
    os.truncate(path, MAX_FILE_BYTES)
    assert unfit(path.stat()) is None
    os.truncate(path, MAX_FILE_BYTES + 1)
    assert "at most 16 MiB" in (unfit(path.stat()) or "")


@pytest.mark.parametrize("state", SendState)
def test_the_result_never_shows_the_whole_number(state: SendState) -> None:
    said = sentence(SendAnswer(id=UUID(int=1), state=state, error="WhatsApp refused it"), PHONE, PLACE)
    assert "…4321" in said
    assert "98765" not in said
    assert ("WhatsApp refused it" in said) == (state not in {SendState.SENT, SendState.WAITING})


def test_a_lock_of_whatsapp_is_named_with_what_can_be_done() -> None:
    answer = SendAnswer(id=UUID(int=1), state=SendState.WAITING, refusal=SendRefusal.REACHOUT_LOCKED)
    said = sentence(answer, PHONE, PLACE)
    assert "WhatsApp lets the number write to nobody first" in said
    assert "oxy campaign resume petshop -n shop --instance" in said
    assert "until sending is thawed" in sentence(answer, PHONE, PLACE, frozen=True)


@pytest.mark.parametrize("state", SendState)
def test_a_freeze_is_named_where_it_is_why_nothing_was_sent(state: SendState) -> None:
    said = sentence(SendAnswer(id=UUID(int=1), state=state), PHONE, PLACE, frozen=True)
    assert ("thawed" in said) == (state in {SendState.WAITING, SendState.EXPIRED})
    assert "thawed" not in sentence(SendAnswer(id=UUID(int=1), state=state), PHONE, PLACE)


def test_a_freeze_is_told_as_the_operator_words_it() -> None:
    told = "Nothing is sent since noon, by order of ana (prices). To send again, run: oxy thaw"
    assert freeze_of(instance({"conditions": [condition("Frozen", "True", told)]})) == told
    for given in (None, {"conditions": [condition("Frozen", "False", "What the assistant writes is sent.")]}):
        assert freeze_of(instance(given)) is None
