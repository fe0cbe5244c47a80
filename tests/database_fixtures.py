"""A real PostgreSQL for the tests: one server per session, the schema made by the migrations, emptied after each test."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A server of the session's own, not durable, with the newest schema.

    Not below pytest's own folder: another session that starts closes that one to the user PostgreSQL runs as.
    """
    from grader.local.postgres import PrivatePostgres
    from grader.storage import schema

    folder = Path(tempfile.mkdtemp(prefix="grader-tests-"))
    server = PrivatePostgres(folder, durable=False)
    server.start()
    try:
        schema.upgrade(server.url)
        yield server.url
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def database(postgres_url: str):
    """A Database over empty tables."""
    from sqlalchemy import text

    from grader.storage.database import Database
    from grader.storage.models import Base

    database = Database(postgres_url)
    yield database
    names = ", ".join(table.name for table in Base.metadata.sorted_tables)
    with database.engine.begin() as connection:
        connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
    database.close()
