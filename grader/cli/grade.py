"""`grader grade`: hand-ins on this disk, graded on this machine, without a server."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grader.domain.run import RunReport
from grader.specs.load import Spec

if TYPE_CHECKING:
    from grader.cli.progress import LiveProgress
    from grader.engine.pipeline import GradeOptions

MAX_JOBS = 64


class SandboxName(StrEnum):
    """The names of `grader.engine.sandbox.select`, which this module must not import at start."""

    DOCKER = "docker"
    BWRAP = "bwrap"
    FORK = "fork"


Sandbox = Annotated[SandboxName | None, typer.Option("--sandbox", help="Isolate by this; else the first that works.")]
Jobs = Annotated[int, typer.Option("--jobs", "-j", min=1, max=MAX_JOBS, help="Hand-ins graded at the same time.")]


def grade(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Hand-ins, or folders of hand-ins.")],
    assignment: Annotated[str, typer.Option("--assignment", "-a", metavar="SLUG", help="What it is graded as.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: an object a line, in the order given.")] = False,
    csv: Annotated[Path | None, typer.Option("--csv", metavar="F", help="Write a summary table.")] = None,
    junit: Annotated[
        Path | None, typer.Option("--junit", metavar="F", help="Write JUnit XML (several hand-ins: into folder F).")
    ] = None,
    gradescope: Annotated[
        Path | None,
        typer.Option("--gradescope", metavar="F", help="Write results.json (several hand-ins: into folder F)."),
    ] = None,
    jobs: Jobs = 1,
    sandbox: Sandbox = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="GLOB", help="Run only checks or parts with such an id (may be repeated)."),
    ] = None,
    no_train: Annotated[bool, typer.Option("--no-train", help="Leave the training checks out.")] = False,
    answers: Annotated[
        Path | None,
        typer.Option("--answers", metavar="F", help="Written answers (TOML or JSON) to go with one hand-in."),
    ] = None,
) -> None:
    """Grade hand-ins and print a score card for each.

    Exit status: 0 all graded, whatever the scores; 2 a hand-in or an argument is unusable (the others are graded);
    3 the grader itself could not work.
    """
    from grader.cli import batch
    from grader.cli.collect import collect
    from grader.cli.exits import exit_of_reports
    from grader.cli.files_out import refuse_unwritable
    from grader.specs.load import load_spec

    spec = load_spec(assignment)
    hand_ins = collect(files, spec.assignment)
    several = len(hand_ins) > 1
    refuse_unwritable(csv, folder=False)
    for path in (junit, gradescope):
        refuse_unwritable(path, folder=several)
    jobs = min(jobs, len(hand_ins))
    options = _options(spec, only=only, train=not no_train, answers=answers, several=several)
    todo = batch.Batch(spec=spec, hand_ins=hand_ins, options=options, jobs=jobs)
    opened = batch.open_engine(
        sandbox=sandbox and sandbox.value, jobs=jobs, expected=len(hand_ins), limits=spec.assignment.limits
    )
    with opened as engine, watching(spec) as live:
        reports = shown(
            todo.run(engine, live or batch.Unwatched()), _printer(spec, several=several, as_json=as_json), live
        )
    if several and not as_json:
        from grader.cli.cards import console_for, summary

        console_for().print(summary(reports, spec.assignment))
    _write_files(spec, reports, csv=csv, junit=junit, gradescope=gradescope, several=several)
    raise typer.Exit(exit_of_reports(reports))


def _options(spec: Spec, *, only: list[str] | None, train: bool, answers: Path | None, several: bool) -> GradeOptions:
    from grader.cli.answers import answers_for
    from grader.domain.errors import BadArguments
    from grader.engine.pipeline import GradeOptions

    if answers is not None and several:
        raise BadArguments("--answers goes with one hand-in; grade them one by one.")
    given = answers_for(spec, answers) if answers is not None else {}
    return GradeOptions(only=tuple(only or ()), train=train, answers=given)


def watching(spec: Spec) -> LiveProgress | nullcontext[None]:
    """Live progress if somebody watches stderr."""
    if not sys.stderr.isatty():
        return nullcontext()
    from grader.cli.progress import LiveProgress

    return LiveProgress(checks=sum(part.checks for part in spec.assignment.part))


def shown(
    reports: Iterable[RunReport], show: Callable[[RunReport], None], live: LiveProgress | None
) -> list[RunReport]:
    """The reports, each shown as it comes."""
    seen = []
    for report in reports:
        if live is None:
            show(report)
        else:
            live.aside(lambda report=report: show(report))  # type: ignore[misc]
        seen.append(report)
    return seen


def card_printer(spec: Spec) -> Callable[[RunReport], None]:
    """Prints score cards to stdout."""
    from grader.cli.cards import console_for, score_card

    console = console_for()
    return lambda report: console.print(score_card(report, spec.assignment))


def _printer(spec: Spec, *, several: bool, as_json: bool) -> Callable[[RunReport], None]:
    if not as_json:
        return card_printer(spec)
    from grader.formats.jsonreport import to_json

    return lambda report: typer.echo(to_json(report, with_file=several))


def _write_files(
    spec: Spec,
    reports: list[RunReport],
    *,
    csv: Path | None,
    junit: Path | None,
    gradescope: Path | None,
    several: bool,
) -> None:
    from grader.cli.files_out import write_each, write_text

    if csv is not None:
        from grader.formats.table import to_csv

        write_text(csv, to_csv(reports, [part.id for part in spec.assignment.part if part.points]))
    if junit is not None:
        from grader.formats.junit import to_junit

        write_each(junit, reports, to_junit, suffix=".xml", folder=several)
    if gradescope is not None:
        from grader.formats.gradescope import to_gradescope

        write_each(gradescope, reports, lambda report: to_gradescope(report).encode(), suffix=".json", folder=several)
