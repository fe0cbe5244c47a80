"""The schema's version: bring it up to date, say which it is, find where models and migrations have drifted apart.

Old and new code work side by side while a service is upgraded. So a migration only adds what the code before does
without, takes away what no code uses any more, and says in `oldest_code` which code still works with what it leaves.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, delete, insert, select, text
from sqlalchemy.exc import OperationalError

from grader.domain.errors import DatabaseBusy, SetupError
from grader.storage.models import Base, SchemaSupportRow

# Only one process migrates; the others wait for it. Any constant does, as long as it stays the same.
_MIGRATION_LOCK = 7_842_551


class OldSchema(SetupError):
    """The database's schema is not the one this version needs; run `grader db upgrade`."""

    code = "old-schema"


class NewSchema(SetupError):
    """The database was upgraded for newer code that no longer serves this version; install the new version here too."""

    code = "new-schema"


class Versions(NamedTuple):
    """Of a database: its newest migration, and the oldest code that works with it; None where it does not say."""

    schema: str | None
    oldest_code: str | None


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def newest_version() -> str:
    """The version the code needs."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def upgrade(url: str) -> str:
    """Bring the database's schema up to date; the version it has then. Doing nothing is fine.

    A database that newer code has upgraded is left as it is.

    Raises:
        DatabaseBusy: the database cannot be reached.
        NewSchema: newer code has upgraded it, and this one cannot work with it.

    """
    with _connected(url) as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _MIGRATION_LOCK})
        connection.commit()
        try:
            found = _versions(connection)
            if _is_newer(found):
                _refuse_unless_usable(found)
                return found.schema or ""
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            _say_support(connection)
            connection.commit()
        finally:
            connection.rollback()
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _MIGRATION_LOCK})
            connection.commit()
    return newest_version()


def current_version(url: str) -> str | None:
    """The version the database has; None for an empty one.

    Raises:
        DatabaseBusy: the database cannot be reached.

    """
    return versions(url).schema


def versions(url: str) -> Versions:
    """What the database has and whom it serves.

    Raises:
        DatabaseBusy: the database cannot be reached.

    """
    with _connected(url) as connection:
        return _versions(connection)


def is_usable(url: str) -> bool:
    """Whether this code can work with the database: it has our schema, or a newer one that still serves us.

    Raises:
        DatabaseBusy: the database cannot be reached.

    """
    try:
        require_current(url)
    except (OldSchema, NewSchema):
        return False
    return True


def require_current(url: str) -> None:
    """Refuse to work with a database that this code does not fit.

    Raises:
        DatabaseBusy: the database cannot be reached.
        OldSchema: it needs `grader db upgrade`.
        NewSchema: newer code has upgraded it, and this one cannot work with it.

    """
    _refuse_unless_usable(versions(url))


def _refuse_unless_usable(found: Versions) -> None:
    if found.schema == newest_version():
        return
    if not _is_newer(found):
        raise OldSchema
    if found.oldest_code is None or found.oldest_code > newest_version():
        raise NewSchema


def _is_newer(found: Versions) -> bool:
    # Migrations are numbered, and nobody branches.
    return found.schema is not None and found.schema > newest_version()


def _versions(connection: Connection) -> Versions:
    schema = MigrationContext.configure(connection).get_current_revision()
    oldest = None
    if connection.execute(text("SELECT to_regclass('schema_support') IS NOT NULL")).scalar_one():
        oldest = connection.execute(select(SchemaSupportRow.oldest_code)).scalar()
    return Versions(schema, oldest)


def _say_support(connection: Connection) -> None:
    """The newest migration's word on which code still works."""
    newest = ScriptDirectory.from_config(_config()).get_revision("head")
    connection.execute(delete(SchemaSupportRow))
    connection.execute(insert(SchemaSupportRow).values(oldest_code=newest.module.oldest_code))


@contextmanager
def _connected(url: str) -> Iterator[Connection]:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            yield connection
    except OperationalError as error:
        raise DatabaseBusy(f"The database cannot be reached: {str(error.orig).splitlines()[0]}") from error
    finally:
        engine.dispose()


def drift(url: str) -> list[str]:
    """Where the models say something else than the migrations made; empty when they agree."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            found = compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), Base.metadata)
            return [repr(difference) for difference in found]
    finally:
        engine.dispose()
