"""`grader adjust`: points of a check, a part or the whole changed by a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from grader.cli.client.options import Json, Token, Url, print_json, service_at
from grader.domain.errors import BadArguments, UnknownThing

if TYPE_CHECKING:
    from grader.cli.client.service import Service


def adjust(
    assignment: Annotated[str, typer.Argument(metavar="SLUG", help="The assignment.")],
    student: Annotated[str, typer.Argument(metavar="EMAIL", help="Whose points.")],
    points: Annotated[
        float | None, typer.Option("--points", metavar="N", help="So many more, or less with a minus.")
    ] = None,
    check: Annotated[str | None, typer.Option("--check", metavar="ID", help="Of this check.")] = None,
    part: Annotated[str | None, typer.Option("--part", metavar="ID", help="Of this part; else of the whole.")] = None,
    reason: Annotated[str, typer.Option("--reason", metavar="WORDS", help="Why; the student reads it.")] = "",
    member: Annotated[bool, typer.Option("--member", help="For this member alone, not for the whole team.")] = False,
    withdraw: Annotated[
        int | None, typer.Option("--withdraw", metavar="ID", help="Take this adjustment back instead.")
    ] = None,
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Change what counts of a student's work by a difference in points, or show what holds. For staff."""
    if (points is not None and withdraw is not None) or (check is not None and part is not None):
        raise BadArguments("Give --points or --withdraw, and at most one of --check and --part.")
    if (points is not None or withdraw is not None) and not reason.strip():
        raise BadArguments("Say why with --reason.")
    from grader.cli.client.submit import in_path

    with service_at(url, token) as service:
        slug = in_path(assignment)
        path = f"/assignments/{slug}/adjustments/{person_of(service, slug, student)}"
        if points is not None:
            kind = "check" if check is not None else "part" if part is not None else "whole"
            body = {"target": kind, "id": check or part or "", "points": points, "reason": reason, "for_member": member}
            service.post(path, body)
        elif withdraw is not None:
            service.send("DELETE", f"{path}/{withdraw}", params={"reason": reason})
        held = service.get(path)
    print_json(held) if as_json else _print(held.get("items") or [])


def person_of(service: Service, assignment: str, email: str) -> int:
    """The id of a student of the assignment's course. Raises UnknownThing."""
    for row in service.items(f"/assignments/{assignment}/gradebook", {"search": email}):
        person = row.get("person") or {}
        if str(person.get("email", "")).casefold() == email.casefold():
            return int(person["id"])
    raise UnknownThing(f"There is no student with the e-mail address {email} in the course.")


def _print(items: list[dict[str, Any]]) -> None:
    from grader.cli.client.tables import as_time, print_table

    headings = ("id", "points", "of", "for", "reason", "by", "when")
    rows = (
        (item.get("id"), f"{item.get('points', 0):+g}", item.get("title"), item.get("member") or "",
         item.get("reason"), item.get("made_by"), as_time(item.get("made_at")))
        for item in items
    )  # fmt: skip
    print_table(headings, rows, right=("id", "points"))
