from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from pydantic import TypeAdapter, ValidationError

from oxy_core.instance.client_versions import (
    CUT_OFFS,
    EARLIEST_CUT_OFF,
    NOTICE,
    ClientVersion,
    ageing_from,
    expected_cut_off,
    is_at_most,
    is_version,
)


def test_known_cut_offs_are_in_order_and_name_their_source() -> None:
    assert all(older.published < newer.published for older, newer in pairwise(CUT_OFFS))
    assert all(not is_at_most(newer.version, older.version) for older, newer in pairwise(CUT_OFFS))
    assert all("#" in found.source and found.lifetime > timedelta() for found in CUT_OFFS)


def test_notice_is_given_a_month_before_the_earliest_cut_off_that_is_known() -> None:
    assert timedelta(days=77) == EARLIEST_CUT_OFF
    published = date(2026, 9, 17)
    assert expected_cut_off(published) == date(2026, 12, 3)
    assert ageing_from(published) == datetime(2026, 11, 3, tzinfo=UTC)
    assert expected_cut_off(published) - ageing_from(published).date() == NOTICE


@pytest.mark.parametrize(
    ("version", "other", "holds"),
    [
        ("2.3000.999", "2.3000.1000", True),
        ("2.3000.1000", "2.3000.1000", True),
        ("2.3000.1001", "2.3000.1000", False),
        ("2.2413.51", "2.3000.1", True),
        ("3.0", "2.3000.1", False),
    ],
)
def test_versions_are_compared_by_their_numbers(version: str, other: str, *, holds: bool) -> None:
    assert is_at_most(version, other) is holds


@pytest.mark.parametrize("text", ["", "2", "2.", "2.a", "٢.٣", "2.3000.1 ", "2.3000.1\n", "1." * 30 + "1", "2.1.1.1.1"])
def test_what_is_no_version_is_none_for_both_readers(text: str) -> None:
    assert not is_version(text)
    with pytest.raises(ValidationError):
        TypeAdapter(ClientVersion).validate_python(text)
