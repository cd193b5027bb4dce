"""Revision 0007: see ../sql/0007_one_answer_an_account.sql."""

from oxy_ai.migrations import run_sql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the revision's plain SQL."""
    run_sql("0007_one_answer_an_account.sql")
