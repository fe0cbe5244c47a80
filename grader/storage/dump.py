"""The database out and in again, by PostgreSQL's own programs, and what a backup has to know about it.

The invariant: a dump, the digests that its rows name and the number of its rows come from one and the same snapshot.
The programs get the password in their environment: arguments can be read by everybody on the machine.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import psycopg.conninfo
from sqlalchemy import Connection, create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from grader.domain.errors import ConflictError, DatabaseBusy, SetupError
from grader.kit.text import one_line
from grader.storage import schema
from grader.storage.models import Base

# One at a time looks after the bytes of a service: a backup must not copy what retention deletes meanwhile.
_CARE_LOCK = 7_842_552
# Where the tables wait while a restore makes new ones, so that a restore that fails changes nothing.
_BEFORE = "grader_before_restore"
# No limit on statements: a dump of years takes its time. Whoever holds a table all the time is told instead.
_OPTIONS = "-c lock_timeout=10s -c timezone=UTC"
# What says how the schema is, not what is in it.
_ABOUT_THE_SCHEMA = frozenset({"alembic_version", "schema_support"})
_NAMED = """
    SELECT sha256 FROM submissions WHERE removed_at IS NULL
    UNION SELECT answers_sha256 FROM submissions WHERE answers_sha256 IS NOT NULL
    UNION SELECT blob_sha256 FROM artifacts
    UNION SELECT blob_sha256 FROM sheet_pictures
    UNION SELECT blob_sha256 FROM spec_versions
"""


class DumpFailed(SetupError):
    """PostgreSQL's own program could not dump or load the database."""

    code = "dump-failed"


class CareUnderWay(ConflictError):
    """Another backup, restore, retention or erasure is under way; try again when it has ended."""

    code = "care-under-way"


class Snapshot(NamedTuple):
    """What a database held at one moment: its name for `pg_dump`, its schema, rows by table, digests of all blobs.

    `taken_at` is by the database's clock.
    """

    id: str
    taken_at: datetime
    schema: str
    rows: Mapping[str, int]
    blobs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """How a program of PostgreSQL reaches the database: `target` holds no password, `environment` may."""

    target: str
    environment: Mapping[str, str]


@contextmanager
def care(url: str) -> Iterator[None]:
    """Hold the right to look after the bytes for the block. Raises CareUnderWay, DatabaseBusy."""
    with _connected(url) as connection:
        if not connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": _CARE_LOCK}).scalar_one():
            raise CareUnderWay
        connection.commit()
        yield


@contextmanager
def snapshot(url: str) -> Iterator[Snapshot]:
    """A moment of the database, which other programs can look at until the block ends. Raises DatabaseBusy."""
    with _connected(url) as connection:
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
        yield Snapshot(
            id=connection.execute(text("SELECT pg_export_snapshot()")).scalar_one(),
            taken_at=connection.execute(text("SELECT now()")).scalar_one(),
            schema=connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one(),
            rows=_rows(connection),
            blobs=tuple(sorted(connection.execute(text(_NAMED)).scalars())),
        )


def rows(url: str) -> dict[str, int]:
    """How many rows each table has; empty where there are no tables. Raises DatabaseBusy."""
    with _connected(url) as connection:
        return _rows(connection)


def named_blobs(url: str) -> tuple[str, ...]:
    """The digests that rows name. Raises DatabaseBusy."""
    with _connected(url) as connection:
        return tuple(sorted(connection.execute(text(_NAMED)).scalars()))


def is_empty(url: str) -> bool:
    """Whether nobody has put anything in yet; the schema may be there. Raises DatabaseBusy."""
    return not any(number for table, number in rows(url).items() if table not in _ABOUT_THE_SCHEMA)


def server_major(url: str) -> int:
    """PostgreSQL's version, such as 18. Raises DatabaseBusy."""
    with _connected(url) as connection:
        return int(connection.execute(text("SHOW server_version_num")).scalar_one()) // 10_000


def others_connected(url: str) -> int:
    """Connections to the database besides ours. Raises DatabaseBusy."""
    query = text("""
        SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND usename = current_user AND backend_type = 'client backend'
          AND pid <> pg_backend_pid() AND pid NOT IN (
              SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objid = :care)
    """)
    with _connected(url) as connection:
        return int(connection.execute(query, {"care": _CARE_LOCK}).scalar_one())


def address_of(url: str) -> Address:
    """The same place as SQLAlchemy's URL names."""
    parsed = make_url(url)
    _, given = parsed.get_dialect()().create_connect_args(parsed)
    password = given.pop("password", None)
    return Address(
        target=psycopg.conninfo.make_conninfo("", **given),
        environment={} if password is None else {"PGPASSWORD": str(password)},
    )


def dump(program: Path, url: str, target: Path, *, of: Snapshot) -> None:
    """Write the snapshot to `target` in `pg_dump`'s custom format. Raises DumpFailed."""
    address = address_of(url)
    _run(
        [program, "--format=custom", "--no-owner", "--no-privileges", "--no-password", f"--snapshot={of.id}",
         f"--file={target}", f"--dbname={address.target}"],
        address,
        "The database could not be dumped",
    )  # fmt: skip


def load(program: Path, url: str, source: Path) -> None:
    """Put a dump in the place of all the database holds; a load that fails leaves it as it was.

    Raises:
        DumpFailed, DatabaseBusy.

    """
    mend(url)
    _statements(url, f"ALTER SCHEMA public RENAME TO {_BEFORE}", "CREATE SCHEMA public")
    address = address_of(url)
    is_loaded = False
    try:
        _run(
            [program, "--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges", "--no-password",
             f"--dbname={address.target}", str(source)],
            address,
            "The dump could not be loaded, and the database is as it was",
        )  # fmt: skip
        is_loaded = True
    finally:
        if not is_loaded:
            mend(url)
    _statements(url, f"DROP SCHEMA {_BEFORE} CASCADE")


def mend(url: str) -> None:
    """Undo what a load that was killed half-way has left. Raises DatabaseBusy."""
    with _connected(url) as connection:
        found = connection.execute(text("SELECT 1 FROM pg_namespace WHERE nspname = :name"), {"name": _BEFORE}).scalar()
    if found:
        _statements(url, "DROP SCHEMA IF EXISTS public CASCADE", f"ALTER SCHEMA {_BEFORE} RENAME TO public")


def knows(version: str) -> bool:
    """Whether this code can work with a dump of that schema, after an upgrade if need be."""
    return version <= schema.newest_version()


def _statements(url: str, *statements: str) -> None:
    """In one transaction."""
    with _connected(url) as connection:
        for statement in statements:
            connection.execute(text(statement))
        connection.commit()


def _rows(connection: Connection) -> dict[str, int]:
    there = set(connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).scalars())
    names = sorted(there & {*Base.metadata.tables, *_ABOUT_THE_SCHEMA})
    # The names are our own models'.
    return {name: connection.execute(text(f'SELECT count(*) FROM "{name}"')).scalar_one() for name in names}  # noqa: S608


def _run(arguments: list[str | Path], address: Address, what: str) -> None:
    done = subprocess.run(
        arguments, env=os.environ | address.environment | {"LC_ALL": "C"}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, errors="replace", check=False,
    )  # fmt: skip
    if done.returncode:
        said = next((line for line in done.stderr.splitlines() if "error" in line.lower()), done.stderr)
        raise DumpFailed(f"{what}: {one_line(said, limit=500) or f'exit status {done.returncode}'}")


@contextmanager
def _connected(url: str) -> Iterator[Connection]:
    engine = create_engine(url, hide_parameters=True, connect_args={"connect_timeout": 5, "options": _OPTIONS})
    try:
        with engine.connect() as connection:
            yield connection
    except OperationalError as error:
        raise DatabaseBusy(f"The database cannot be reached: {one_line(str(error.orig), limit=300)}") from error
    finally:
        engine.dispose()
