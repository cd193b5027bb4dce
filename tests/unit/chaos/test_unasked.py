"""What the count of unasked texts finds, and when a run with them proves too little."""

from dataclasses import replace

import pytest
from chaos.unasked.audit import Budget, Entry, Row, complaints
from chaos.unasked.promises import Promise, broken, shown
from chaos.unasked.proof import LEAST, idle_quarters, missing

ROW = Row("ana", "sent", "M1", "promotion", "campaign:1", 1, "Oi", 100.0, None)
HERE = Entry("M1", "Oi", 101.0)
BUDGET = Budget(per_minute=2, per_day=2, quiet=(200.0, 260.0))


def rows(*moments: float, **changes: object) -> list[Row]:
    return [
        replace(ROW, phone=f"phone {n}", whatsapp_id=f"M{n}", released_at=moment, **changes)
        for n, moment in enumerate(moments)
    ]


def inboxes(*moments: float) -> dict[str, list[Entry]]:
    return {f"phone {n}": [Entry(f"M{n}", "Oi", moment)] for n, moment in enumerate(moments)}


def test_what_is_as_it_should_be_is_no_complaint() -> None:
    held = replace(ROW, phone="bia", state="held", whatsapp_id=None, released_at=None)
    assert complaints([ROW, held], {"ana": [HERE], "bia": []}, BUDGET) == []
    assert complaints(rows(0, 30, purpose="booking"), inboxes(0, 30), BUDGET) == []
    assert complaints(rows(190), inboxes(202), BUDGET) == []
    called_off = replace(held, state="withheld", error="Outdated")
    assert complaints([called_off, replace(held, state="ambiguous")], {"bia": []}, BUDGET) == []


@pytest.mark.parametrize(
    ("found", "phones", "complaint"),
    [
        ([ROW], {"ana": [HERE, HERE]}, "ana got M1 2 times"),
        ([], {"ana": [HERE]}, "ana got M1, which 0 texts"),
        ([ROW], {"ana": []}, "ana did not get M1"),
        ([replace(ROW, state="failed")], {}, "is failed"),
        ([replace(ROW, state="expired", error="NotReleased")], {}, "is expired: NotReleased"),
        ([ROW, replace(ROW, whatsapp_id="M2")], {"ana": [HERE, Entry("M2", "Oi", 1)]}, "told 2 times of campaign:1"),
        (
            [ROW, replace(ROW, whatsapp_id="M2", reference="campaign:2")],
            {"ana": [HERE, Entry("M2", "Oi", 1)]},
            "2 promotions in a week",
        ),
        (rows(0, 30, 59, purpose="booking"), inboxes(0, 30, 59), "3 texts left within a minute"),
        (rows(0, 60, 120), inboxes(0, 60, 120), "3 promotions left in a day"),
        (rows(190), inboxes(204), "in the quiet hours"),
    ],
)
def test_what_must_not_be_is_found(found: list[Row], phones: dict[str, list[Entry]], complaint: str) -> None:
    assert any(complaint in item for item in complaints(found, phones, BUDGET))


ONCE = Promise("reminder", "ana", "of Rex")
NEVER = replace(ONCE, kind="cancelled", least=0, not_after=50.0)
SAID = replace(ROW, purpose="booking", said="Think of Rex", released_at=51.0)
READ = Entry("M1", "Think of Rex", 52.0)


@pytest.mark.parametrize(
    ("promise", "found", "phones", "complaint"),
    [
        (ONCE, [SAID], {"ana": [READ], "bia": []}, None),
        (ONCE, [replace(SAID, state="ambiguous")], {"ana": []}, None),
        (ONCE, [], {"ana": []}, "reminder: ana got 'of Rex' 0 times (no text)"),
        (ONCE, [replace(SAID, state="withheld", error="Outdated")], {"ana": []}, "0 times (withheld Outdated)"),
        (ONCE, [SAID, SAID], {"ana": [READ, READ]}, "2 times (sent, sent)"),
        (ONCE, [SAID], {"ana": [READ], "bia": [READ]}, "reminder: bia got 'of Rex'"),
        (replace(ONCE, alone=False), [SAID], {"ana": [READ], "bia": [READ]}, None),
        (NEVER, [SAID], {"ana": [READ]}, None),
        (NEVER, [replace(SAID, released_at=53.0)], {"ana": [READ]}, "left 3.0 s after it was called off"),
        (replace(NEVER, most=0), [SAID], {"ana": [READ]}, "got 'of Rex' 1 times"),
    ],
)
def test_what_was_promised_comes_once_and_to_nobody_else(
    promise: Promise, found: list[Row], phones: dict[str, list[Entry]], complaint: str | None
) -> None:
    [said] = list(broken([promise], found, phones)) or [None]
    assert said is complaint or (said and complaint and complaint in said), said


def test_a_run_that_proves_too_little_fails() -> None:
    assert shown([ONCE, ONCE, NEVER], {"ana": [READ]}) == {"reminder": 2, "cancelled": 1}
    assert shown([ONCE], {"bia": [READ]}) == {"reminder": 0}
    assert list(missing(LEAST, kills=200, hits=60)) == []
    assert len(list(missing({}, kills=200, hits=59))) == len(LEAST) + 1
    assert list(idle_quarters("shop", [10.0, 30.0, 60.0, 80.0], 0.0, 100.0)) == []
    assert list(idle_quarters("shop", [10.0, 30.0, 80.0], 0.0, 100.0)) == ["shop sent nothing in quarter 3 of the run"]
