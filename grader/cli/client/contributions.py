"""`grader contributions`: who did what in a team, and what each member says about it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from grader.cli.client.options import Json, Token, Url, print_json, service_at
from grader.domain.errors import BadArguments


def contributions(
    submission: Annotated[str, typer.Argument(metavar="ID", help="A submission of the team.")],
    confirm: Annotated[bool, typer.Option("--confirm", help="It is right.")] = False,
    correct: Annotated[str, typer.Option("--correct", metavar="WORDS", help="It needs this correction.")] = "",
    dispute: Annotated[str, typer.Option("--dispute", metavar="WORDS", help="It is disputed, and why.")] = "",
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Show who did what in a team; as a member of it, confirm, correct or dispute it."""
    if sum(map(bool, (confirm, correct, dispute))) > 1:
        raise BadArguments("Give one of --confirm, --correct and --dispute.")
    from grader.cli.client.submit import in_path

    path = f"/submissions/{in_path(submission)}/contributions"
    with service_at(url, token) as service:
        found = service.get(path)
        if confirm or correct or dispute:
            if not found.get("id"):
                raise BadArguments("Nobody has said yet who did what; it comes with an upload.")
            stance = "confirmed" if confirm else "corrected" if correct else "disputed"
            found = service.post(path, {"about": found["id"], "stance": stance, "text": correct or dispute})
    print_json(found) if as_json else _print(found)


def _print(found: dict[str, Any]) -> None:
    from grader.cli.client.tables import as_time, print_table
    from grader.kit.text import one_line

    if not found.get("asked"):
        typer.echo("Nobody asks here who did what.", err=True)
        return
    typer.echo(one_line(str(found.get("text") or "Nothing has been said yet."), limit=5000))
    rows = [
        (
            one.get("name"),
            one.get("stance") or "",
            one.get("text"),
            as_time(one["said_at"]) if one.get("said_at") else "",
        )
        for one in found.get("members") or ()
    ]
    print_table(("member", "says", "in words", "when"), rows)
