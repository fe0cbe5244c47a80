"""`grader rerun`: judge a submission, or an assignment's, by the newest spec version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from grader.cli.client.options import Json, Token, Url, print_json, service_at
from grader.domain.errors import BadArguments

if TYPE_CHECKING:
    from grader.cli.client.service import Service


def rerun(
    submission: Annotated[str | None, typer.Argument(metavar="ID", help="The submission.")] = None,
    assignment: Annotated[
        str | None, typer.Option("--assignment", "-a", metavar="SLUG", help="With --all: the assignment.")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every student's counting submission.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --all: try it and show what would change; nothing is published.")
    ] = False,
    spec_version: Annotated[
        str,
        typer.Option(
            "--spec-version",
            metavar="VERSION",
            help="With --dry-run: a kept version, or `folder` for the service's folder.",
        ),
    ] = "",
    every: Annotated[bool, typer.Option("--every", help="With --dry-run: also submissions that do not count.")] = False,
    reason: Annotated[str, typer.Option("--reason", metavar="WHY", help="With --dry-run: why; it is kept.")] = "",
    fresh: Annotated[bool, typer.Option("--fresh", help="Run every check, also those that could be reused.")] = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Do not wait for the results.")] = False,
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Judge a submission again (and show what changed), or all of an assignment. For staff.

    Exit status: 0 done, 2 refused or rejected, 3 the run failed or the service cannot be reached.
    """
    if (submission is None) == (not all_) or (all_ and assignment is None) or (submission and (assignment or dry_run)):
        raise BadArguments("Name one submission, or give --assignment SLUG --all.")
    if (spec_version or every or reason) and not dry_run:
        raise BadArguments("--spec-version, --every and --reason go with --all --dry-run.")
    from grader.cli.client.service import LONG_PATIENCE_S

    with service_at(url, token, patience_s=LONG_PATIENCE_S) as service:
        if submission is not None:
            raise typer.Exit(_rerun_one(service, submission, wait=not no_wait, fresh=fresh, as_json=as_json))
        if dry_run:
            from grader.cli.client.trials import try_all

            wanted = {
                "spec_version": spec_version, "submissions": "all" if every else "counting", "fresh": fresh,
                "reason": reason or "grader rerun --dry-run",
            }  # fmt: skip
            try_all(service, str(assignment), wanted, wait=not no_wait, as_json=as_json)
        else:
            _rerun_all(service, str(assignment), fresh=fresh, as_json=as_json)


def _rerun_all(service: Service, assignment: str, *, fresh: bool, as_json: bool) -> None:
    from grader.cli.client.submit import in_path

    answer = service.post(f"/assignments/{in_path(assignment)}/rerun", {"dry_run": False, "fresh": fresh})
    if as_json:
        print_json(answer)
        return
    count = int(answer.get("submissions") or 0)
    what = "submission" if count == 1 else "submissions"
    _say(f"{count} {what} of {assignment} will be judged again when nothing else waits.")


def _rerun_one(service: Service, submission: str, *, wait: bool, fresh: bool, as_json: bool) -> int:
    """Its exit status."""
    from grader.cli.client.service import object_of
    from grader.cli.client.submit import exit_of_state, in_path, wait_for

    path = f"/submissions/{in_path(submission)}"
    # Sent twice it finds the run that waits already.
    run = object_of(service.send("POST", f"{path}/rerun", params={"fresh": "true"} if fresh else None, again=True))
    if not wait:
        print_json(run) if as_json else _say(f"Run {run.get('id')} waits to be graded.")
        return 0
    found = wait_for(service, in_path(submission), run=str(run.get("id")))
    after = found.get("run") or {}
    if as_json:
        print_json(after)
    else:
        _print_change(_final_before(service, path, after), after)
    return exit_of_state(found)


def _final_before(service: Service, path: str, after: dict[str, Any]) -> dict[str, Any] | None:
    from grader.cli.client.follow import FINAL

    others = (run for run in service.items(f"{path}/runs") if run.get("id") != after.get("id"))
    return next((run for run in others if run.get("state") in FINAL), None)


def _print_change(before: dict[str, Any] | None, after: dict[str, Any]) -> None:
    from grader.cli.client.tables import as_number, as_score, print_table

    state = after.get("state")
    _say(f"{as_score(after)} points" if state == "graded" else f"The run is {state}.")
    if before is None:
        return
    _say(
        f"Before: {as_score(before) + ' points' if before.get('state') == 'graded' else before.get('state')}"
        f" (spec {before.get('spec_version')}); now spec {after.get('spec_version')}."
    )
    rows = [
        (check.get("id"), check.get("title"), _result(old), _result(check))
        for check, old in _pairs(before, after)
        if _result(old) != _result(check)
    ]
    if rows:
        print_table(("check", "title", "before", "now"), rows)
    elif as_number(before.get("score")) == as_number(after.get("score")):
        typer.echo("No check came to another result.")


def _say(words: str) -> None:
    from grader.kit.text import one_line

    typer.echo(one_line(words))


def _pairs(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any] | None]]:
    """Each check with its result before; then those that are gone."""
    old = {check.get("id"): check for check in before.get("checks") or ()}
    new = {check.get("id"): check for check in after.get("checks") or ()}
    pairs: list[tuple[dict[str, Any], dict[str, Any] | None]] = [(check, old.get(name)) for name, check in new.items()]
    gone = [
        ({"id": check.get("id"), "title": check.get("title")}, check) for name, check in old.items() if name not in new
    ]
    return [*pairs, *gone]


def _result(check: dict[str, Any] | None) -> str:
    from grader.cli.client.tables import as_number

    if check is None or "status" not in check:
        return "not there"
    return f"{check.get('status')} {as_number(check.get('points'))}".strip()
