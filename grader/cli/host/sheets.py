"""`grader sheets`: make what graders look at of an assignment's submissions, in sandboxes. For operators."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grader.cli.grade import SandboxName
from grader.cli.host.deployment import Data, deployment

if TYPE_CHECKING:
    from grader.engine.sandbox.base import SandboxBackend
    from grader.storage.blobs import Blobs
    from grader.storage.database import Database


def sheets(
    assignment: Annotated[str, typer.Option("--assignment", "-a", metavar="SLUG", help="The assignment.")],
    data: Data = None,
    sandbox: Annotated[SandboxName | None, typer.Option("--sandbox", help="Where submissions are read.")] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, max=64, help="Submissions read at the same time.")] = 2,
    again: Annotated[bool, typer.Option("--again", help="Make all anew, also what could not be made.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Make the sheets of an assignment's submissions: pages and cells, for graders to look at.

    Workers do it by themselves where a spec has items for a person. Needs a sandbox, like a worker. Exit status: 0
    done, 2 refused, 3 no sandbox, or the database or the blob store cannot be reached.
    """
    from grader.engine.sandbox.select import choose
    from grader.engine.sheets import MAKING, require_maker
    from grader.service import sheets as service

    with _opened(data) as (database, blobs):
        with database.begin() as work:
            offered, wanted = service.want_all(work, assignment, MAKING, again=again)
        backend = choose(None if sandbox is None else sandbox.value)
        require_maker(backend)
        with ThreadPoolExecutor(max_workers=jobs) as pool:
            made = sum(pool.map(lambda _: _make_all(database, blobs, backend, offered.id), range(jobs)))
        with database.begin() as work:
            states = {state.value: count for state, count in service.states(work, offered).items()}
    if as_json:
        typer.echo(json.dumps({"assignment": offered.slug, "wanted": wanted, "made_now": made, "states": states}))
        return
    typer.echo(
        f"Made the sheets of {made} submissions of {offered.slug}; {states['made']} have sheets, of "
        f"{states['failed']} none could be made, {states['wanted'] + states['making']} wait or are made elsewhere."
    )


def _make_all(database: Database, blobs: Blobs, backend: SandboxBackend, assignment: int) -> int:
    """Make what is wanted until nothing is; how many."""
    from grader.domain.sheets import Sheets
    from grader.engine.sheets import MAKING, make
    from grader.service import sheets as service
    from grader.storage.blobs import BlobMissing

    made_now = 0
    while True:
        with database.begin() as work:
            wanted = service.claim(work, worker=f"{socket.gethostname()}-{os.getpid()}", assignment=assignment)
        if wanted is None:
            return made_now
        rules, limits = wanted.definition.files, wanted.definition.limits
        try:
            content = blobs.get(wanted.sha256)
        except BlobMissing as error:
            made: Sheets | None = Sheets(problem=str(error))
        else:
            made = make(backend, wanted.file, content, limits=limits, rules=rules)
        made_now += made is not None and service.keep(database, blobs, wanted, made, MAKING)


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
