"""Revision 0001: see ../sql/0001_tables.sql."""

from oxy_ai.migrations import run_sql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the revision's plain SQL."""
    run_sql("0001_tables.sql")
