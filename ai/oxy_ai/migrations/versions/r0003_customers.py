"""Revision 0003: see ../sql/0003_customers.sql."""

from oxy_ai.migrations import run_sql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the revision's plain SQL."""
    run_sql("0003_customers.sql")
