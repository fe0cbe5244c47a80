"""`grader statistics`: how an assignment went."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from grader.cli.client.options import Json, Token, Url, print_json, service_at


def statistics(
    assignment: Annotated[str, typer.Argument(metavar="SLUG", help="The assignment.")],
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Show how an assignment went: scores, checks worth a look, time to full marks, grading time. For staff."""
    from grader.cli.client.service import object_of
    from grader.cli.client.submit import in_path

    with service_at(url, token) as service:
        found = object_of(service.send("GET", f"/assignments/{in_path(assignment)}/statistics"))
    if as_json:
        print_json(found)
        return
    _print_scores(found)
    _print_checks(found.get("checks") or [])
    _print_flaky(found.get("flaky") or [])
    _print_full_marks(found.get("full_marks") or {})
    _print_stages(found.get("stages") or [])


def _print_scores(found: dict[str, Any]) -> None:
    from grader.cli.client.tables import as_number

    _say(f"{found.get('handed_in')} of {found.get('students')} students handed in, {found.get('graded')} are graded.")
    if found.get("median_score") is not None:
        _say(f"Score: median {as_number(found.get('median_score'))}, mean {as_number(found.get('mean_score'))}.")


def _print_checks(checks: list[dict[str, Any]]) -> None:
    from grader.cli.client.tables import print_table

    def line(check: dict[str, Any]) -> tuple[Any, ...]:
        passed, judged = check.get("passed") or 0, check.get("judged") or 0
        share = f"{round(100 * passed / judged)}%" if judged else ""
        value = check.get("discrimination")
        return (check.get("id"), check.get("title"), share, judged, "" if value is None else f"{value:.2f}",
                check.get("note"))  # fmt: skip

    headings = ("check", "title", "pass", "of", "discrimination", "note")
    typer.echo()
    print_table(headings, map(line, checks), right=headings[2:5])
    for note, sentence in dict.fromkeys((check.get("note"), check.get("sentence")) for check in checks):
        if note:
            _say(f"{note}: {sentence}")


def _print_flaky(checks: list[dict[str, Any]]) -> None:
    from grader.cli.client.tables import print_table

    if not checks:
        return
    typer.echo("\nDifferent verdicts for the same submission by the same spec version:")
    headings = ("check", "title", "submissions", "of those run again", "their runs", "passed", "such as")
    keys = ("id", "title", "differing", "repeated", "runs", "passed")
    rows = ([*(check.get(key) for key in keys), next(iter(check.get("examples") or ()), "")] for check in checks)
    print_table(headings, rows, right=headings[2:6])


def _print_full_marks(found: dict[str, Any]) -> None:
    from grader.cli.client.tables import as_number

    words = f"\nFull marks: {found.get('reached')} of {found.get('owners')} who handed in"
    if found.get("reached"):
        words += (
            f"; from the first upload {_hours(found.get('median_s'))} (median), 90% within {_hours(found.get('p90_s'))}"
            f"; uploads {as_number(found.get('median_uploads'))}, 90% within {as_number(found.get('p90_uploads'))}"
        )
    typer.echo()
    _say(f"{words.strip()}.")


def _print_stages(stages: list[dict[str, Any]]) -> None:
    from grader.cli.client.tables import print_table

    def line(stage: dict[str, Any]) -> tuple[Any, ...]:
        seconds = (stage.get(key) for key in ("median_s", "p95_s", "total_s"))
        gpu = float(stage.get("gpu_s") or 0) / 60
        return (stage.get("stage"), stage.get("runs"), *seconds, f"{gpu:.1f}" if gpu else "")

    if stages:
        typer.echo()
        headings = ("stage", "runs", "median s", "95% within s", "together s", "GPU minutes")
        print_table(headings, map(line, stages), right=headings[1:])


def _hours(seconds: Any) -> str:
    return f"{float(seconds or 0) / 3600:.1f} h"


def _say(words: str) -> None:
    from grader.kit.text import one_line

    typer.echo(one_line(words, limit=400))
