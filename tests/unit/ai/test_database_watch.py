"""Is the database another one than before, or an older copy?"""

from uuid import UUID

import pytest

from oxy_ai.engine.database_watch import Step, next_step
from oxy_ai.engine.store import DatabaseState
from oxy_core.database_mark import DatabaseMark

ONE, OTHER = UUID(int=1), UUID(int=2)


@pytest.mark.parametrize(
    ("published", "own", "silent", "step"),
    [
        (None, DatabaseState(ONE, 1), False, Step.BEGIN),
        (DatabaseMark(id=ONE, mark=7), DatabaseState(ONE, 8), False, Step.COUNT),
        (DatabaseMark(id=ONE, mark=7), DatabaseState(ONE, 8), True, Step.COUNT),
        (DatabaseMark(id=ONE, mark=7), DatabaseState(ONE, 7), False, Step.RENAME),
        (DatabaseMark(id=ONE, mark=7), DatabaseState(ONE, 2), True, Step.RENAME),
        (DatabaseMark(id=ONE, mark=7), DatabaseState(OTHER, 9), False, Step.WAIT),
        (DatabaseMark(id=ONE, mark=7), DatabaseState(OTHER, 1), True, Step.REPLACE),
    ],
)
def test_next_step(published: DatabaseMark | None, own: DatabaseState, silent: bool, step: Step) -> None:  # noqa: FBT001 a case of the table
    assert next_step(published, own, silent=silent) is step
