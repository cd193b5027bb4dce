"""The database schema: one plain SQL file a revision, run by Alembic through psycopg."""

from pathlib import Path

from alembic import op

SQL_FOLDER = Path(__file__).parent / "sql"


def run_sql(name: str) -> None:
    """Execute a file of `SQL_FOLDER` as it stands, in the migration's transaction."""
    connection = op.get_bind().connection.driver_connection
    if connection is None:
        message = "the migration has lost its connection"
        raise RuntimeError(message)
    connection.execute((SQL_FOLDER / name).read_bytes())
