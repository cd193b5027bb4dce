"""What the count of unasked texts finds."""

from dataclasses import replace

import pytest
from chaos.unasked import Budget, Entry, Row, complaints

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


@pytest.mark.parametrize(
    ("found", "phones", "complaint"),
    [
        ([ROW], {"ana": [HERE, HERE]}, "ana got M1 2 times"),
        ([], {"ana": [HERE]}, "ana got M1, which 0 texts"),
        ([ROW], {"ana": []}, "ana did not get M1"),
        ([replace(ROW, state="ambiguous")], {}, "is ambiguous"),
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
