"""What Alembic runs for every migration. Called by `grader.storage.schema` with a connection; never on its own."""

from __future__ import annotations

from alembic import context
from sqlalchemy import text

from grader.storage.models import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True, compare_server_default=True)
with context.begin_transaction():
    # A migration that meets a running service gives up soon instead of queueing everybody behind its lock.
    connection.execute(text("SET LOCAL lock_timeout = '5s'"))
    context.run_migrations()
