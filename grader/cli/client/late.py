"""`grader extension`, `grader late-policy` and `grader choose`: late work and what counts of it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from grader.cli.client.options import Json, Token, Url, print_json, service_at
from grader.domain.errors import BadArguments, UnknownThing

if TYPE_CHECKING:
    from grader.cli.client.service import Service

extensions_app = typer.Typer(no_args_is_help=True, help="Give one student or team more time. For staff.")
policy_app = typer.Typer(no_args_is_help=True, help="What becomes of late work, assignment by assignment.")
Assignment = Annotated[str, typer.Argument(metavar="SLUG", help="The assignment.")]
Student = Annotated[str, typer.Argument(metavar="EMAIL", help="The student, or anybody of the team.")]
Reason = Annotated[str, typer.Option("--reason", metavar="WHY", help="Why; it is kept.")]


class BeyondName(StrEnum):
    REFUSE = "refuse"
    PENALISE = "penalise"
    FLAG = "flag"


@extensions_app.command("give")
def give(
    assignment: Assignment,
    student: Student,
    reason: Reason,
    due: Annotated[
        str | None, typer.Option("--due", metavar="TIME", help="Until then, in the course's time zone.")
    ] = None,
    days: Annotated[
        int | None, typer.Option("--days", min=1, metavar="N", help="Days on top of everybody's due date.")
    ] = None,
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Give a student, or their team where the assignment is for teams, another due date. For staff."""
    from grader.cli.client.courses import due_at

    if (due is None) == (days is None):
        raise BadArguments("Give either --due TIME or --days N.")
    with service_at(url, token) as service:
        offered = _assignment(service, assignment)
        body: dict[str, Any] = {"reason": reason}
        if due is not None:
            body["due_at"] = due_at(due, lambda: offered.get("time_zone", "UTC"))
        else:
            body["extra_days"] = days
        given = service.put(f"{_path(assignment)}/extensions/{_person(service, offered, student)}", body)
    print_json(given) if as_json else _print_extensions([given])


@extensions_app.command("list")
def list_(assignment: Assignment, as_json: Json = False, url: Url = None, token: Token = None) -> None:
    """List who has more time for an assignment. For staff."""
    with service_at(url, token) as service:
        items = list(service.items(f"{_path(assignment)}/extensions"))
    print_json({"items": items, "next_cursor": None}) if as_json else _print_extensions(items)


@extensions_app.command("withdraw")
def withdraw(assignment: Assignment, student: Student, reason: Reason, url: Url = None, token: Token = None) -> None:
    """Let everybody's due date hold again for a student or their team. For staff."""
    with service_at(url, token) as service:
        person = _person(service, _assignment(service, assignment), student)
        service.send("DELETE", f"{_path(assignment)}/extensions/{person}", params={"reason": reason})
    typer.echo("Everybody's due date holds again.", err=True)


@policy_app.command("show")
def show(assignment: Assignment, as_json: Json = False, url: Url = None, token: Token = None) -> None:
    """Show an assignment's late policy."""
    with service_at(url, token) as service:
        policy = _assignment(service, assignment).get("late") or {}
    _print_policy(policy, as_json=as_json)


@policy_app.command("set")
def set_(
    assignment: Assignment,
    reason: Reason,
    days: Annotated[
        int | None, typer.Option("--days", min=0, metavar="N", help="Late days of each student for the term.")
    ] = None,
    grace: Annotated[
        int | None, typer.Option("--grace", min=0, metavar="MIN", help="A day starts so many minutes later.")
    ] = None,
    beyond: Annotated[
        BeyondName | None, typer.Option("--beyond", help="What becomes of days that the term's do not cover.")
    ] = None,
    per_day: Annotated[
        float | None, typer.Option("--per-day", min=0, max=100, metavar="%", help="Penalty for each such day.")
    ] = None,
    most: Annotated[
        float | None, typer.Option("--most", min=0, max=100, metavar="%", help="All penalties together at most.")
    ] = None,
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Set another late policy than the spec's; scores follow, and nothing is run. For instructors."""
    wanted = {
        "extension_days_per_term": days, "grace_minutes": grace, "beyond": None if beyond is None else beyond.value,
        "penalty_per_day": None if per_day is None else round(per_day / 100, 6),
        "most_penalty": None if most is None else round(most / 100, 6),
    }  # fmt: skip
    body = {name: value for name, value in wanted.items() if value is not None}
    if not body:
        raise BadArguments("Say what to change: --days, --grace, --beyond, --per-day or --most.")
    with service_at(url, token) as service:
        policy = service.put(f"{_path(assignment)}/late-policy", {"reason": reason, **body})
    _print_policy(policy, as_json=as_json)


@policy_app.command("reset")
def reset(assignment: Assignment, reason: Reason, url: Url = None, token: Token = None) -> None:
    """Let the spec's late policy hold again. For instructors."""
    from grader.cli.client.service import object_of

    with service_at(url, token) as service:
        answer = service.send("DELETE", f"{_path(assignment)}/late-policy", params={"reason": reason})
        policy = object_of(answer)
    _print_policy(policy, as_json=False)


def choose(
    submission: Annotated[str, typer.Argument(metavar="ID", help="The submission that is to count.")],
    reason: Annotated[str, typer.Option("--reason", metavar="WHY", help="Staff say why; it is kept.")] = "",
    url: Url = None,
    token: Token = None,
) -> None:
    """Let this submission count, where the assignment leaves that to its students."""
    from grader.cli.client.submit import in_path

    with service_at(url, token) as service:
        service.send("PUT", f"/submissions/{in_path(submission)}/choice", json={"reason": reason})
    typer.echo("This submission counts as soon as it has a score.", err=True)


def _path(assignment: str) -> str:
    from grader.cli.client.submit import in_path

    return f"/assignments/{in_path(assignment)}"


def _assignment(service: Service, assignment: str) -> dict[str, Any]:
    return service.get(_path(assignment))


def _person(service: Service, offered: dict[str, Any], email: str) -> int:
    from grader.cli.client.submit import in_path

    for member in service.items(f"/courses/{in_path(str(offered.get('course')))}/members"):
        person = member.get("person") or {}
        if str(person.get("email")) == email.strip().lower():
            return int(person["id"])
    raise UnknownThing(f"Nobody in the course has the address {email}.")


def _print_extensions(items: list[dict[str, Any]]) -> None:
    from grader.cli.client.tables import as_time, print_table

    def line(item: dict[str, Any]) -> tuple[Any, ...]:
        names = ", ".join(str(person.get("name")) for person in item.get("people") or ())
        return (names, item.get("team"), as_time(item.get("due_at")), item.get("reason"), item.get("made_by"))

    print_table(("student", "team", "due", "reason", "given by"), map(line, items))


def _print_policy(policy: dict[str, Any], *, as_json: bool) -> None:
    from grader.cli.client.tables import as_words
    from grader.kit.text import one_line

    if as_json:
        print_json(policy)
        return
    whose = "Set by an instructor." if policy.get("is_set") else "The spec's."
    typer.echo(one_line(f"{as_words(policy.get('words'))} {whose}", limit=400))
