"""`grader spec`: the specs there are, whether they judge rightly, and their training thresholds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, cast

import typer

from grader.cli.grade import Jobs, Sandbox, SandboxName
from grader.domain.errors import BadArguments, BadSpec
from grader.specs.load import Spec, list_specs, load_spec

if TYPE_CHECKING:
    from rich.console import Console

    from grader.engine.calibrate import Proposal
    from grader.engine.pipeline import Engine

app = typer.Typer(no_args_is_help=True, help="List, prove and calibrate the specs that judge assignments.")


@app.command("list")
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False,
) -> None:
    """List the assignments that can be graded here."""
    specs = list_specs()
    if as_json:
        typer.echo(json.dumps([_facts(spec) for spec in specs]))
        return
    from rich.table import Table

    from grader.cli.cards import console_for

    table = Table(box=None, pad_edge=False)
    for heading in ("assignment", "course", "title", "checks", "points", "version"):
        table.add_column(heading)
    for spec in specs:
        facts = _facts(spec)
        row = (facts[name] for name in ("slug", "course", "title", "checks", "max_points", "version"))
        table.add_row(*(f"{cell:g}" if isinstance(cell, float) else str(cell) for cell in row))
    console_for().print(table)


def _facts(spec: Spec) -> dict[str, str | int | float]:
    assignment = spec.assignment
    return {
        "slug": spec.slug,
        "title": assignment.title,
        "course": assignment.course,
        "version": spec.version,
        "checks": sum(part.checks for part in assignment.part),
        "max_points": float(assignment.max_points),
        "queue": assignment.queue,
    }


@app.command("check")
def check(
    slug: Annotated[str | None, typer.Argument(metavar="SLUG", help="The assignment.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="All assignments instead of one.")] = False,
    every: Annotated[bool, typer.Option("--every", help="All mutants and variants, not a selection.")] = False,
    repeat: Annotated[
        int, typer.Option("--repeat", min=1, metavar="N", help="Grade the reference N times, with fresh inputs.")
    ] = 1,
    no_train: Annotated[bool, typer.Option("--no-train", help="Leave the training checks out.")] = False,
    jobs: Jobs = 1,
    sandbox: Sandbox = None,
) -> None:
    """Prove specs: full marks for the reference, the floor for the starter, every mutant caught by the check it names.

    Exit status: 0 everything holds, 2 no such assignment, 3 a spec does not hold or the grader could not work.
    """
    from grader.cli.batch import open_engine
    from grader.cli.cards import console_for
    from grader.engine.prove import prove

    specs = _chosen(slug, all_=all_)
    console = console_for()
    problems = 0
    for spec in specs:
        console.print(f"{spec.slug} {spec.version}", style="bold", markup=False)
        limits = spec.assignment.limits
        with open_engine(sandbox=_named(sandbox), jobs=jobs, expected=None, limits=limits) as opened:
            proof = prove(
                spec,
                cast("Engine", opened),
                every=every,
                repeat=repeat,
                jobs=jobs,
                train=not no_train,
                on_line=lambda line: _say(console, line),
            )
        problems += len(proof.problems)
        for problem in proof.problems:
            console.print(f"  ✗ {problem}", style="red", markup=False)
        if proof.holds:
            console.print(f"  ✓ holds for {proof.tried} hand-ins", style="green", markup=False)
    if problems:
        raise BadSpec(f"{problems} thing{'s do' if problems > 1 else ' does'} not hold; see the lines marked ✗.")


@app.command("calibrate")
def calibrate(slug: Annotated[str, typer.Argument(metavar="SLUG", help="The assignment.")]) -> None:
    """Measure the training thresholds again, and print them as they would stand in assignment.toml."""
    from grader.cli.cards import console_for
    from grader.engine.calibrate import calibrate as measure

    spec = load_spec(slug)
    console = console_for(stderr=True)
    for proposal in measure(spec, lambda line: _say(console, line)):
        for line in _proposal_lines(proposal):
            typer.echo(line)


def _proposal_lines(proposal: Proposal) -> list[str]:
    in_use = "none" if proposal.in_use is None else f"{proposal.in_use.value:g}"
    missed = ", ".join(proposal.missed) or "none"
    lines = [
        f"# in use: {in_use}; worst reference run: {proposal.worst_reference:.3f}",
        f"# estimated false failures: {proposal.false_failures:.1e}; broken models that would pass: {missed}",
        f"[threshold.{proposal.name}]",
    ]
    # A JSON text or number is the same in TOML.
    lines += [f"{key} = {json.dumps(value)}" for key, value in proposal.measured.model_dump(exclude_none=True).items()]
    return [*lines, ""]


def _chosen(slug: str | None, *, all_: bool) -> tuple[Spec, ...]:
    if (slug is None) != all_:
        raise BadArguments("Name one assignment, or give --all.")
    return list_specs() if slug is None else (load_spec(slug),)


def _named(sandbox: SandboxName | None) -> str | None:
    return None if sandbox is None else sandbox.value


def _say(console: Console, line: str) -> None:
    console.print(f"  {line}", markup=False)
