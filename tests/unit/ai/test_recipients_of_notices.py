"""Who is told what went wrong with an instance."""

import pytest

from oxy_ai.engine.notices import recipients
from oxy_ai.records import OpenNotices

OWN = "+5511999990000"
OWN_WITHOUT_NINTH_DIGIT = "+551199990000"
OWNER = "+5511987651111"


@pytest.mark.parametrize(
    ("owners", "own", "told"),
    [
        ((OWNER,), OWN, [(OWNER, False)]),
        ((OWNER, OWN), OWN, [(OWNER, False), (OWN, True)]),
        ((OWNER, OWNER), OWN, [(OWNER, False)]),
        ((), OWN, [(OWN, True)]),
        (("nobody",), OWN, [(OWN, True)]),
        (("nobody", OWNER), OWN, [(OWNER, False)]),
        ((OWN_WITHOUT_NINTH_DIGIT,), OWN, [(OWN_WITHOUT_NINTH_DIGIT, True)]),
        ((OWNER,), None, [(OWNER, False)]),
        ((), None, []),
        ((), "nobody", []),
    ],
)
def test_the_owners_are_told_else_the_own_chat(
    owners: tuple[str, ...], own: str | None, told: list[tuple[str, bool]]
) -> None:
    found = recipients(OpenNotices(owners=owners, own_phone=own, notices=()))
    assert [(owner.phone, owner.self_chat) for owner in found] == told
