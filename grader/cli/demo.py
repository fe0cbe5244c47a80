"""`grader demo`: the reference hand-in and four broken ones, graded and shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from grader.cli.grade import Jobs, Sandbox, card_printer, shown, watching

if TYPE_CHECKING:
    from grader.engine.handins import Entry, HandIn
    from grader.specs.load import Spec

ASSIGNMENT = "cmp784-practical2"
BROKEN = 4


def demo(
    exit_: Annotated[
        bool, typer.Option("--exit", help="Stop after the score cards (there is nothing more yet).")
    ] = False,
    jobs: Jobs = 2,
    sandbox: Sandbox = None,
) -> None:
    """Grade the reference hand-in of the first assignment and four broken ones, and print their score cards."""
    import tempfile
    from pathlib import Path

    from grader.cli import batch
    from grader.cli.cards import console_for, summary
    from grader.cli.collect import HandIn as OnDisk
    from grader.cli.exits import exit_of_reports
    from grader.engine.pipeline import GradeOptions
    from grader.specs.load import load_spec

    del exit_
    spec = load_spec(ASSIGNMENT)
    with tempfile.TemporaryDirectory(prefix="grader-demo-") as folder:
        on_disk = []
        for label, made in _made(spec):
            path = Path(folder) / label / made.name
            path.parent.mkdir()
            path.write_bytes(made.content)
            on_disk.append(OnDisk(label=label, path=path))
        todo = batch.Batch(spec=spec, hand_ins=on_disk, options=GradeOptions(), jobs=jobs)
        opened = batch.open_engine(
            sandbox=sandbox and sandbox.value, jobs=jobs, expected=len(on_disk), limits=spec.assignment.limits
        )
        with opened as engine, watching(spec) as live:
            reports = shown(todo.run(engine, live or batch.Unwatched()), card_printer(spec), live)
    console_for().print(summary(reports, spec.assignment))
    raise typer.Exit(exit_of_reports(reports))


def _made(spec: Spec) -> list[tuple[str, HandIn]]:
    from grader.engine.handins import entries_of, hand_in, reference_hand_in

    broken = _spread(list(entries_of(spec, "mutant")))
    return [("reference", reference_hand_in(spec)), *((entry.name, hand_in(spec, "mutant", entry)) for entry in broken)]


def _spread(mutants: list[Entry]) -> list[Entry]:
    """A few mutants, each caught by a check of another part."""
    first_of_part: dict[str, Entry] = {}
    for mutant in mutants:
        if mutant.caught_by:
            first_of_part.setdefault(mutant.caught_by[0].split(".")[0], mutant)
    return list(first_of_part.values())[:BROKEN]
