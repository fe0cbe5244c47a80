"""`grader erase-student`, `grader export-student` and `grader retention apply`, for whoever runs the service."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grader.cli.host.deployment import Data, deployment

if TYPE_CHECKING:
    from grader.service.clearing import Cleared
    from grader.storage.blobs import Blobs
    from grader.storage.database import Database

retention_app = typer.Typer(no_args_is_help=True, help="How long what students handed in is kept.")
Email = Annotated[str, typer.Argument(metavar="EMAIL")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@retention_app.command("apply")
def apply(
    data: Data = None,
    older_than: Annotated[
        str | None, typer.Option("--older-than", metavar="AGE", help="Let go work older than 90d, 26w, 18mo or 2y.")
    ] = None,
    course: Annotated[str | None, typer.Option("--course", "-c", metavar="SLUG", help="Of this course alone.")] = None,
    everything: Annotated[
        bool, typer.Option("--everything", help="Submissions and scores too, not only files, outputs and pictures.")
    ] = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Let old work go, and bytes that nobody names any more.

    Exit status: 0 done, 2 refused, 3 the database or the blob store cannot be reached.
    """
    from grader.domain.errors import BadArguments
    from grader.service.retention import Policy, age_of
    from grader.service.retention import apply as apply_policy

    if older_than is None and (course or everything):
        raise BadArguments("--course and --everything go with --older-than; without it only unnamed bytes are cleared.")
    age = None if older_than is None else age_of(older_than)
    with _opened(data) as (database, blobs):
        done = apply_policy(database, blobs, Policy(age=age, course=course, everything=everything), dry_run=dry_run)
    if as_json:
        from dataclasses import asdict

        typer.echo(json.dumps({**asdict(done), "dry_run": dry_run}))
        return
    would = "Would let go" if dry_run else "Let go"
    what = "submissions with their scores" if everything else "submissions' files, outputs and pictures"
    typer.echo(f"{would} {done.submissions} {what}, of {done.owners} students and teams by assignment.")
    typer.echo(_of_blobs(done.cleared, dry_run=dry_run))


def erase_student(
    email: Email,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, without a name; it is kept.")],
    data: Data = None,
    course: Annotated[
        str | None, typer.Option("--course", "-c", metavar="SLUG", help="Only what this course holds.")
    ] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Delete everything about a student. It cannot be undone but by restoring a backup.

    Exit status: 0 done, 2 refused, 3 the database or the blob store cannot be reached.
    """
    from grader.service.clearing import Cleared, let_go
    from grader.service.erasure import erase

    with _opened(data) as (database, blobs):
        with database.begin() as work:
            done = erase(work, email, reason=reason, course=course)
            if dry_run:
                work.session.rollback()
        cleared = Cleared() if dry_run else let_go(database, blobs, done.digests)
    if as_json:
        from dataclasses import asdict

        plain = {"submissions": done.submissions, "shared": done.shared, "person_gone": done.is_person_gone}
        typer.echo(json.dumps({**plain, "cleared": asdict(cleared), "dry_run": dry_run}))
        return
    would = "Would delete" if dry_run else "Deleted"
    typer.echo(f"{would} {done.submissions} submissions; {done.shared} of teams stay, without the person.")
    if not dry_run:
        typer.echo(_of_blobs(cleared, dry_run=False))
        typer.echo("Backups made before still hold them: docs/data-protection.md says until when.")


def export_student(
    email: Email,
    file: Annotated[Path, typer.Argument(metavar="FILE.zip", help="The archive to write; must not be there yet.")],
    data: Data = None,
) -> None:
    """Write everything the service holds about a person, and what they handed in, to an archive.

    Exit status: 0 done, 2 refused, 3 something that belongs in it is missing, and the rest is there.
    """
    from grader.cli.exits import CANNOT_WORK
    from grader.domain.errors import BadArguments
    from grader.service.personal import collect, write

    target = file.expanduser().absolute()
    with _opened(data, care=False) as (database, blobs):
        with database.begin() as work:
            collected = collect(work, email)
        fresh = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
                missing = write(stream, collected, blobs)
            # Unlike a rename, a link does not replace a file that is there.
            os.link(fresh, target)
        except OSError as error:
            raise BadArguments(f"{target} cannot be written ({error.strerror}).") from error
        finally:
            fresh.unlink(missing_ok=True)
    typer.echo(f"Wrote {len(collected['submissions'])} submissions and all rows about {email} to {target}.")
    if missing:
        typer.echo(f"{len(missing)} files are missing in the blob store (the first: {missing[0][:16]}...).", err=True)
        raise typer.Exit(CANNOT_WORK)


@contextmanager
def _opened(data: Path | None, *, care: bool = True) -> Iterator[tuple[Database, Blobs]]:
    """Database and blobs; with `care` no backup or other deletion is under way meanwhile."""
    import contextlib

    from grader.cli.host.accounts import opened
    from grader.storage import dump, schema
    from grader.storage.blobs import Blobs

    with deployment(data) as service:
        schema.require_current(service.database_url)
        with (
            dump.care(service.database_url) if care else contextlib.nullcontext(),
            opened(service.database_url) as database,
        ):
            yield database, Blobs(service.blobs_url)


def _of_blobs(cleared: Cleared, *, dry_run: bool) -> str:
    if dry_run:
        return f"Of bytes that nobody names, {cleared.blobs} blobs ({cleared.size_bytes / 2**20:,.1f} MiB) would go."
    later = (
        f"; {cleared.later} lie aside and go with the first `grader retention apply` in an hour or later"
        if cleared.later
        else ""
    )
    return f"Deleted {cleared.blobs} blobs ({cleared.size_bytes / 2**20:,.1f} MiB) that nobody names any more{later}."
