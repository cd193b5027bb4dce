"""What the audit of a run with one tenant finds, and what it lets pass."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from chaos.breaking import Happened
from chaos.plan import Kind
from chaos.tenant.audit import judge, table
from chaos.tenant.known import Evidence
from chaos.tenant.people import Contact, Said

from oxy_core.content import FileOffered, PlaceholderReason
from oxy_core.envelopes import MessageSeen, Report, ReportBody, SendOutcome, SendRequest, SendResult
from oxy_core.files import FileArrived, FileFailed, FileFailure
from oxy_core.identity import Jid
from oxy_core.message_kinds import MessageKind
from oxy_core.report_bodies import MessageLost
from oxy_core.trace import new_trace
from oxy_simulator.faultkind import FaultKind
from oxy_simulator.mediadesk import MediaFaultKind
from oxy_simulator.replies import LineView, Message

NOW = datetime(2026, 11, 29, tzinfo=UTC)
EPOCH, FILE = UUID(int=1), UUID(int=2)
PHONE, BUSINESS = "+5511911111111", "5511900000001"
CHAT = Jid.parse("100000000000001@lid")
DIGEST, OTHER = "a" * 64, "b" * 64
REQUESTS = [
    SendRequest(
        id=UUID(int=10 + number),
        organization="acme",
        instance="shop",
        chat=CHAT,
        text=f"para-c00-{number}",
        created_at=NOW,
        trace=new_trace(),
    )
    for number in range(2)
]
SAID = [Said("A", "c00-0", 1.0), Said("B", "c00-1", 2.0)]


def seen(whatsapp_id: str, sequence: int, **changes: object) -> MessageSeen:
    values: dict[str, object] = {
        "whatsapp_id": whatsapp_id,
        "chat": CHAT,
        "sender": CHAT,
        "from_me": False,
        "kind": MessageKind.TEXT,
        "sent_at": NOW,
        "chat_sequence": sequence,
    }
    return MessageSeen.model_validate({**values, **changes})


def placeholder(whatsapp_id: str, sequence: int, reason: PlaceholderReason) -> MessageSeen:
    return seen(whatsapp_id, sequence, kind=MessageKind.UNDECRYPTABLE, placeholder_reason=reason)


def lost(whatsapp_id: str) -> MessageLost:
    return MessageLost(whatsapp_id=whatsapp_id, chat=CHAT, sender=CHAT, found_by="store")


def result(number: int, outcome: SendOutcome = SendOutcome.SENT) -> SendResult:
    return SendResult(request_id=REQUESTS[number].id, outcome=outcome, whatsapp_id=f"Z{number}")


def reports(*bodies: ReportBody) -> list[Report]:
    return [
        Report(
            id=UUID(int=100 + number),
            organization="acme",
            instance="shop",
            journal_epoch=EPOCH,
            journal_started_at=NOW,
            journal_sequence=number,
            occurred_at=NOW,
            trace=new_trace(),
            body=body,
        )
        for number, body in enumerate(bodies, 1)
    ]


def line(
    whatsapp_id: str, text: str, stages: dict[str, float], direction: str = "inbound", **changes: object
) -> LineView:
    values: dict[str, object] = {
        "number": 1,
        "id": whatsapp_id,
        "direction": direction,
        "account": BUSINESS,
        "device": 1,
        "chat": PHONE,
        "sender": PHONE,
        "text": text,
        "stages": stages,
        "deliveries": 1,
        "duplicates": 0,
        "error": None,
    }
    return LineView.model_validate({**values, **changes})


def shown(number: int, text: str, whatsapp_id: str) -> Message:
    return Message(
        number=number,
        id=whatsapp_id,
        chat=BUSINESS,
        sender=BUSINESS,
        from_me=False,
        kind="text",
        text=text,
        at=1.0,
        quoted_id=None,
        duplicate=False,
    )


GIVEN = [
    line("A", "c00-0", {"sent": 1.0, "relayed": 1.1, "receipted": 1.2}),
    line("B", "c00-1", {"sent": 2.0, "relayed": 2.1, "receipted": 2.2}),
]
TAKEN = [
    line("Z0", "para-c00-0", {"received": 3.0, "delivered": 3.1}, "outbound"),
    line("Z1", "para-c00-1", {"received": 4.0, "delivered": 4.1}, "outbound"),
]
UNREADABLE = line("Z1", "para-c00-1", {"received": 4.0, "undecryptable": 4.1, "retried": 4.1}, "outbound")
SHOWN = [shown(1, "para-c00-0", "Z0"), shown(2, "para-c00-1", "Z1")]
RIGHT = (seen("A", 1), seen("B", 2), result(0), result(1))


def evidence(*bodies: ReportBody, **changes: object) -> Evidence:
    person = Contact("c00", PHONE, said=list(SAID), asked=list(REQUESTS))
    found = Evidence(
        people=[person],
        reports=reports(*(bodies or RIGHT)),
        accepted=frozenset(request.id for request in REQUESTS),
        lines=[*GIVEN, *TAKEN],
        lost=frozenset(),
        inboxes={PHONE: SHOWN},
        linked=frozenset({1}),
    )
    return replace(found, **changes)


def given(first: Sequence[str] | dict[str, float], second: Sequence[str] | dict[str, float]) -> list[LineView]:
    """Life lines of both messages with other stages; all at time 1 where only names are given."""
    both = [stages if isinstance(stages, dict) else dict.fromkeys(stages, 1.0) for stages in (first, second)]
    return [
        *(one.model_copy(update={"stages": stages}) for one, stages in zip(GIVEN, both, strict=True)),
        *TAKEN,
    ]


def happened(kind: FaultKind | MediaFaultKind, began: float, ended: float) -> Happened:
    return Happened(kind, "whatsapp", began, ended)


def test_what_came_and_went_once_in_its_place_is_right() -> None:
    verdict = judge(evidence())
    assert verdict.wrong == []
    assert verdict.counts == {"said": 2, "reported": 2, "asked": 2, "sent": 2, "lost, then found": 0}


@pytest.mark.parametrize(
    ("found", "problem"),
    [
        (evidence(RIGHT[0], *RIGHT[2:]), "'c00-1' (B) is missing"),
        (evidence(*RIGHT, seen("A", 3)), "(A) was reported 2 times"),
        (evidence(*RIGHT, seen("X", 3)), "X was reported, and nobody said it"),
        (evidence(seen("B", 1), seen("A", 2), *RIGHT[2:]), "'c00-0' was reported after 'c00-1'"),
        (evidence(seen("A", 1), seen("B", 3), *RIGHT[2:]), "numbered without [2]"),
        (evidence(reports=reports(*RIGHT)[:1] + reports(*RIGHT)[2:]), "a journal's reports are numbered without [2]"),
        (evidence(RIGHT[0], *RIGHT[2:], lines=given(("relayed",), ("relayed",))), "'c00-1' (B) is never received"),
        (evidence(lost=frozenset("B")), "B was lost, and the tenant does not know"),
        (
            evidence(RIGHT[0], placeholder("B", 2, PlaceholderReason.LOST), lost("B"), *RIGHT[2:]),
            "B is said to be lost, and was not acknowledged",
        ),
        (evidence(RIGHT[0], placeholder("B", 2, PlaceholderReason.UNDECRYPTABLE), *RIGHT[2:]), "(B) is missing"),
        (evidence(*RIGHT[:3]), "'para-c00-1' has 0 results; accepted: True"),
        (evidence(*RIGHT, result(1)), "'para-c00-1' has 2 results"),
        (evidence(accepted=frozenset()), "accepted: False"),
        (evidence(*RIGHT[:3], result(1, SendOutcome.EXPIRED)), "'para-c00-1' is expired"),
        (
            evidence(
                RIGHT[0],
                *RIGHT[2:],
                lines=given(("relayed",), ("relayed", "acked", "retried")),
                linked=frozenset({2}),
                faults=[Happened(Kind.KILL, "tenant", 0.5, 5.0)],
            ),
            "(B) is missing",
        ),
        (evidence(inboxes={PHONE: SHOWN[:1]}), "was sent (Z1) and is on no phone"),
        (
            evidence(inboxes={PHONE: SHOWN[:1]}, lines=[*GIVEN, TAKEN[0], UNREADABLE]),
            "was sent (Z1) and is on no phone",
        ),
        (evidence(inboxes={PHONE: [*SHOWN, shown(3, "para-c00-1", "Y")]}), "is 2 times on the phone"),
        (
            evidence(lines=[*GIVEN, *TAKEN, TAKEN[1].model_copy(update={"id": "Y"})]),
            "'para-c00-1' is 1 times on the phone, and was sent with 2 ids",
        ),
        (evidence(lines=[*GIVEN, TAKEN[0], TAKEN[1].model_copy(update={"id": "Y"})]), "WhatsApp knows it as ['Y']"),
        (
            evidence(lines=[*GIVEN, TAKEN[0], TAKEN[1].model_copy(update={"stages": {"received": 2.5}})]),
            "'para-c00-0' was sent after 'para-c00-1'",
        ),
        (
            evidence(inboxes={PHONE: [*SHOWN, shown(3, "para-c01-0", "Y")]}),
            "shows 'para-c01-0', which nobody asked for",
        ),
        (evidence(inboxes={PHONE: SHOWN[::-1]}), "the phone shows 'para-c00-0' after 'para-c00-1'"),
    ],
)
def test_what_disagrees_is_found(found: Evidence, problem: str) -> None:
    wrong = judge(found).wrong
    assert any(problem in one for one in wrong), wrong


@pytest.mark.parametrize(
    ("found", "counted"),
    [
        (
            evidence(RIGHT[0], placeholder("B", 2, PlaceholderReason.LOST), lost("B"), *RIGHT[2:], lost=frozenset("B")),
            "lost",
        ),
        (
            evidence(
                RIGHT[0],
                placeholder("B", 2, PlaceholderReason.UNDECRYPTABLE),
                *RIGHT[2:],
                lines=given(("relayed",), ("relayed", "acked", "abandoned")),
            ),
            "undecryptable",
        ),
        (
            evidence(
                RIGHT[0],
                placeholder("B", 2, PlaceholderReason.UNDECRYPTABLE),
                *RIGHT[2:],
                lines=given(("relayed",), ("relayed", "acked", "retried")),
                linked=frozenset({2}),
            ),
            "undecryptable",
        ),
        (
            evidence(
                RIGHT[0],
                *RIGHT[2:],
                lines=given(("relayed",), ("relayed", "acked", "retried")),
                linked=frozenset({2}),
                lost=frozenset("B"),
                faults=[Happened(Kind.KILL, "tenant", 4.0, 5.0)],
            ),
            "undecryptable, then killed and unlinked",
        ),
        (
            evidence(
                inboxes={PHONE: SHOWN[:1]},
                lines=[*GIVEN, TAKEN[0], UNREADABLE],
                faults=[happened(FaultKind.SLOW, 3.0, 5.0)],
            ),
            "asked for in vain",
        ),
        (evidence(RIGHT[0], *RIGHT[2:], lines=given(("relayed",), ("dropped",))), "dropped by a fault"),
        (
            evidence(RIGHT[0], *RIGHT[2:], lines=given(("relayed",), ("queued",)), linked=frozenset({2})),
            "unlinked before it came",
        ),
        (evidence(*RIGHT[:3], result(1, SendOutcome.AMBIGUOUS)), "ambiguous"),
        (evidence(*RIGHT[:3], result(1, SendOutcome.AMBIGUOUS), inboxes={PHONE: SHOWN[:1]}), "ambiguous"),
        (
            evidence(
                inboxes={PHONE: SHOWN[:1]},
                lines=[
                    *GIVEN,
                    TAKEN[0],
                    TAKEN[1].model_copy(update={"text": None, "stages": {"received": 4.0, "dropped": 4.0}}),
                ],
            ),
            "sent",
        ),
        (
            evidence(
                lines=[*GIVEN, *TAKEN, TAKEN[1].model_copy(update={"id": "Y", "stages": {"received": 2, "refused": 2}})]
            ),
            "sent",
        ),
        (
            evidence(inboxes={PHONE: SHOWN[::-1]}, faults=[happened(FaultKind.REORDER, 2.0, 2.5)]),
            "reordered on its way",
        ),
    ],
)
def test_what_has_its_reason_is_counted(found: Evidence, counted: str) -> None:
    verdict = judge(found)
    assert verdict.wrong == []
    assert verdict.counts[counted]


@pytest.mark.parametrize(
    ("lines", "faults"),
    [
        (given({"relayed": 1.1, "retried": 2.2}, {"relayed": 2.1}), []),
        (given({"relayed": 2.2}, {"relayed": 2.1}), []),
        (
            given({"relayed": 1.1, "redelivered": 3.0}, {"relayed": 2.1}),
            [happened(FaultKind.CORRUPT_FRAME, 1.0, 1.0)],
        ),
    ],
    ids=["asked for again", "delayed by WhatsApp", "its frame was damaged"],
)
def test_a_message_that_whatsapp_gave_later_is_later(lines: list[LineView], faults: list[Happened]) -> None:
    bodies = (seen("B", 1), seen("A", 2), *RIGHT[2:])
    assert judge(evidence(*bodies, lines=lines, faults=faults)).counts["reordered by a fault"] == 1


def test_a_redelivery_alone_excuses_no_other_order() -> None:
    lines = given({"relayed": 1.1, "redelivered": 3.0}, {"relayed": 2.1})
    assert judge(evidence(seen("B", 1), seen("A", 2), *RIGHT[2:], lines=lines)).wrong


FILES = [Said("A", "c00-0", 1.0, DIGEST), SAID[1]]
ANNOUNCED = (seen("A", 1, kind=MessageKind.IMAGE, file=FileOffered(id=FILE)), *RIGHT[1:])


def arrived(digest: str) -> FileArrived:
    return FileArrived(media_id=FILE, chunks=1, size=1, sha256=digest)


@pytest.mark.parametrize(
    ("outcomes", "faults", "problem"),
    [
        ([arrived(DIGEST)], [], None),
        ([arrived(OTHER)], [], "arrived, and is another"),
        ([], [], "nothing is known of the file of A"),
        ([FileFailed(media_id=FILE, reason=FileFailure.EXPIRED)], [], "1 files failed, and 0 were broken"),
        (
            [FileFailed(media_id=FILE, reason=FileFailure.EXPIRED)],
            [happened(MediaFaultKind.EXPIRED, 0.0, 0.0)],
            None,
        ),
        (
            [FileFailed(media_id=FILE, reason=FileFailure.EXPIRED)],
            [happened(FaultKind.SLOW, 0.0, 0.0)],
            "1 files failed, and 0 were broken",
        ),
    ],
)
def test_a_file_arrives_as_it_was_sent_or_was_broken(
    outcomes: list[ReportBody], faults: list[Happened], problem: str | None
) -> None:
    person = Contact("c00", PHONE, said=FILES, asked=list(REQUESTS))
    wrong = judge(evidence(*ANNOUNCED, *outcomes, faults=faults, people=[person])).wrong
    assert (wrong == []) if problem is None else (len(wrong) == 1 and problem in wrong[0])


def test_the_table_shows_counts() -> None:
    assert table({"said": 12}) == "said                             12"


def test_what_could_not_be_read_in_its_place_may_come_behind_others() -> None:
    unread = placeholder("A", 1, PlaceholderReason.UNDECRYPTABLE)
    found = judge(evidence(unread, seen("B", 2), seen("A", 3), *RIGHT[2:]))
    assert (found.wrong, found.counts["reordered by a fault"]) == ([], 1)
