"""`grader webhook` and `grader mail`: who is told what happens."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from grader.cli.client.options import Json, Token, Url, print_json, service_at
from grader.domain.errors import BadArguments

app = typer.Typer(no_args_is_help=True, help="Tell other programs what happens in a course, signed.")
Course = Annotated[str, typer.Argument(metavar="COURSE", help="The course.")]
Number = Annotated[int, typer.Argument(metavar="N", min=1, help="The webhook's number.")]


class MailKind(StrEnum):
    GRADED = "graded"
    REGRADE_ANSWERED = "regrade-answered"
    ITEMS_RELEASED = "items-released"
    DUE_SOON = "due-soon"


class State(StrEnum):
    WAITING = "waiting"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"
    DROPPED = "dropped"


@app.command("add")
def add(
    course: Course,
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="Where to, https://...")],
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Tell this address, too; its secret is shown this once. For instructors."""
    with service_at(url, token) as service:
        made = service.post(f"/courses/{_step(course)}/webhooks", {"url": address})
    if as_json:
        print_json(made)
        return
    from grader.cli.client.tables import as_words
    from grader.kit.text import one_line

    typer.echo(f"Webhook {made.get('id')}. Keep its secret; it will not be shown again.", err=True)
    typer.echo(one_line(as_words(made.get("secret"))))


@app.command("list")
def list_(course: Course, as_json: Json = False, url: Url = None, token: Token = None) -> None:
    """List the webhooks of a course. For staff."""
    with service_at(url, token) as service:
        items = list(service.items(f"/courses/{_step(course)}/webhooks"))
    if as_json:
        print_json({"items": items, "next_cursor": None})
        return
    from grader.cli.client.tables import as_time, print_table

    def line(item: dict[str, Any]) -> tuple[Any, ...]:
        last = as_time(item["last_delivered_at"]) if item.get("last_delivered_at") else "never"
        state = "disabled" if item.get("disabled_at") else "failing" if item.get("failing_since") else "works"
        return item.get("id"), item.get("url"), state, last, item.get("problem")

    print_table(("number", "address", "state", "last delivered", "problem"), map(line, items))


@app.command("remove")
def remove(course: Course, number: Number, url: Url = None, token: Token = None) -> None:
    """Tell a webhook nothing more. For instructors."""
    with service_at(url, token) as service:
        service.send("DELETE", f"/courses/{_step(course)}/webhooks/{number}")
    typer.echo(f"Webhook {number} is told nothing more.")


@app.command("enable")
def enable(course: Course, number: Number, url: Url = None, token: Token = None) -> None:
    """Tell a webhook that was disabled again, of what happens from now on. For instructors."""
    with service_at(url, token) as service:
        service.send("POST", f"/courses/{_step(course)}/webhooks/{number}/enable")
    typer.echo(f"Webhook {number} is told again.")


@app.command("test")
def send_test(course: Course, number: Number, url: Url = None, token: Token = None) -> None:
    """Send a webhook a test; `grader webhook log` says how that went. For instructors."""
    with service_at(url, token) as service:
        service.send("POST", f"/courses/{_step(course)}/webhooks/{number}/test")
    typer.echo(f"A test is on its way to webhook {number}.")


@app.command("log")
def log(
    course: Course,
    state: Annotated[State | None, typer.Option("--state", help="Only deliveries of this state.")] = None,
    number: Annotated[int | None, typer.Option("--webhook", metavar="N", min=1, help="Only to this webhook.")] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, max=200, help="The newest so many.")] = 50,
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Show what was delivered to webhooks and by e-mail, newest first. For staff."""
    params: dict[str, Any] = {"limit": limit}
    if state is not None:
        params["state"] = state.value
    if number is not None:
        params["webhook"] = number
    with service_at(url, token) as service:
        answer = service.get(f"/courses/{_step(course)}/deliveries", params)
    if as_json:
        print_json(answer)
        return
    from grader.cli.client.tables import as_time, print_table

    def line(item: dict[str, Any]) -> tuple[Any, ...]:
        receiver = item.get("person") or f"webhook {item.get('webhook')}"
        when = as_time(item["created_at"]) if item.get("created_at") else ""
        told = (when, item.get("kind"), item.get("assignment"), receiver)
        return (*told, item.get("state"), item.get("attempts"), item.get("problem"))

    headings = ("when", "what", "assignment", "to", "state", "tries", "problem")
    print_table(headings, map(line, answer.get("items") or ()), right=("tries",))


def mail(
    on: Annotated[list[MailKind] | None, typer.Option("--on", help="Get these e-mails (may be repeated).")] = None,
    off: Annotated[list[MailKind] | None, typer.Option("--off", help="Get none of these (may be repeated).")] = None,
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Show and choose which e-mails one gets."""
    if set(on or ()) & set(off or ()):
        raise BadArguments("An e-mail is on or off, not both.")
    body = {_member(kind): True for kind in on or ()} | {_member(kind): False for kind in off or ()}
    with service_at(url, token) as service:
        answer = service.put("/me/mail", body) if body else service.get("/me/mail")
    if as_json:
        print_json(answer)
        return
    for kind in MailKind:
        typer.echo(f"  {kind.value:<17} {'on' if answer.get(_member(kind)) else 'off'}")


def _member(kind: MailKind) -> str:
    return kind.value.replace("-", "_")


def _step(given: str) -> str:
    from grader.cli.client.submit import in_path

    return in_path(given)
