"""Alembic's entry point: runs the revisions on the connection that oxy_ai.migrate passes in."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], target_metadata=None)
with context.begin_transaction():
    context.run_migrations()
