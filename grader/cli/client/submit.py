"""`grader submit` and `grader status`: a student's two commands."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from grader.cli.client.options import Json, Token, Url, print_json, service_at
from grader.domain.errors import BadArguments

if TYPE_CHECKING:
    from grader.cli.client.service import Service

NEWEST = 10
_INTERRUPTED = 130


def submit(
    assignment: Annotated[str, typer.Option("--assignment", "-a", metavar="SLUG", help="What it is handed in for.")],
    answers: Annotated[
        Path | None, typer.Option("--answers", metavar="F", help="Written answers (TOML or JSON) to go with it.")
    ] = None,
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="A zip, a notebook or a Python file; with --own optional.")
    ] = None,
    own: Annotated[
        bool, typer.Option("--own", help="For the parts of a team's assignment that each member hands in alone.")
    ] = False,
    contribution: Annotated[
        str, typer.Option("--contribution", metavar="WORDS", help="Who did what in the team, where that is asked.")
    ] = "",
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Stop after the receipt.")] = False,
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Hand in a file, and watch its checks come in.

    Exit status: 0 graded, whatever the score (with --no-wait: received); 2 refused or rejected; 3 the service cannot be
    reached or failed.
    """
    from grader.cli.answers import answers_text
    from grader.cli.client.service import LONG_PATIENCE_S
    from grader.cli.client.upload import read_file, upload

    if file is None and not (own and answers is not None):
        raise BadArguments("Name the file to hand in; with --own it may be --answers F alone.")
    content = None if file is None else read_file(file)
    written = answers_text(answers) if answers is not None else ""
    with service_at(url, token, patience_s=LONG_PATIENCE_S) as service:
        receipt = upload(
            service, assignment, file.name if file else "", content, answers=written, own=own, contribution=contribution
        )
        if no_wait and as_json:
            print_json(receipt)
            return
        _print_receipt(receipt, service.address.url, to_stderr=as_json)
        if not no_wait:
            submission = wait_for(service, str(receipt["id"]))
            _print_submission(submission, as_json=as_json)
            raise typer.Exit(exit_of_state(submission))


def status(
    submission: Annotated[str | None, typer.Argument(metavar="ID", help="A submission; else all of mine.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="With ID: wait until it is graded.")] = False,
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Show a submission, or my assignments and newest submissions."""
    with service_at(url, token) as service:
        if submission is not None:
            path = in_path(submission)
            found = wait_for(service, path) if wait else service.get(f"/submissions/{path}")
            _print_submission(found, as_json=as_json)
            return
        assignments = list(service.items("/assignments"))
        newest = list(service.items("/submissions", most=NEWEST))
    if as_json:
        print_json({"assignments": assignments, "submissions": newest})
        return
    _print_overview(assignments, newest)


def wait_for(service: Service, submission: str, *, run: str | None = None) -> dict[str, Any]:
    """The submission once its newest run (or `run`) is final, shown live meanwhile. Ctrl-C ends the waiting alone."""
    from grader.cli.client.card import watched
    from grader.cli.client.follow import follow

    found: dict[str, Any] = {}
    try:
        with watched() as live:
            for found in follow(service, submission, run=run):
                live.show(found)
    except KeyboardInterrupt:
        typer.echo(f"The submission is safe and will be graded; see it with: grader status {submission}", err=True)
        raise typer.Exit(_INTERRUPTED) from None
    return found


def exit_of_state(submission: dict[str, Any]) -> int:
    """0 graded, 2 rejected, 3 failed."""
    from grader.cli.exits import CANNOT_WORK, GRADED, UNUSABLE

    state = (submission.get("run") or {}).get("state")
    return {"graded": GRADED, "rejected": UNUSABLE}.get(str(state), CANNOT_WORK)


def in_path(given: str) -> str:
    """Something a person typed, as one step of a path."""
    from urllib.parse import quote

    return quote(given, safe="")


def _print_receipt(receipt: dict[str, Any], url: str, *, to_stderr: bool) -> None:
    from rich.text import Text

    from grader.cli.cards import console_for
    from grader.cli.client.tables import as_time, as_words
    from grader.kit.text import one_line

    again = "" if receipt.get("is_new", True) else " (handed in before: this is its receipt)"
    late = _late_words(receipt)
    lines = [
        f"Received{again}: {as_words(receipt.get('file'))}, {as_words(receipt.get('size_bytes'))} bytes",
        f"  id      {as_words(receipt.get('id'))}",
        f"  sha256  {as_words(receipt.get('sha256'))}",
        f"  time    {as_time(receipt.get('received_at'))}" + late,
    ]
    if answers := receipt.get("answers_sha256"):
        lines.append(f"  answers {as_words(answers)} (sha256)")
    if page := as_words((receipt.get("links") or {}).get("page")):
        lines.append(f"  page    {url}{page}")
    console = console_for(stderr=to_stderr)
    for line in lines:
        console.print(Text("  " * line.startswith("  ") + one_line(line)), soft_wrap=True)


def _late_words(receipt: dict[str, Any]) -> str:
    """What a late upload cost, behind its time."""
    if not receipt.get("late_days"):
        return ""
    words = f", {receipt['late_days']} days late"
    if receipt.get("days_used"):
        words += f": used {receipt['days_used']} of your late days, {receipt.get('days_left')} left"
    if receipt.get("penalty"):
        words += f"; it loses {100 * float(receipt['penalty']):g}% of its points"
    return words


def _print_submission(submission: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(submission)
        return
    from grader.cli.cards import console_for
    from grader.cli.client.card import submission_card

    sys.stderr.flush()
    console_for().print(submission_card(submission))


def _print_overview(assignments: list[dict[str, Any]], newest: list[dict[str, Any]]) -> None:
    from grader.cli.client.tables import as_score, as_time, as_words, print_table
    from grader.kit.text import one_line

    def line(item: dict[str, Any]) -> tuple[Any, ...]:
        standing = item.get("standing") or {}
        due_at = standing.get("due_at") or item.get("due_at")
        due = as_time(due_at) if due_at else ""
        score = as_score({**item, "score": standing.get("score")})
        return (item.get("slug"), item.get("course"), due, standing.get("state") or "", score,
                standing.get("uploads_left"), standing.get("days_left"))  # fmt: skip

    headings = ("assignment", "course", "due", "state", "score", "uploads left today", "late days left")
    print_table(headings, map(line, assignments), right=headings[4:])
    for item in assignments:
        standing = item.get("standing") or {}
        if used := standing.get("days_used_now"):
            words = (
                f"An upload for {as_words(item.get('slug'))} now will use {used} of your {standing.get('days_left')}"
            )
            typer.echo(one_line(f"{words} late days.", limit=200))
    if newest:
        typer.echo()
        # A student's own name in every line says nothing.
        several = len({(item.get("person") or {}).get("email") for item in newest}) > 1
        rows = [
            (item.get("id"), item.get("assignment"), item.get("file"), as_time(item.get("received_at")),
             item.get("state"), as_score(item) + (" counts" if item.get("counts") else ""),
             *([(item.get("person") or {}).get("email")] if several else []))
            for item in newest
        ]  # fmt: skip
        columns = ("submission", "assignment", "file", "received", "state", "score", *(["by"] if several else []))
        print_table(columns, rows)
