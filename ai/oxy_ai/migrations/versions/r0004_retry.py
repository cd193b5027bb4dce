"""Revision 0004: see ../sql/0004_retry.sql."""

from oxy_ai.migrations import run_sql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the revision's plain SQL."""
    run_sql("0004_retry.sql")
