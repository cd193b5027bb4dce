"""Who is told what went wrong with an instance."""

import pytest

from oxy_ai.engine.notices import recipient
from oxy_ai.records import OpenNotices

OWN = "+5511999990000"
OWN_WITHOUT_NINTH_DIGIT = "+551199990000"
OWNER = "+5511987651111"


@pytest.mark.parametrize(
    ("owners", "own", "told"),
    [
        ((OWNER,), OWN, (OWNER, False)),
        ((OWNER, OWN), OWN, (OWNER, False)),
        ((), OWN, (OWN, True)),
        (("nobody",), OWN, (OWN, True)),
        (("nobody", OWNER), OWN, (OWNER, False)),
        ((OWN_WITHOUT_NINTH_DIGIT,), OWN, (OWN_WITHOUT_NINTH_DIGIT, True)),
        ((OWNER,), None, (OWNER, False)),
        ((), None, None),
        ((), "nobody", None),
    ],
)
def test_the_first_owner_is_told_else_the_own_chat(
    owners: tuple[str, ...], own: str | None, told: tuple[str, bool] | None
) -> None:
    owner = recipient(OpenNotices(owners=owners, own_phone=own, notices=()))
    assert (owner and (owner.phone, owner.self_chat)) == told
