"""A real PostgreSQL for the tests: one server per session, the schema made by the migrations, emptied after each test."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from grader.storage.database import Database

# A tenth of what TRUNCATE takes, which makes new files for every table and index. The lock waits for who still writes,
# as TRUNCATE's would: what a former test left under way must not come in afterwards.
_EMPTY = """
DO $$
DECLARE one text; sequence record;
BEGIN
    SET LOCAL session_replication_role = replica;
    LOCK TABLE {tables} IN SHARE ROW EXCLUSIVE MODE;
    FOREACH one IN ARRAY ARRAY[{names}] LOOP
        EXECUTE format('DELETE FROM %I', one);
    END LOOP;
    FOR sequence IN
        SELECT sequencename, start_value FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL
    LOOP
        PERFORM setval(format('public.%I', sequence.sequencename), sequence.start_value, false);
    END LOOP;
END $$
"""
# Generated columns are not written, identities are as they were.
_KEEP = """
DO $$
DECLARE one text; is_filled boolean;
BEGIN
    DROP SCHEMA IF EXISTS kept CASCADE;
    CREATE SCHEMA kept;
    FOREACH one IN ARRAY ARRAY[{names}] LOOP
        EXECUTE format('SELECT EXISTS (SELECT 1 FROM public.%I)', one) INTO is_filled;
        IF is_filled THEN
            EXECUTE format('CREATE TABLE kept.%I AS TABLE public.%I', one, one);
        END IF;
    END LOOP;
    CREATE TABLE kept.kept_sequences AS
        SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL;
END $$
"""
_PUT_BACK = """
DO $$
DECLARE one record; columns text;
BEGIN
    SET LOCAL session_replication_role = replica;
    FOR one IN SELECT tablename FROM pg_tables WHERE schemaname = 'kept' AND tablename <> 'kept_sequences' LOOP
        SELECT string_agg(quote_ident(column_name), ', ') INTO columns FROM information_schema.columns
            WHERE table_schema = 'public' AND table_name = one.tablename AND is_generated = 'NEVER';
        EXECUTE format('INSERT INTO public.%I (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM kept.%I',
            one.tablename, columns, columns, one.tablename);
    END LOOP;
    PERFORM setval(format('public.%I', sequencename), last_value) FROM kept.kept_sequences;
END $$
"""


def empty(database: Database) -> None:
    """No row is left, and every count starts again."""
    _run(database, _EMPTY)


def keep(database: Database) -> None:
    """Remember every row there is, in place of what was remembered before."""
    _run(database, _KEEP)


def put_back(database: Database) -> None:
    """Into empty tables what `keep` remembered; no trigger runs."""
    _run(database, _PUT_BACK)


def _run(database: Database, block: str) -> None:
    from grader.storage.models import Base

    tables = [table.name for table in Base.metadata.sorted_tables]
    filled = block.format(tables=", ".join(tables), names=", ".join(f"'{name}'" for name in tables))
    with database.engine.begin() as connection:
        # Not by way of SQLAlchemy, which takes a per cent sign for a parameter.
        connection.connection.cursor().execute(filled)


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


@pytest.fixture(scope="session")
def connections(postgres_url: str) -> Iterator[Database]:
    """One for all tests: with one each, every test would connect and have the same statements compiled again."""
    from grader.storage.database import Database

    database = Database(postgres_url)
    yield database
    database.close()


@pytest.fixture
def database(connections: Database) -> Iterator[Database]:
    """A Database over empty tables."""
    yield connections
    empty(connections)
