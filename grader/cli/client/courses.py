"""`grader course`: courses and the assignments they offer."""

from __future__ import annotations

from datetime import datetime, time
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from grader.cli.client.options import Json, Token, Url, print_json, service_at
from grader.domain.errors import BadArguments, UnknownThing

if TYPE_CHECKING:
    from grader.cli.client.service import Service

app = typer.Typer(no_args_is_help=True, help="Make courses and offer assignments in them.")


class CountingName(StrEnum):
    LAST = "last"
    BEST = "best"
    CHOSEN = "chosen"


@app.command("create")
def create(
    slug: Annotated[str, typer.Argument(metavar="SLUG", help="Its name in addresses, such as cmp784.")],
    title: Annotated[str, typer.Option("--title", help="Its name for people.")],
    term: Annotated[str, typer.Option("--term", help="Such as Spring 2026.")] = "",
    time_zone: Annotated[str, typer.Option("--time-zone", metavar="ZONE", help="Such as Europe/Istanbul.")] = "UTC",
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Make a course. For administrators."""
    with service_at(url, token) as service:
        made = service.post("/courses", {"slug": slug, "title": title, "term": term, "time_zone": time_zone})
    print_json(made) if as_json else _print_courses([made])


@app.command("list")
def list_(as_json: Json = False, url: Url = None, token: Token = None) -> None:
    """List one's courses."""
    with service_at(url, token) as service:
        items = list(service.items("/courses"))
    print_json({"items": items, "next_cursor": None}) if as_json else _print_courses(items)


@app.command("offer")
def offer(
    course: Annotated[str, typer.Argument(metavar="COURSE", help="The course.")],
    assignment: Annotated[str, typer.Argument(metavar="SLUG", help="The assignment's name in addresses.")],
    spec: Annotated[
        str | None, typer.Option("--spec", metavar="SLUG", help="The spec that judges it; else of the same name.")
    ] = None,
    due: Annotated[
        str | None,
        typer.Option("--due", metavar="TIME", help="Such as 2026-03-02T23:59 (in the course's time zone)."),
    ] = None,
    uploads_per_day: Annotated[
        int | None, typer.Option("--uploads-per-day", min=1, metavar="N", help="Of each student or team.")
    ] = None,
    counting: Annotated[CountingName | None, typer.Option("--counting", help="Which submission counts.")] = None,
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Offer an assignment in a course, or change what is given. For instructors.

    The spec is read from the server's folder of specs, anew each time: this is also how a changed spec is published.
    """
    from grader.cli.client.submit import in_path

    with service_at(url, token) as service:
        body: dict[str, Any] = {"spec": spec or assignment}
        if due is not None:
            body["due_at"] = due_at(due, lambda: _zone_of(service, course))
        if uploads_per_day is not None:
            body["uploads_per_day"] = uploads_per_day
        if counting is not None:
            body["counting"] = counting.value
        made = service.put(f"/courses/{in_path(course)}/assignments/{in_path(assignment)}", body)
    if as_json:
        print_json(made)
    else:
        _print_offer(made)


def due_at(words: str, zone_of_course: Any) -> str:
    """What a person typed as RFC 3339. A date alone is the end of that day; without an offset the course's zone counts.

    Raises:
        BadArguments: it is no time, or the zone is not known on this machine.

    """
    try:
        found = datetime.fromisoformat(words)
        if len(words) <= len("2026-03-02"):
            found = datetime.combine(found.date(), time(23, 59, 59))
    except ValueError as error:
        raise BadArguments(f"{words!r} is no time; write it like 2026-03-02T23:59 or 2026-03-02.") from error
    if found.tzinfo is None:
        from zoneinfo import ZoneInfo

        zone = zone_of_course()
        try:
            found = found.replace(tzinfo=ZoneInfo(zone))
        except (KeyError, ValueError, OSError) as error:
            raise BadArguments(f"This machine does not know the time zone {zone!r}; write the offset too.") from error
    return found.isoformat()


def _zone_of(service: Service, course: str) -> str:
    for item in service.items("/courses"):
        if item.get("slug") == course:
            return str(item.get("time_zone", "UTC"))
    raise UnknownThing(f"There is no course called {course}, or you are not in it.")


def _print_courses(courses: list[dict[str, Any]]) -> None:
    from grader.cli.client.tables import print_table

    headings = ("course", "title", "term", "role", "time zone")
    keys = ("slug", "title", "term", "role", "time_zone")
    print_table(headings, ([course.get(key) for key in keys] for course in courses))


def _print_offer(made: dict[str, Any]) -> None:
    from grader.cli.client.tables import as_time, print_table

    due = as_time(made["due_at"]) if made.get("due_at") else "never"
    headings = ("assignment", "course", "spec", "version", "due", "uploads per day", "counting", "points")
    row = (made.get("slug"), made.get("course"), made.get("spec"), made.get("spec_version"), due,
           made.get("uploads_per_day"), made.get("counting"), made.get("max_score"))  # fmt: skip
    print_table(headings, [row])
