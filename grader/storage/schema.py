"""The schema's version: bring it up to date, say which it is, find where models and migrations have drifted apart."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from grader.domain.errors import DatabaseBusy, SetupError
from grader.storage.models import Base

# Only one process migrates; the others wait for it. Any constant does, as long as it stays the same.
_MIGRATION_LOCK = 7_842_551


class OldSchema(SetupError):
    """The database's schema is not the one this version needs; run `grader db upgrade`."""

    code = "old-schema"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def newest_version() -> str:
    """The version the code needs."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def upgrade(url: str) -> str:
    """Bring the database's schema up to date; the version it has then. Doing nothing is fine.

    Raises:
        DatabaseBusy: the database cannot be reached.

    """
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _MIGRATION_LOCK})
            connection.commit()
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _MIGRATION_LOCK})
            connection.commit()
    except OperationalError as error:
        raise DatabaseBusy(f"The database cannot be reached: {str(error.orig).splitlines()[0]}") from error
    finally:
        engine.dispose()
    return newest_version()


def current_version(url: str) -> str | None:
    """The version the database has; None for an empty one.

    Raises:
        DatabaseBusy: the database cannot be reached.

    """
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    except OperationalError as error:
        raise DatabaseBusy(f"The database cannot be reached: {str(error.orig).splitlines()[0]}") from error
    finally:
        engine.dispose()


def require_current(url: str) -> None:
    """Raise OldSchema unless the database has the version the code needs."""
    if current_version(url) != newest_version():
        raise OldSchema


def drift(url: str) -> list[str]:
    """Where the models say something else than the migrations made; empty when they agree."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            found = compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), Base.metadata)
            return [repr(difference) for difference in found]
    finally:
        engine.dispose()
