"""A backup put back, in an order in which a failure changes nothing: refuse, blobs, database, schema, look again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from grader.cli.host.backup_folder import Backup, BackupFolder, BrokenBackup
from grader.cli.host.deployment import Deployment
from grader.cli.host.programs import postgres_tool
from grader.domain.errors import BadArguments, SetupError
from grader.storage import dump, schema
from grader.storage.blobs import BlobMissing, Blobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What is there now. `blobs` are those that rows name."""

    schema: str
    blobs: int
    rows: Mapping[str, int]


def restore_backup(place: BackupFolder, backup: Backup, service: Deployment, *, replace: bool) -> Restored:
    """Put it in the place of what the database holds.

    Raises:
        BadArguments: the database holds something and `replace` is not set, or the service still runs.
        BrokenBackup: the backup is damaged; nothing was changed.
        SetupError: it needs a newer grader, a newer server or a newer `pg_restore`.
        DumpFailed: it could not be loaded; the database is as it was.
        CareUnderWay, DatabaseBusy, StorageFull.

    """
    url = service.database_url
    _refuse_too_new(backup, url)
    _refuse_damaged(place, backup)
    with dump.care(url):
        dump.mend(url)
        _refuse_in_use(url, replace=replace)
        store = Blobs(service.blobs_url)
        _copy(place, backup, store)
        program = postgres_tool("pg_restore", at_least=max(backup.manifest.postgres, dump.server_major(url)))
        dump.load(program, url, backup.dump)
        rows = dump.rows(url)
        if differing := sorted(name for name, number in backup.manifest.rows.items() if rows.get(name) != number):
            raise SetupError(f"After loading, the tables {', '.join(differing)} have other rows than the backup says.")
        version = schema.upgrade(url)
        named = dump.named_blobs(url)
        there = {kept.sha256 for kept in store.every()}
        if lost := [digest for digest in named if digest not in there and digest not in backup.manifest.missing]:
            raise SetupError(f"The database is restored, but the blob store lacks {len(lost)} blobs that it names.")
    return Restored(schema=version, blobs=len(named), rows=rows)


def _refuse_too_new(backup: Backup, url: str) -> None:
    said = backup.manifest
    if not dump.knows(said.schema):
        raise SetupError(
            f"The backup has schema {said.schema}, and this grader knows {schema.newest_version()}: install the "
            f"version that made it ({said.grader}) or a later one."
        )
    if dump.server_major(url) < said.postgres:
        raise SetupError(
            f"The backup comes from PostgreSQL {said.postgres}, and the server is {dump.server_major(url)}: "
            "restore into a server that is at least as new."
        )


def _refuse_damaged(place: BackupFolder, backup: Backup) -> None:
    """Before anything is changed. The blobs are read when they are copied, which also comes before the database."""
    problems: list[str] = []
    place.verify(backup, problems.append, only=())
    fatal = [sentence for sentence in problems if "was missing already" not in sentence]
    if fatal:
        raise BrokenBackup(f"{fatal[0]} Nothing was changed; restore another backup with --at.")


def _refuse_in_use(url: str, *, replace: bool) -> None:
    if others := dump.others_connected(url):
        raise BadArguments(
            f"The database has {others} other connection{'s' * (others > 1)}: stop server, workers and sweep first."
        )
    if not replace and not dump.is_empty(url):
        raise BadArguments(
            "The database holds something already; make a backup of it if you may need it, and add --replace."
        )


def _copy(place: BackupFolder, backup: Backup, store: Blobs) -> None:
    sizes: dict[str, int] = {kept.sha256: kept.size_bytes for kept in store.every() if not kept.is_aside}
    backed_up: dict[str, int] = {kept.sha256: kept.size_bytes for kept in place.blobs.every()}
    for digest in backup.blobs():
        if digest in sizes and sizes[digest] == backed_up.get(digest, sizes[digest]):
            continue
        try:
            store.copy_from(place.blobs, digest)
        except BlobMissing as error:
            raise BrokenBackup(
                f"Blob {digest[:16]}... of the backup is damaged or not there. The database was not changed; "
                "restore another backup with --at."
            ) from error
