"""`grader similarity`: read submissions in sandboxes, and compare what they have in common. For operators."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grader.cli.grade import SandboxName
from grader.cli.host.deployment import Data, deployment

if TYPE_CHECKING:
    from grader.domain.grading import OfferedAssignment
    from grader.domain.similarity import Fingerprint
    from grader.engine.sandbox.base import SandboxBackend
    from grader.service.similarity import Prepared
    from grader.storage.blobs import Blobs
    from grader.storage.database import Database
    from grader.storage.repositories.similarity import Unread


def similarity(
    assignment: Annotated[str, typer.Argument(metavar="SLUG", help="The assignment.")],
    data: Data = None,
    sandbox: Annotated[SandboxName | None, typer.Option("--sandbox", help="Where submissions are read.")] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, max=64, help="Submissions read at the same time.")] = 2,
    again: Annotated[bool, typer.Option("--again", help="Read what could not be read once more.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Find submissions of an assignment, and of earlier terms, that have passages in common, for staff to read.

    Needs a sandbox, like a worker: each submission is read in one, once. Exit status: 0 done, 2 refused, 3 no sandbox,
    or the database or the blob store cannot be reached.
    """
    from grader.engine.fingerprints import MAKING, require_reader
    from grader.engine.sandbox.select import choose
    from grader.service import similarity as service

    with _opened(data) as (database, blobs):
        with database.begin() as work:
            prepared = service.prepare(work, assignment, MAKING, again=again)
        backend = choose(None if sandbox is None else sandbox.value)
        require_reader(backend)
        given = service.given_by([_starter(backend, blobs, one) for one in _versions(prepared)])
        unread = _read(database, blobs, backend, prepared, jobs)
        with database.begin() as work:
            made = service.compare(work, prepared, given, MAKING)
    if as_json:
        numbers = {"submissions": made.submissions, "earlier": made.earlier, "unread": made.unread, "read_now": unread}
        typer.echo(json.dumps({"assignment": assignment, "compared_at": made.made_at.isoformat(), **numbers}))
        return
    typer.echo(
        f"Compared {made.submissions} submissions of {prepared.assignment.slug} with each other and with "
        f"{made.earlier} of other terms; {made.unread} could not be read. Staff see what they have in common at "
        f"/assignments/{prepared.assignment.slug}/similarity."
    )


def _versions(prepared: Prepared) -> list[OfferedAssignment]:
    """One assignment for each spec version: what students were given differs between terms."""
    return list({one.spec.version: one for one in prepared.alike}.values())


def _starter(backend: SandboxBackend, blobs: Blobs, assignment: OfferedAssignment) -> Fingerprint:
    from grader.domain.errors import BadSpec
    from grader.engine.fingerprints import of_starter
    from grader.specs.pack import unpack

    with tempfile.TemporaryDirectory(prefix="grader-starter-") as folder:
        spec = unpack(blobs.get(assignment.spec.blob), Path(folder))
        found = of_starter(backend, spec.folder / "starter", spec.assignment.files.code_suffixes)
    if found.problem:
        raise BadSpec(f"The starter of {assignment.spec.spec_slug} cannot be read: {found.problem}")
    return found


def _read(database: Database, blobs: Blobs, backend: SandboxBackend, prepared: Prepared, jobs: int) -> int:
    """Read what has not been read, each in a sandbox of its own; how many."""
    from grader.engine.fingerprints import MAKING, take
    from grader.service import similarity as service
    from grader.storage.blobs import BlobMissing

    definitions = {one.id: one.spec.definition for one in prepared.alike}

    def read(one: Unread) -> bool:
        definition = definitions[one.assignment]
        try:
            content = blobs.get(one.sha256)
        except BlobMissing:
            # Erased or let go since we looked: then it is not ours to read any more.
            return False
        found = take(backend, one.file, content, limits=definition.limits, rules=definition.files)
        with database.begin() as work:
            service.keep(work, one, found, MAKING)
        return True

    with ThreadPoolExecutor(max_workers=jobs) as pool:
        return sum(pool.map(read, prepared.unread))


@contextmanager
def _opened(data: Path | None) -> Iterator[tuple[Database, Blobs]]:
    from grader.storage import schema
    from grader.storage.blobs import Blobs
    from grader.storage.database import Database

    with deployment(data) as service:
        schema.require_current(service.database_url)
        database = Database(service.database_url)
        try:
            yield database, Blobs(service.blobs_url)
        finally:
            database.close()
