"""`grader backup` and `grader restore`: everything a service knows, out and in again."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grader.cli.host.deployment import Data, deployment

if TYPE_CHECKING:
    from grader.cli.host.backup_folder import Backup, BackupFolder, Manifest
    from grader.cli.host.deployment import Deployment
    from grader.storage.blobs import Blobs
    from grader.storage.dump import Snapshot

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder of backups.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
_MOST_NAMED = 20


def backup(
    folder: Folder,
    data: Data = None,
    keep: Annotated[int | None, typer.Option("--keep", min=1, metavar="N", help="Delete all but the newest N.")] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Make none; read those there are again.")] = False,
    as_json: AsJson = False,
) -> None:
    """Add a backup of a running service: its database, and what is new among uploads and pictures.

    Exit status: 0 the backup is whole, 3 it could not be made or something in it is missing or damaged.
    """
    from grader.cli.host.backup_folder import BackupFolder

    place = BackupFolder(folder)
    if verify:
        _verify(place, as_json=as_json)
        return
    with deployment(data) as service, place.locked():
        made = make_backup(place, service)
        gone = place.keep_newest(keep) if keep else 0
    _tell_made(made, gone, as_json=as_json)


def restore(
    folder: Folder,
    data: Data = None,
    at: Annotated[str | None, typer.Option("--at", metavar="NAME", help="This backup; else the newest.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Even if the database holds something already.")] = False,
    as_json: AsJson = False,
) -> None:
    """Put a backup in the place of what the database holds, and bring its schema up to date. Stop the service first.

    Exit status: 0 restored, 2 refused, 3 the backup is damaged or could not be loaded.
    """
    from grader.cli.host.backup_folder import BackupFolder
    from grader.cli.host.restoring import restore_backup

    place = BackupFolder(folder)
    chosen = place.get(at)
    with deployment(data) as service:
        done = restore_backup(place, chosen, service, replace=replace)
    if as_json:
        typer.echo(json.dumps({"backup": chosen.name, "schema": done.schema, "blobs": done.blobs, "rows": done.rows}))
    else:
        typer.echo(
            f"Restored {chosen.name} of {chosen.manifest.made_at}: {done.rows.get('submissions', 0)} submissions, "
            f"{done.rows.get('people', 0)} people, {done.blobs} blobs; schema {done.schema}."
        )


def make_backup(place: BackupFolder, service: Deployment) -> Backup:
    """One more. The blobs come after the dump, and none is deleted meanwhile: no row names bytes that are not there.

    Raises:
        CareUnderWay, DatabaseBusy, DumpFailed, StorageFull.
        SetupError: there is no `pg_dump` that knows the server's version.

    """
    from grader.cli.host.programs import postgres_tool
    from grader.storage import dump, schema
    from grader.storage.blobs import Blobs

    schema.require_current(service.database_url)
    major = dump.server_major(service.database_url)
    program = postgres_tool("pg_dump", at_least=major)
    with dump.care(service.database_url), place.making() as fresh:
        with dump.snapshot(service.database_url) as seen:
            dump.dump(program, service.database_url, fresh / "database.dump", of=seen)
        copied = _copy_blobs(place, seen, Blobs(service.blobs_url))
        made = place.finish(fresh, _name(place, seen), _manifest(fresh, seen, copied, major))
    _note(service, made)
    return made


def _name(place: BackupFolder, seen: Snapshot) -> str:
    """Its second; the next one where another backup has it."""
    moment = seen.taken_at
    while place.folder.joinpath(name := f"{moment:%Y%m%dT%H%M%SZ}").exists():
        moment += timedelta(seconds=1)
    return name


def _copy_blobs(place: BackupFolder, seen: Snapshot, store: Blobs) -> dict[str, int | None]:
    """Digest to size in bytes; None for what the store does not have."""
    from grader.storage.blobs import BlobMissing

    there: dict[str, int] = {kept.sha256: kept.size_bytes for kept in place.blobs.every()}
    copied: dict[str, int | None] = {}
    for digest in seen.blobs:
        try:
            copied[digest] = there[digest] if digest in there else place.blobs.copy_from(store, digest).size_bytes
        except BlobMissing:
            copied[digest] = None
    return copied


def _manifest(fresh: Path, seen: Snapshot, copied: dict[str, int | None], major: int) -> Manifest:
    import importlib.metadata

    from grader.cli.host.backup_folder import DUMP, NAMED, Manifest, sha256_of_file

    sizes = {digest: size for digest, size in copied.items() if size is not None}
    (fresh / NAMED).write_text("".join(f"{digest}\n" for digest in sizes), encoding="ascii")
    return Manifest(
        made_at=seen.taken_at.isoformat(timespec="seconds"),
        grader=importlib.metadata.version("grader"),
        schema=seen.schema,
        postgres=major,
        dump_sha256=sha256_of_file(fresh / DUMP),
        dump_bytes=(fresh / DUMP).stat().st_size,
        named_sha256=sha256_of_file(fresh / NAMED),
        blobs=len(sizes),
        blob_bytes=sum(sizes.values()),
        rows=seen.rows,
        missing=tuple(digest for digest, size in copied.items() if size is None),
    )


def _note(service: Deployment, made: Backup) -> None:
    """`grader doctor` reads it."""
    from grader.cli.host.accounts import opened
    from grader.service import audit

    with opened(service.database_url) as database, database.begin() as work:
        audit.note(work, None, "make backup", "service", made.name)


def _tell_made(made: Backup, gone: int, *, as_json: bool) -> None:
    from dataclasses import asdict

    from grader.cli.exits import CANNOT_WORK

    said = made.manifest
    if as_json:
        typer.echo(json.dumps({"backup": made.name, "deleted": gone, **asdict(said)}))
    else:
        older = f" {gone} older deleted." if gone else ""
        typer.echo(
            f"Backup {made.name}: {said.rows.get('submissions', 0)} submissions, {said.blobs} blobs "
            f"({said.blob_bytes / 2**20:,.1f} MiB), database {said.dump_bytes / 2**20:,.1f} MiB.{older}"
        )
    if said.missing:
        typer.echo(
            f"The blob store lacks {len(said.missing)} that rows name (the first: {said.missing[0][:16]}...); "
            "restore them from an older backup.",
            err=True,
        )
        raise typer.Exit(CANNOT_WORK)


def _verify(place: BackupFolder, *, as_json: bool) -> None:
    from grader.cli.exits import CANNOT_WORK

    found = [place.get(None), *place.every()[-2::-1]]
    problems: list[str] = []
    seen: set[str] = set()
    for one in found:
        # Most blobs are in every backup, and are read once.
        fresh = [digest for digest in one.blobs() if digest not in seen]
        place.verify(one, problems.append, only=fresh)
        seen.update(fresh)
    if as_json:
        typer.echo(json.dumps({"backups": [one.name for one in found], "blobs": len(seen), "problems": problems}))
    else:
        for sentence in problems[:_MOST_NAMED]:
            typer.echo(sentence, err=True)
        wrong = f"{len(problems)} problems." if problems else "All of it is whole."
        typer.echo(f"Read {len(found)} backups and {len(seen)} blobs again. {wrong}")
    if problems:
        raise typer.Exit(CANNOT_WORK)
