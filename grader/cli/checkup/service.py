"""A whole deployment as seen from this machine: database, broker, blobs, room, workers, runs, backups."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from grader.cli.checkup.finding import Finding, duration, error, fine, shown, warning
from grader.domain.errors import DatabaseBusy, GraderError
from grader.kit.addresses import BadAddress, address
from grader.kit.text import one_line

if TYPE_CHECKING:
    from grader.storage.database import Work

_SKEW_S = 5.0
_OLDEST_POSTGRES, _TESTED_POSTGRES = 15, 18
_GIB = 2**30
# The largest uploads are some hundred MiB, and a sandbox's scratch is of that order too.
_ROOM = {"blobs": (10 * _GIB, _GIB), "temporary files": (2 * _GIB, _GIB // 4)}
_WAITS_LONG_S = 900.0
_BACKUP_S = 2 * 86_400.0
_LOOKED_AT = 10


def service(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Every finding as soon as it is there. What no setting names is not looked at."""
    database_url = _address(environment, "GRADER_DATABASE_URL")
    if isinstance(database_url, Finding):
        yield database_url
    elif database_url:
        yield from _database(database_url, environment.get("GRADER_BLOBS_URL", ""))
    broker_url = _address(environment, "GRADER_BROKER_URL")
    if isinstance(broker_url, Finding):
        yield broker_url
    elif broker_url:
        yield _broker(broker_url)
    if environment.get("GRADER_BLOBS_URL"):
        yield from _blobs(environment["GRADER_BLOBS_URL"])
    yield _room("temporary files", shutil.disk_usage(tempfile.gettempdir()).free, tempfile.gettempdir())


def _address(environment: Mapping[str, str], name: str) -> str | Finding:
    try:
        return address(environment, name)
    except BadAddress as problem:
        return error(name.removeprefix("GRADER_").removesuffix("_URL").lower(), "unusable", str(problem))


def _database(url: str, blobs_url: str) -> Iterator[Finding]:
    from sqlalchemy.exc import ArgumentError

    from grader.cli.host.accounts import opened
    from grader.storage import schema
    from grader.storage.repositories import checkup

    try:
        with opened(url) as database:
            asked_at = datetime.now(UTC)
            with database.begin() as work:
                facts = checkup.server(work)
            yield _version(url, facts.version)
            yield _clock((facts.now - (asked_at + (datetime.now(UTC) - asked_at) / 2)).total_seconds())
            found = _schema(schema.versions(url).schema or "none", schema.newest_version(), schema.is_usable(url))
            yield found
            if found.level != "error":
                with database.begin() as work:
                    yield from _work(work)
                    named = checkup.newest_blobs(work, _LOOKED_AT)
                if blobs_url:
                    yield from _same_blobs(blobs_url, named)
    except DatabaseBusy as problem:
        said = one_line(str(problem.__cause__ or problem), limit=200)
        yield error("database", f"{shown(url)} does not answer", f"{said} Start it, or mend GRADER_DATABASE_URL.")
    except ArgumentError:
        yield error("database", "GRADER_DATABASE_URL is no address", "Write it as postgresql+psycopg://user@host/name.")


def _version(url: str, version: str) -> Finding:
    facts = f"{shown(url)}, PostgreSQL {version.split(maxsplit=1)[0]}"
    if int(version.split(".", maxsplit=1)[0]) < _OLDEST_POSTGRES:
        return warning("database", facts, f"Upgrade it: {_TESTED_POSTGRES} is what the grader is tested with.")
    return fine("database", facts)


def _clock(skew_s: float) -> Finding:
    facts = f"{abs(skew_s):.1f} s {'behind' if skew_s > 0 else 'ahead of'} the database's"
    if abs(skew_s) > _SKEW_S:
        return warning("clock", facts, "Let the machines keep time by NTP: certificates and tokens depend on it.")
    return fine("clock", facts)


def _schema(current: str, newest: str, is_usable: bool) -> Finding:
    if current == newest:
        return fine("schema", current)
    if is_usable:
        return warning("schema", f"{current}, newer than this grader's {newest}", "Upgrade the grader here too.")
    if current != "none" and current > newest:
        return error("schema", f"{current}, and this grader knows {newest}", "Install the newer grader here too.")
    return error("schema", f"{current}, and this grader needs {newest}", "Run grader db upgrade.")


def _work(work: Work) -> Iterator[Finding]:
    from grader.service import operations
    from grader.storage.repositories import checkup

    figures, served = operations.figures(work), checkup.queues_served(work)
    needed = {"cpu", "rerun"} | ({"gpu"} if checkup.offers_gpu_work(work) else set())
    for queue, waiting in figures.waiting.items():
        name, workers = f"queue {queue.value}", served.get(queue.value, 0)
        facts = f"{workers} workers, {waiting.stages} stages wait"
        if not workers and (waiting.stages or queue.value in needed):
            remedy = f"Start one: grader worker --queues {queue.value}."
            yield (error if waiting.stages else warning)(name, facts, remedy)
        elif waiting.oldest_s > _WAITS_LONG_S:
            yield warning(name, f"{facts}, the oldest for {duration(waiting.oldest_s)}", "Add workers for this queue.")
        else:
            yield fine(name, facts)
    failed = checkup.failed_runs(work, _LOOKED_AT)
    if failed:
        many = "at least " if len(failed) == _LOOKED_AT else ""
        facts = f"{many}{len(failed)} submissions without a score by our fault"
        yield warning(
            "failed runs", facts, f"Look why, then rerun: grader status {failed[0]}; grader rerun {failed[0]}"
        )
    else:
        yield fine("failed runs", "none")
    yield _backup(checkup.last_backup_at(work), checkup.server(work).now)


def _backup(made_at: datetime | None, now: datetime) -> Finding:
    remedy = "Have grader backup run every night (docs/operating.md)."
    if made_at is None:
        return warning("backup", "none was ever made with grader backup", remedy)
    age_s = (now - made_at).total_seconds()
    facts = f"{duration(age_s)} ago"
    return warning("backup", facts, remedy) if age_s > _BACKUP_S else fine("backup", facts)


def _broker(url: str) -> Finding:
    from grader.storage.broker import broker_answers

    try:
        answers = broker_answers(url)
    except (ValueError, KeyError, GraderError, ImportError):
        return error("broker", "GRADER_BROKER_URL is no address", "Write it as redis://host:6379/0.")
    if answers:
        return fine("broker", shown(url))
    remedy = "Start Redis, or mend GRADER_BROKER_URL. Until then grading goes on, a little slower."
    return error("broker", f"{shown(url)} does not answer", remedy)


def _blobs(url: str) -> Iterator[Finding]:
    from grader.storage.blobs import Blobs

    try:
        store = Blobs(url)
        if not store.is_ready():
            remedy = "Let this user write there, or mend GRADER_BLOBS_URL."
            yield error("blobs", f"{shown(url)} cannot be written to", remedy)
            return
        yield fine("blobs", f"{shown(url)}, written to")
        free = store.free_bytes()
    except GraderError as problem:
        yield error("blobs", shown(url), one_line(shown(str(problem)), limit=300))
        return
    if free is not None:
        yield _room("blobs", free, shown(url))


def _same_blobs(url: str, named: list[str]) -> Iterator[Finding]:
    """Whether this machine's store is the one that the others write to."""
    from grader.storage.blobs import Blobs

    try:
        lost = [digest for digest in named if not Blobs(url).has(digest)]
    except GraderError:
        return
    if lost:
        yield error(
            "blobs of rows",
            f"{len(lost)} of {len(named)} that rows name are not in {shown(url)}",
            "GRADER_BLOBS_URL must name the same place for all; if it does, restore them from a backup.",
        )
    elif named:
        yield fine("blobs of rows", f"the newest {len(named)} are there")


def _room(what: str, free: int, where: str) -> Finding:
    little, too_little = _ROOM[what]
    name, facts = f"room for {what}", f"{free / _GIB:,.1f} GiB free in {where}"
    if free < little:
        return (error if free < too_little else warning)(name, facts, "Make room, or move it to a larger disk.")
    return fine(name, facts)
