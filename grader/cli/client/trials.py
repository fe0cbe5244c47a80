"""`grader trial` and `grader rerun --all --dry-run`: a spec version tried before it is published. For staff."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from grader.cli.client.options import Json, Token, Url, print_json, service_at

if TYPE_CHECKING:
    from grader.cli.client.service import Service

app = typer.Typer(no_args_is_help=True, help="A spec version tried before it is published. For staff.")
Assignment = Annotated[str, typer.Argument(metavar="SLUG", help="The assignment.")]
Trial = Annotated[int, typer.Argument(metavar="ID", help="The trial.")]
Reason = Annotated[str, typer.Option("--reason", metavar="WHY", help="Why; it is kept.")]
_LOOK_S = 1.0
# With no worker at work a trial would be waited for without end.
STILL_S = 60.0
_MOST_LINES = 200


@app.command("list")
def list_(assignment: Assignment, as_json: Json = False, url: Url = None, token: Token = None) -> None:
    """List an assignment's trials, the newest first."""
    from grader.cli.client.tables import as_time, print_table

    with service_at(url, token) as service:
        items = list(service.items(_path(assignment)))
    if as_json:
        print_json({"items": items, "next_cursor": None})
        return
    rows = (
        (one.get("id"), one.get("state"), one.get("spec_version"), _how_far(one), one.get("begun_by"),
         as_time(one.get("begun_at")), one.get("reason"))
        for one in items
    )  # fmt: skip
    print_table(("id", "state", "spec version", "tried", "begun by", "begun", "reason"), rows, right=("id",))


@app.command("show")
def show(
    assignment: Assignment,
    trial: Trial,
    as_json: Json = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print the report as CSV.")] = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Show what a trial would change: whose score, by how much, through which checks."""
    with service_at(url, token) as service:
        _show(service, assignment, trial, as_json=as_json, csv=csv)


@app.command("publish")
def publish(
    assignment: Assignment,
    trial: Trial,
    reason: Reason,
    despite_errors: Annotated[
        bool, typer.Option("--despite-errors", help="Also where the tried version came to no result.")
    ] = False,
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Let the assignment take the tried version, and what was tried count. For instructors."""
    with service_at(url, token) as service:
        body = {"reason": reason, "despite_errors": despite_errors}
        done = service.post(f"{_path(assignment)}/{trial}/publish", body)
    _say_ended(done, as_json=as_json)


@app.command("drop")
def drop(
    assignment: Assignment, trial: Trial, reason: Reason, as_json: Json = False, url: Url = None, token: Token = None
) -> None:
    """Throw a trial away; what of it still waits is not run."""
    from grader.cli.client.service import object_of

    with service_at(url, token) as service:
        done = object_of(service.send("DELETE", f"{_path(assignment)}/{trial}", params={"reason": reason}))
    _say_ended(done, as_json=as_json)


def try_all(service: Service, assignment: str, wanted: dict[str, Any], *, wait: bool, as_json: bool) -> None:
    """Begin a trial, wait until its runs are over, and show what it would change."""
    made = service.post(_path(assignment), wanted)
    number = int(made.get("id") or 0)
    typer.echo(
        f"Trial {number} of {assignment}: spec {made.get('spec_version')}, now {made.get('before_version')}.", err=True
    )
    if not as_json:
        every = _every(made)
        typer.echo(f"{every} {'submission' if every == 1 else 'submissions'} of {assignment}, tried:")
    said, moved_at = "", time.monotonic()
    while wait and not (made.get("progress") or {}).get("is_over"):
        if _how_far(made) != said:
            said, moved_at = _how_far(made), time.monotonic()
            typer.echo(f"{said} submissions tried", err=True)
        if time.monotonic() - moved_at > STILL_S:
            typer.echo(
                f"Nothing has moved for {STILL_S:g} s; is a worker at work? Look again later: grader trial show "
                f"{assignment} {number}", err=True,
            )  # fmt: skip
            break
        time.sleep(min(_LOOK_S, STILL_S))
        made = service.get(f"{_path(assignment)}/{number}")
    _show(service, assignment, number, as_json=as_json)
    if not as_json:
        typer.echo(
            f"Then: grader trial publish {assignment} {number} --reason WHY, or "
            f"grader trial drop {assignment} {number} --reason WHY.", err=True,
        )  # fmt: skip


def _path(assignment: str) -> str:
    from grader.cli.client.submit import in_path

    return f"/assignments/{in_path(assignment)}/trials"


def _how_far(trial: dict[str, Any]) -> str:
    progress = trial.get("progress") or {}
    over = sum(int(progress.get(state) or 0) for state in ("graded", "rejected", "failed"))
    return f"{over} of {_every(trial)}"


def _every(trial: dict[str, Any]) -> int:
    progress = trial.get("progress") or {}
    return sum(int(progress.get(state) or 0) for state in ("waiting", "grading", "graded", "rejected", "failed"))


def _say_ended(trial: dict[str, Any], *, as_json: bool) -> None:
    from grader.kit.text import one_line

    if as_json:
        print_json(trial)
    else:
        typer.echo(one_line(f"Trial {trial.get('id')} of {trial.get('assignment')} is {trial.get('state')}."))


def _show(service: Service, assignment: str, trial: int, *, as_json: bool = False, csv: bool = False) -> None:
    path = f"{_path(assignment)}/{trial}/report"
    if csv:
        typer.echo(service.send("GET", path, params={"format": "csv"}).text, nl=False)
        return
    report = service.get(path)
    if as_json:
        print_json(report)
        return
    _print(report)


def _print(report: dict[str, Any]) -> None:
    from grader.cli.client.tables import as_words, print_table

    totals, trial = report.get("totals") or {}, report.get("trial") or {}
    progress = trial.get("progress") or {}
    typer.echo(
        f"{totals.get('up')} up, {totals.get('down')} down, {totals.get('same')} the same, {totals.get('error')} errors"
        f", {totals.get('pending')} not done, {totals.get('missing')} missing; in {totals.get('new_failures')} a check"
        f" that passed fails. Results: {progress.get('judged')} run, {progress.get('reused')} reused."
    )
    for note in report.get("notes") or ():
        typer.echo(as_words(note))
    checks = report.get("checks") or []
    if checks:
        print_table(
            ("check", "title", "", "up", "down", "same", "errors"),
            [[one.get(key) for key in ("id", "title", "fate", "up", "down", "same", "errors")] for one in checks],
            right=("up", "down", "same", "errors"),
        )
    lines = [line for line in report.get("lines") or () if line.get("direction") != "same" or line.get("checks")]
    if not lines:
        typer.echo("No submission comes to anything else.")
        return
    print_table(
        ("student", "no.", "", "before", "after", "counts", "through"), [_row(line) for line in lines[:_MOST_LINES]],
        right=("no.",),
    )  # fmt: skip
    if len(lines) > _MOST_LINES:
        typer.echo(f"{len(lines) - _MOST_LINES} more: --csv or --json has them all.")


def _row(line: dict[str, Any]) -> tuple[Any, ...]:
    counts = "; ".join(
        f"{_points(one.get('before'), one.get('before_scale'))} to {_points(one.get('after'), one.get('after_scale'))}"
        + (" (overridden)" if one.get("overridden") else "")
        for one in line.get("people") or ()
    )
    through = "; ".join(
        f"{check.get('id')} {_result(check.get('before'))} to {_result(check.get('after'))}"
        for check in line.get("checks") or ()
    )
    told = through or (line.get("after") or {}).get("message")
    return (
        line.get("owner"), line.get("number"), line.get("direction"), _run(line.get("before")), _run(line.get("after")),
        counts, told,
    )  # fmt: skip


def _run(run: dict[str, Any] | None) -> str:
    from grader.cli.client.tables import as_score, as_words

    return "" if run is None else as_score(run) or as_words(run.get("state"))


def _points(score: Any, mark: dict[str, Any] | None) -> str:
    from grader.cli.client.tables import as_number

    return "none" if score is None else as_number(score) + (f" ({as_number(mark.get('value'))})" if mark else "")


def _result(outcome: dict[str, Any] | None) -> str:
    from grader.cli.client.tables import as_number

    return "not there" if outcome is None else f"{outcome.get('status')} {as_number(outcome.get('points'))}"
