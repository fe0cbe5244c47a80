"""`grader token`: one's own API tokens."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from grader.cli.client.options import Json, Token, Url, print_json, service_at
from grader.domain.errors import BadArguments

app = typer.Typer(no_args_is_help=True, help="Make, list and revoke API tokens.")


class ScopeName(StrEnum):
    READ = "read"
    SUBMIT = "submit"
    GRADE = "grade"
    MANAGE = "manage"


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for, such as laptop.")],
    scope: Annotated[
        list[ScopeName] | None, typer.Option("--scope", help="What it may do (may be repeated); else read and submit.")
    ] = None,
    days: Annotated[int | None, typer.Option("--days", min=1, metavar="N", help="Works for so many days.")] = None,
    local: Annotated[
        bool, typer.Option("--local", help="On the server itself: straight in GRADER_DATABASE_URL, for --person.")
    ] = False,
    person: Annotated[str | None, typer.Option("--person", metavar="EMAIL", help="With --local: whose it is.")] = None,
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Make a token; its secret is shown this once."""
    scopes = [one.value for one in scope or (ScopeName.READ, ScopeName.SUBMIT)]
    if local != (person is not None):
        raise BadArguments("--local and --person EMAIL go together.")
    if person is not None:
        from grader.cli.host.accounts import local_database, token_for

        with local_database() as database:
            made = token_for(database, person, name=name, scopes=scopes, days=days)
    else:
        with service_at(url, token) as service:
            body = {"name": name, "scopes": scopes, **({"days": days} if days else {})}
            made = service.post("/tokens", body)
    if as_json:
        print_json(made)
        return
    from grader.cli.client.tables import as_words
    from grader.kit.text import one_line

    typer.echo("Keep this token; it will not be shown again.", err=True)
    typer.echo(one_line(as_words(made.get("secret"))))


@app.command("list")
def list_(as_json: Json = False, url: Url = None, token: Token = None) -> None:
    """List one's tokens that still work."""
    from grader.cli.client.tables import as_time, print_table

    with service_at(url, token) as service:
        items = list(service.items("/tokens"))
    if as_json:
        print_json({"items": items, "next_cursor": None})
        return

    def line(item: dict[str, Any]) -> tuple[Any, ...]:
        times = (as_time(item[key]) if item.get(key) else "" for key in ("created_at", "expires_at", "last_used_at"))
        return (item.get("id"), item.get("name"), ", ".join(map(str, item.get("scopes") or ())), *times)

    print_table(("id", "name", "scopes", "made", "expires", "last used"), map(line, items))


@app.command("revoke")
def revoke(
    token_id: Annotated[int, typer.Argument(metavar="ID", min=1, help="Its number in `grader token list`.")],
    url: Url = None,
    token: Token = None,
) -> None:
    """End one of one's tokens."""
    with service_at(url, token) as service:
        service.send("DELETE", f"/tokens/{token_id}")
    typer.echo(f"Token {token_id} no longer works.", err=True)
