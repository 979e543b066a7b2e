"""Alembic environment: runs on the connection `migrate` hands in, never from a URL of its own."""

from __future__ import annotations

from alembic import context

config = context.config
context.configure(
    connection=config.attributes["connection"],
    target_metadata=None,
    version_table=config.attributes["version_table"],
    transactional_ddl=False,
)
context.run_migrations()
