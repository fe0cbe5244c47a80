"""`grader regrades`: requests for a second look, asked by students and answered by staff."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from grader.cli.client.options import Json, Token, Url, print_json, service_at
from grader.domain.errors import BadArguments
from grader.domain.regrade import RegradeState

app = typer.Typer(no_args_is_help=True, help="Ask for a second look, and answer.")
Regrade = Annotated[int, typer.Argument(metavar="ID", help="The request.")]


@app.command("list")
def list_(
    course: Annotated[str, typer.Option("--course", "-c", metavar="SLUG", help="Only of this course.")] = "",
    assignment: Annotated[str, typer.Option("--assignment", "-a", metavar="SLUG", help="Only of this one.")] = "",
    state: Annotated[RegradeState | None, typer.Option("--state", help="Only these.")] = None,
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """List requests, open ones first, then the oldest: one's own, or for staff those of their courses."""
    wanted = {"course": course, "assignment": assignment, "state": "" if state is None else state.value}
    with service_at(url, token) as service:
        items = list(service.items("/regrades", wanted))
    print_json({"items": items, "next_cursor": None}) if as_json else _print_table(items)


@app.command("show")
def show(regrade: Regrade, as_json: Json = False, url: Url = None, token: Token = None) -> None:
    """Show a request with its answer."""
    with service_at(url, token) as service:
        found = service.get(f"/regrades/{regrade}")
    print_json(found) if as_json else _print(found)


@app.command("ask")
def ask(
    submission: Annotated[str, typer.Argument(metavar="SUBMISSION", help="The submission that counts.")],
    reason: Annotated[str, typer.Option("--reason", metavar="WORDS", help="Why it should be looked at again.")],
    check: Annotated[str | None, typer.Option("--check", metavar="ID", help="About this check.")] = None,
    part: Annotated[str | None, typer.Option("--part", metavar="ID", help="About this part; else the whole.")] = None,
    item: Annotated[str | None, typer.Option("--item", metavar="ID", help="About this item a person graded.")] = None,
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Ask staff to look again at what counts. For students."""
    named = {kind: name for kind, name in (("check", check), ("part", part), ("item", item)) if name is not None}
    if len(named) > 1:
        raise BadArguments("Give at most one of --check, --part and --item.")
    from grader.cli.client.submit import in_path

    kind, name = next(iter(named.items()), ("whole", ""))
    body = {"target": kind, "id": name, "reason": reason}
    with service_at(url, token) as service:
        made = service.post(f"/submissions/{in_path(submission)}/regrades", body)
    print_json(made) if as_json else _print(made)


@app.command("withdraw")
def withdraw(regrade: Regrade, url: Url = None, token: Token = None) -> None:
    """Take an open request of one's own back."""
    with service_at(url, token) as service:
        service.send("DELETE", f"/regrades/{regrade}")
    typer.echo("The request is withdrawn.", err=True)


@app.command("answer")
def answer(
    regrade: Regrade,
    words: Annotated[str, typer.Option("--words", metavar="WORDS", help="The answer; the student reads it.")],
    grant: Annotated[bool | None, typer.Option("--grant/--decline", help="What becomes of it.")] = None,
    points: Annotated[
        float | None, typer.Option("--points", metavar="N", help="With --grant: so many more, or less with a minus.")
    ] = None,
    member: Annotated[bool, typer.Option("--member", help="For whoever asked alone, not for the whole team.")] = False,
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Grant or decline a request, and change points with it. For staff."""
    if grant is None:
        raise BadArguments("Say --grant or --decline.")
    body: dict[str, Any] = {"granted": grant, "words": words, "for_member": member}
    if points is not None:
        body["points"] = points
    with service_at(url, token) as service:
        answered = service.put(f"/regrades/{regrade}/answer", body)
    print_json(answered) if as_json else _print(answered)


@app.command("window")
def window(
    assignment: Annotated[str, typer.Argument(metavar="SLUG", help="The assignment.")],
    days: Annotated[int, typer.Argument(metavar="DAYS", help="So many days after a result; 0: not at all.")],
    url: Url = None,
    token: Token = None,
) -> None:
    """Say until when results of an assignment may be asked about. For instructors."""
    from grader.cli.client.submit import in_path

    with service_at(url, token) as service:
        service.send("PUT", f"/assignments/{in_path(assignment)}/regrade-window", json={"days": days})
    typer.echo(f"Results of {assignment} may be asked about for {days} days." if days else "Nobody may ask.", err=True)


def _print_table(items: list[dict[str, Any]]) -> None:
    from grader.cli.client.tables import as_time, print_table

    def line(item: dict[str, Any]) -> tuple[Any, ...]:
        who = (item.get("person") or {}).get("name")
        when = as_time(item.get("asked_at"))
        return (item.get("id"), item.get("state"), item.get("assignment"), item.get("title"), who, when)

    print_table(("id", "state", "assignment", "about", "student", "asked"), map(line, items), right=("id",))


def _print(item: dict[str, Any]) -> None:
    from grader.cli.client.tables import as_words

    _print_table([item])
    typer.echo(f"Asked: {as_words(item.get('reason'))}")
    if item.get("answered_by") and item.get("answer"):
        points = item.get("points")
        changed = "" if points is None else f" ({points:+g} points)"
        typer.echo(f"{as_words(item.get('answered_by'))}: {as_words(item.get('answer'))}{changed}")
