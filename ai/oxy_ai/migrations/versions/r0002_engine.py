"""Revision 0002: see ../sql/0002_engine.sql."""

from oxy_ai.migrations import run_sql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the revision's plain SQL."""
    run_sql("0002_engine.sql")
