"""Revision 0008: the tables of the first release, which every new database starts with (`oxy_ai.schema`)."""

revision = "0008"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Do nothing: the tables were created from their files."""


def downgrade() -> None:
    """Do nothing: there is no version before this one."""
