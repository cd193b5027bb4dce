"""Revision 0005: see ../sql/0005_fewer_round_trips.sql."""

from oxy_ai.migrations import run_sql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the revision's plain SQL."""
    run_sql("0005_fewer_round_trips.sql")
