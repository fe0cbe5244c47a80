"""`grader user`: people and their passwords. A password is typed or comes by stdin, and is never an argument."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from grader.cli.client.options import Json, Token, Url, print_json, service_at
from grader.domain.errors import BadArguments, UnknownThing

if TYPE_CHECKING:
    from grader.cli.client.service import Service

app = typer.Typer(no_args_is_help=True, help="Make people and set passwords.")
Stdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from stdin (its first line).")]
Local = Annotated[
    bool, typer.Option("--local", help="On the server itself: straight in the database GRADER_DATABASE_URL names.")
]


@app.command("create")
def create(
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="Whom it is; people sign in with it.")],
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="The name that is shown.")],
    admin: Annotated[bool, typer.Option("--admin", help="May do everything in every course.")] = False,
    password_stdin: Stdin = False,
    no_password: Annotated[
        bool, typer.Option("--no-password", help="Do not ask: they sign in by OpenID Connect, or get one later.")
    ] = False,
    local: Local = False,
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Make a person. For administrators, or with --local for whoever runs the service."""
    password = None if no_password else _password(from_stdin=password_stdin)
    if local:
        from grader.cli.host.accounts import local_database, new_person

        with local_database() as database:
            made = new_person(database, email=email, name=name, password=password, is_admin=admin)
    else:
        with service_at(url, token) as service:
            body = {"email": email, "name": name, "is_admin": admin, **({"password": password} if password else {})}
            made = service.post("/people", body)
    print_json(made) if as_json else _print_people([made])


@app.command("list")
def list_(
    search: Annotated[str, typer.Option("--search", metavar="TEXT", help="Part of a name, e-mail or number.")] = "",
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """List people. For administrators."""
    with service_at(url, token) as service:
        items = list(service.items("/people", {"search": search}))
    print_json({"items": items, "next_cursor": None}) if as_json else _print_people(items)


@app.command("password")
def password(
    email: Annotated[str | None, typer.Argument(metavar="EMAIL", help="Whose; else one's own.")] = None,
    password_stdin: Stdin = False,
    local: Local = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Set a password; it ends the person's sessions on the web page. One's own, or for administrators."""
    if local and email is None:
        raise BadArguments("With --local say whose password it is.")
    fresh = _password(from_stdin=password_stdin)
    if local:
        from grader.cli.host.accounts import local_database, new_password

        with local_database() as database:
            new_password(database, str(email), fresh)
    else:
        with service_at(url, token) as service:
            service.send("PUT", f"/people/{_id_of(service, email)}/password", json={"password": fresh})
    typer.echo("The password is set.", err=True)


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        given = sys.stdin.readline().rstrip("\r\n")
    elif sys.stdin.isatty():
        given = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        raise BadArguments("Nobody is there to type a password; pipe one in and give --password-stdin.")
    if not given:
        raise BadArguments("The password is empty.")
    return str(given)


def _id_of(service: Service, email: str | None) -> int:
    if email is None:
        return int(service.get("/me")["id"])
    for person in service.items("/people", {"search": email}):
        if str(person.get("email", "")).casefold() == email.casefold():
            return int(person["id"])
    raise UnknownThing(f"There is nobody with the e-mail address {email}.")


def _print_people(people: list[dict[str, Any]]) -> None:
    from grader.cli.client.tables import print_table

    headings = ("id", "e-mail", "name", "number", "admin")
    keys = ("id", "email", "name", "student_number", "is_admin")
    print_table(headings, ([person.get(key) for key in keys] for person in people))
