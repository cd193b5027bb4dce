"""Revision 0006: see ../sql/0006_unopened_turns.sql."""

from oxy_ai.migrations import run_sql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the revision's plain SQL."""
    run_sql("0006_unopened_turns.sql")
