"""What the journal knows of received messages beside their content."""

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from nacl.bindings import crypto_aead_aes256gcm_encrypt
from unit.tenant.messages import LID, NOW, OWN, PHONE, Clock, incoming, request

from oxy_core.content import Edit, EventAnswer, MessageSource, Notice, PlaceholderReason, Poll, Target, Vote
from oxy_core.envelopes import MessageSeen, Report, SendOutcome, SendResult
from oxy_core.files import FileFailed, FileFailure
from oxy_core.identity import Jid
from oxy_core.message_kinds import MessageKind
from oxy_core.report_bodies import MessageLost, ReceiptKind, ReceiptsSeen
from oxy_tenant.content.automatic import ChatActivity, source_of_own
from oxy_tenant.content.received import IncomingMessage, ReceivedFile, SealedAnswer, SecretUse
from oxy_tenant.content.sealing import MOST_SEALED
from oxy_tenant.content.wire import wire_fields
from oxy_tenant.journal.journal import Journal
from oxy_tenant.journal.receipts import Receipt

OTHER = Jid.parse("222@lid")
SECRET = b"s" * 32
AWAY = "Estamos fechados, voltamos às 8h."


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def journal(tmp_path: Path, clock: Clock) -> Iterator[Journal]:
    journal = Journal.open(tmp_path / "journal.db", organization="acme", instance="shop", clock=clock)
    yield journal
    journal.close()


def receive(journal: Journal, message: IncomingMessage) -> MessageSeen:
    report = journal.inbound.receive(message)
    assert report is not None
    assert isinstance(report.body, MessageSeen)
    return report.body


def reports(journal: Journal) -> list[Report]:
    return [Report.decode(entry.envelope) for entry in journal.reports.waiting(0, 1_000)]


# -- who wrote it


def answer(journal: Journal, name: str, chat: Jid, after: float, text: str = AWAY) -> MessageSource | None:
    """Let a customer write and the phone answer so many seconds later; return who the answer is of."""
    at = journal.clock()
    receive(journal, incoming(f"{name}?", chat, sent_at=at))
    own = incoming(
        f"{name}!", chat, from_me=True, source=MessageSource.PHONE, text=text, sent_at=at + timedelta(seconds=after)
    )
    return receive(journal, own).source


def test_what_is_said_at_once_to_everyone_is_of_no_person(journal: Journal, clock: Clock) -> None:
    assert answer(journal, "A", LID, 1) is MessageSource.PHONE  # nobody can tell yet
    assert answer(journal, "B", OTHER, 1) is MessageSource.GREETING
    assert journal.chats.own_sequence(LID) == 2
    assert journal.chats.own_sequence(OTHER) == 0
    clock.advance(days=1)
    assert answer(journal, "C", OTHER, 2) is MessageSource.AWAY
    clock.advance(days=1)
    assert answer(journal, "D", OTHER, 5) is MessageSource.PHONE
    clock.advance(days=20)
    assert answer(journal, "E", OTHER, 1) is MessageSource.GREETING
    assert answer(journal, "F", Jid.parse("333@lid"), 1, "Oi, Ana!") is MessageSource.PHONE


AT = NOW.timestamp()


@pytest.mark.parametrize(
    ("changes", "activity", "source"),
    [
        ({}, ChatActivity(contact_at=AT - 1), MessageSource.GREETING),
        ({}, ChatActivity(contact_at=AT - 1, before=AT - 86_400), MessageSource.AWAY),
        ({}, ChatActivity(contact_at=AT - 3), MessageSource.PHONE),
        ({}, ChatActivity(contact_at=AT - 1, own_at=AT), MessageSource.PHONE),
        ({}, ChatActivity(), MessageSource.PHONE),
        ({"source": MessageSource.COMPANION}, ChatActivity(contact_at=AT - 1), MessageSource.COMPANION),
        ({"kind": MessageKind.IMAGE}, ChatActivity(contact_at=AT - 1), MessageSource.PHONE),
        ({"sent_at": None}, ChatActivity(contact_at=AT - 1), MessageSource.PHONE),
    ],
)
def test_a_machine_answers_first_with_a_text_from_the_phone(
    changes: dict[str, object], activity: ChatActivity, source: MessageSource
) -> None:
    own = incoming("A", from_me=True, **({"source": MessageSource.PHONE} | changes))
    assert source_of_own(own, activity, said_before=True) is source
    assert source_of_own(own, activity, said_before=False) is own.source


@pytest.mark.parametrize("kind", [MessageKind.REACTION, MessageKind.VOTE, MessageKind.EDIT, MessageKind.NOTICE])
def test_a_reaction_of_the_business_answers_nobody(journal: Journal, kind: MessageKind) -> None:
    receive(journal, incoming("A"))
    receive(journal, incoming("B", from_me=True, kind=kind, source=MessageSource.PHONE))
    assert journal.chats.own_sequence(LID) == 0
    receive(journal, incoming("C", from_me=True, kind=MessageKind.IMAGE, source=MessageSource.PHONE))
    assert journal.chats.own_sequence(LID) == 3


# -- when it was sent


def test_what_waited_since_before_the_pairing_says_so(journal: Journal, clock: Clock) -> None:
    clock.advance(hours=1)
    journal.inbound.linked(Jid.parse("999:7@lid"))
    clock.advance(hours=1)
    journal.inbound.linked(Jid.parse("999:7@lid"))
    old = receive(journal, incoming("A", sent_at=NOW))
    assert (old.before_pairing, old.offline) == (True, True)
    assert not receive(journal, incoming("B", sent_at=NOW + timedelta(hours=1.5))).before_pairing
    journal.inbound.linked(Jid.parse("999:8@lid"))
    assert receive(journal, incoming("C", sent_at=NOW + timedelta(hours=1.5))).before_pairing
    # Our clock may be wrong; one that comes as soon as it was sent was not sent before.
    assert not receive(journal, incoming("D", sent_at=NOW, live=True)).before_pairing


def test_a_journal_of_older_code_does_not_take_its_customers_for_strangers(journal: Journal, clock: Clock) -> None:
    receive(journal, incoming("A"))
    clock.advance(hours=1)
    journal.inbound.linked(Jid.parse("999:7@lid"))
    assert not receive(journal, incoming("B", sent_at=NOW)).before_pairing


# -- answers that are encrypted with the secret of what they answer


def sealed(use: SecretUse, plain: bytes, voter: Jid = PHONE, author: Jid = OWN, secret: bytes = SECRET) -> SealedAnswer:
    info = f"TARGET{author}{voter}{use.value}".encode()
    key = hmac.digest(hmac.digest(bytes(32), secret, "sha256"), info + b"\x01", "sha256")
    iv = b"i" * 12
    extra = None if use is SecretUse.MESSAGE_EDIT else f"TARGET\0{voter}".encode()
    ciphertext = crypto_aead_aes256gcm_encrypt(plain, extra, iv, key)
    return SealedAnswer(use, "TARGET", ciphertext, iv, parties=(LID, PHONE, OWN))


def voted(*options: str) -> SealedAnswer:
    hashes = [hashlib.sha256(option.encode()).digest() for option in options]
    return sealed(SecretUse.POLL_VOTE, b"".join(b"\x0a\x20" + found for found in hashes))


def vote(journal: Journal, whatsapp_id: str, answer: SealedAnswer) -> MessageSeen:
    details = Vote(target=Target(whatsapp_id="TARGET"), resolved=False)
    return receive(journal, incoming(whatsapp_id, kind=MessageKind.VOTE, text=None, details=details, sealed=answer))


def poll(whatsapp_id: str = "TARGET") -> IncomingMessage:
    details = Poll(options=("hoje", "depois"), total=2)
    return incoming(whatsapp_id, kind=MessageKind.POLL, details=details, secret=SECRET, from_me=True)


def test_votes_are_named_by_the_options_of_their_poll(journal: Journal) -> None:
    early = vote(journal, "A", voted("hoje"))
    assert (early.text, early.details) == (None, Vote(target=Target(whatsapp_id="TARGET"), resolved=False))
    receive(journal, poll())
    assert vote(journal, "B", voted("depois", "hoje")).text == "hoje, depois"
    # One option of a vote that is not known would make it another vote.
    unknown = vote(journal, "C", voted("hoje", "nunca"))
    assert (unknown.text, unknown.details) == (None, Vote(target=Target(whatsapp_id="TARGET"), resolved=False))
    taken_back = vote(journal, "D", voted())
    assert isinstance(taken_back.details, Vote)
    assert (taken_back.details.resolved, taken_back.details.options) == (True, ())


def test_a_vote_that_cannot_be_opened_stays_a_vote(journal: Journal) -> None:
    receive(journal, poll())
    good = voted("hoje")
    for number, change in enumerate(({"iv": b""}, {"ciphertext": b"?"}, {"parties": (LID,)}, {"target_id": "NONE"})):
        values = {"use": good.use, "target_id": "TARGET", "ciphertext": good.ciphertext, "iv": good.iv}
        broken = SealedAnswer(**({"parties": good.parties} | values | change))  # type: ignore[arg-type]
        message = vote(journal, f"V{number}", broken)
        assert isinstance(message.details, Vote)
        assert not message.details.resolved


def test_an_answer_to_an_event_says_who_comes(journal: Journal) -> None:
    receive(journal, incoming("TARGET", kind=MessageKind.EVENT, secret=SECRET, from_me=True))
    details = EventAnswer(target=Target(whatsapp_id="TARGET"))
    going = sealed(SecretUse.EVENT_RESPONSE, b"\x08\x01\x10\x05\x18\x02")
    message = incoming("A", kind=MessageKind.EVENT_REPLY, text=None, details=details, sealed=going)
    seen = receive(journal, message).details
    assert isinstance(seen, EventAnswer)
    assert (seen.response, seen.extra_guests) == ("going", 2)


@pytest.mark.parametrize("data", [b"\xff" * 40, b"\x0a\xff\xff\xff\xff\x0f", b"\x0d1234", b"\x0a"])
def test_rubbish_in_an_answer_ends_its_reading(data: bytes) -> None:
    assert all(isinstance(field, int) for field, _ in wire_fields(data))


def test_a_number_without_end_ends_the_reading_of_an_answer(journal: Journal) -> None:
    assert [value for _, value in wire_fields(b"\x08" + b"\xff" * 100_000)] == [0]
    receive(journal, poll())
    huge = vote(journal, "A", voted(*["hoje"] * (MOST_SEALED // 34 + 1)))
    assert isinstance(huge.details, Vote)
    assert not huge.details.resolved


def edit(
    journal: Journal, whatsapp_id: str, who: Jid = PHONE, secret: bytes = SECRET, **changes: object
) -> MessageSeen:
    target = Target(whatsapp_id="TARGET")
    found = sealed(SecretUse.MESSAGE_EDIT, "às 16h".encode(), who, who, secret)
    found = replace(found, read_edit=lambda plain: (plain, Edit(target=target)))
    values = {"kind": MessageKind.EDIT, "text": None, "details": Edit(target=target), "sealed": found}
    return receive(journal, incoming(whatsapp_id, **values, **changes))


def test_an_edit_is_read_with_the_secret_of_the_message_for_a_week(journal: Journal, clock: Clock) -> None:
    early = edit(journal, "A")
    notice = Notice(name="sealed_edit", target=Target(whatsapp_id="TARGET"))
    assert (early.kind, early.details) == (MessageKind.NOTICE, notice)
    receive(journal, incoming("TARGET", text="às 15h", secret=SECRET))
    receive(journal, poll("POLL"))
    assert (edit(journal, "B").kind, edit(journal, "C").text) == (MessageKind.EDIT, "às 16h")
    clock.advance(days=8)
    journal.prune()
    assert edit(journal, "D").kind is MessageKind.NOTICE
    assert journal.database.read("SELECT whatsapp_id FROM answerables") == [("POLL",)]


def test_an_edit_on_the_phone_of_what_was_sent_from_here_is_read(journal: Journal) -> None:
    one = request("às 15h")
    journal.sends.accept([one])
    secret = journal.sends.begin_attempt(one.id)
    journal.sends.finish(one, SendResult(request_id=one.id, outcome=SendOutcome.SENT, whatsapp_id="TARGET"))
    own = edit(journal, "A", OWN, secret, from_me=True, source=MessageSource.PHONE)
    assert (own.kind, own.text) == (MessageKind.EDIT, "às 16h")


# -- receipts, files, losses


def sent(journal: Journal, count: int) -> dict[str, UUID]:
    """Send so many texts; return their requests by WhatsApp id."""
    wanted = {f"W{number}": request() for number in range(count)}
    journal.sends.accept(list(wanted.values()))
    for whatsapp_id, one in wanted.items():
        result = SendResult(request_id=one.id, outcome=SendOutcome.SENT, whatsapp_id=whatsapp_id)
        journal.sends.finish(one, result)
    return {whatsapp_id: one.id for whatsapp_id, one in wanted.items()}


def test_receipts_are_reported_once_and_together_with_the_requests(journal: Journal) -> None:
    ids = sent(journal, 300)
    receipts = [Receipt(ReceiptKind.DELIVERED, whatsapp_id, NOW) for whatsapp_id in ids]
    strange = Receipt(ReceiptKind.READ, "STRANGE", NOW)
    assert journal.receipts.report([*receipts, *receipts, strange]) == [strange]
    read = Receipt(ReceiptKind.READ, "W7", NOW)
    journal.receipts.report([read, receipts[7], read])
    bodies = [report.body for report in reports(journal) if isinstance(report.body, ReceiptsSeen)]
    assert [(body.kind, len(body.request_ids)) for body in bodies] == [
        (ReceiptKind.DELIVERED, 256),
        (ReceiptKind.DELIVERED, 44),
        (ReceiptKind.READ, 1),
    ]
    assert {ids[whatsapp_id] for body in bodies for whatsapp_id in body.whatsapp_ids} == set(ids.values())
    assert bodies[-1].request_ids == (ids["W7"],)


def test_a_file_is_announced_with_its_message_and_fails_if_it_is_nowhere(journal: Journal) -> None:
    file = ReceivedFile(pointer=None, mime="image/jpeg", size=9)
    seen = receive(journal, incoming("A", kind=MessageKind.IMAGE, text="o Rex", file=file))
    assert seen.file is not None
    assert (seen.file.mime, seen.file.size) == ("image/jpeg", 9)
    assert reports(journal)[-1].body == FileFailed(media_id=seen.file.id, reason=FileFailure.UNREADABLE)


def test_a_lost_message_has_its_place_in_the_chat_and_a_report_of_its_own(journal: Journal) -> None:
    lost = incoming("A", kind=MessageKind.UNDECRYPTABLE, text=None, sent_at=None)
    assert journal.inbound.report_loss(lost, "store") is not None
    assert journal.inbound.report_loss(lost, "store") is None
    place, report = (report.body for report in reports(journal))
    assert isinstance(place, MessageSeen)
    assert (place.chat_sequence, place.placeholder_reason) == (1, PlaceholderReason.LOST)
    assert report == MessageLost(whatsapp_id="A", chat=LID, sender=LID, found_by="store")
    assert [report.version for report in reports(journal)] == [1, 2]
