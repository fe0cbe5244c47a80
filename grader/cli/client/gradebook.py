"""`grader gradebook` and `grader export`: what counts for each student, to read and as files."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from grader.cli.client.options import Json, Token, Url, print_json, service_at
from grader.domain.errors import BadArguments

if TYPE_CHECKING:
    from grader.cli.client.service import Service


class Format(StrEnum):
    CSV = "csv"
    CANVAS = "canvas"
    MOODLE = "moodle"
    GRADESCOPE = "gradescope"


class Sort(StrEnum):
    NAME = "name"
    EMAIL = "email"
    SCORE = "score"
    RECEIVED = "received"
    SUBMISSIONS = "submissions"


Assignment = Annotated[str, typer.Argument(metavar="SLUG", help="The assignment.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", metavar="F", help="Write to this file.")]


def gradebook(
    assignment: Assignment,
    csv: Annotated[bool, typer.Option("--csv", help="The whole gradebook as CSV; the same as --format csv.")] = False,
    format_: Annotated[
        Format | None, typer.Option("--format", help="The whole gradebook in the CSV that this system reads.")
    ] = None,
    sort: Annotated[Sort, typer.Option("--sort", help="Order of the rows.")] = Sort.NAME,
    descending: Annotated[bool, typer.Option("--descending", help="The other way round.")] = False,
    search: Annotated[str, typer.Option("--search", metavar="TEXT", help="Part of a name, e-mail or number.")] = "",
    section: Annotated[str, typer.Option("--section", metavar="S", help="Only this section.")] = "",
    state: Annotated[str, typer.Option("--state", metavar="S", help="Only graded, waiting, missing, ...")] = "",
    output: Output = None,
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Show the gradebook of an assignment. For staff."""
    chosen = format_ or (Format.CSV if csv else None)
    if chosen is not None and (as_json or search or section or state or descending or sort is not Sort.NAME):
        raise BadArguments("A file holds the whole gradebook by name; leave --json, --sort and the filters out.")
    with service_at(url, token) as service:
        if chosen is not None:
            _export(service, assignment, chosen, output)
            return
        wanted = {"sort": sort.value, "descending": descending, "search": search, "section": section, "state": state}
        rows = list(service.items(f"/assignments/{_step(assignment)}/gradebook", wanted))
    if as_json:
        _print_rows(rows, output)
    elif output is not None:
        raise BadArguments("-o needs --json, --csv or --format.")
    else:
        _print_table(rows)


def export(
    assignment: Assignment,
    format_: Annotated[
        Format, typer.Option("--format", help="csv is ours; the others are what these systems read.")
    ] = Format.CSV,
    output: Output = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Write the whole gradebook of an assignment as CSV, to a file or to stdout. For staff."""
    with service_at(url, token) as service:
        _export(service, assignment, format_, output)


def _step(given: str) -> str:
    from grader.cli.client.submit import in_path

    return in_path(given)


def term(
    course: Annotated[str, typer.Argument(metavar="COURSE", help="The course.")],
    format_: Annotated[Format | None, typer.Option("--format", help="As CSV: ours, or what this system reads.")] = None,
    output: Output = None,
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Show the whole term's gradebook: each assignment of a course, a line for each student. For staff."""
    if format_ is not None and as_json:
        raise BadArguments("Leave out one of --format and --json.")
    if format_ is None and output is not None:
        raise BadArguments("-o needs --format.")
    path = f"/courses/{_step(course)}/gradebook"
    with service_at(url, token) as service:
        if format_ is not None:
            _download(service, path, format_, output)
            return
        answer = service.get(path)
    if as_json:
        print_json(answer)
    else:
        _print_term(answer)


def _print_term(answer: dict[str, Any]) -> None:
    from grader.cli.client.tables import print_table

    slugs = [one.get("slug") for one in answer.get("assignments") or ()]

    def line(item: dict[str, Any]) -> tuple[Any, ...]:
        person = item.get("person") or {}
        scores = {one.get("assignment"): one for one in item.get("scores") or ()}
        return (person.get("name"), person.get("email"), item.get("section"),
                *(_word(scores.get(slug) or {}) for slug in slugs), _points(item.get("total")))  # fmt: skip

    items = answer.get("items") or []
    print_table(("name", "e-mail", "section", *slugs, "total"), map(line, items), right=(*slugs, "total"))
    typer.echo(f"{len(items)} students; all assignments together are {_points(answer.get('max_total'))} points")


def _word(score: dict[str, Any]) -> str:
    points = _points(score.get("score"))
    return (points or str(score.get("state") or "")) + (" *" if score.get("is_overridden") else "")


def _points(value: Any) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, int | float) else ""


def _export(service: Service, assignment: str, format_: Format, output: Path | None) -> None:
    _download(service, f"/assignments/{_step(assignment)}/gradebook", format_, output)


def _download(service: Service, path: str, format_: Format, output: Path | None) -> None:
    from grader.cli.files_out import refuse_unwritable, write_bytes
    from grader.kit.text import plain

    refuse_unwritable(output, folder=False)
    content = service.send("GET", path, params={"format": format_.value}).content
    if output is not None:
        write_bytes(output, content)
    elif sys.stdout.isatty():
        text = content.decode("utf-8", "replace")
        typer.echo(plain(text, limit=len(text)), nl=False)
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)


def _print_rows(rows: list[dict[str, Any]], output: Path | None) -> None:
    import json

    from grader.cli.files_out import write_text

    answer = {"items": rows, "next_cursor": None, "total": len(rows)}
    if output is None:
        print_json(answer)
    else:
        write_text(output, json.dumps(answer) + "\n")


def _print_table(rows: list[dict[str, Any]]) -> None:
    from grader.cli.client.tables import as_mark, as_score, as_time, print_table

    def line(row: dict[str, Any]) -> tuple[Any, ...]:
        person = row.get("person") or {}
        received = as_time(row["received_at"]) if row.get("received_at") else ""
        score = as_score(row) + (" *" if row.get("is_overridden") else "") + (" ~" if row.get("is_adjusted") else "")
        score += f" ({waiting} wait)" if (waiting := row.get("items_waiting")) else ""
        who = (person.get("name"), person.get("email"), person.get("student_number"), row.get("section"))
        late = row.get("late_days") or ""
        return (*who, row.get("state"), score, as_mark(row), late, row.get("submissions"), received)

    headings = ("name", "e-mail", "number", "section", "state", "score", "mark", "late", "submissions", "received")
    print_table(headings, map(line, rows), right=headings[5:9])
    overridden = sum(bool(row.get("is_overridden")) for row in rows)
    adjusted = sum(bool(row.get("is_adjusted")) for row in rows)
    said = [f"{len(rows)} students"]
    said += [f"* {overridden} overridden by a person"] if overridden else []
    said += [f"~ {adjusted} adjusted by a person"] if adjusted else []
    typer.echo("; ".join(said))
