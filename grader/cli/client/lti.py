"""`grader lti`: learning platforms (LTI 1.3), the links on them, and scores that go back."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from grader.cli.client.options import Json, Token, Url, print_json, service_at

app = typer.Typer(no_args_is_help=True, help="Learning platforms such as Canvas and Moodle (LTI 1.3).")
Course = Annotated[str, typer.Argument(metavar="COURSE", help="The course.")]
Number = Annotated[int, typer.Argument(metavar="N", min=1, help="The platform's number.")]
_DEPLOYMENTS = "A deployment id (may be repeated)."


class GivenRole(StrEnum):
    STUDENT = "student"
    TA = "ta"
    INSTRUCTOR = "instructor"


@app.command("platforms")
def list_platforms(as_json: Json = False, url: Url = None, token: Token = None) -> None:
    """List the platforms from which people may come. For administrators."""
    with service_at(url, token) as service:
        items = list(service.items("/lti/platforms"))
    if as_json:
        print_json({"items": items, "next_cursor": None})
        return
    from grader.cli.client.tables import print_table

    def line(item: dict[str, Any]) -> tuple[Any, ...]:
        trust = "trusted" if item.get("trusts_email") else "not trusted"
        roles = ", ".join(map(str, item.get("roles") or ())) or "nobody"
        return item.get("id"), item.get("name"), item.get("issuer"), item.get("client_id"), trust, roles

    print_table(("number", "name", "issuer", "client", "e-mail", "may add"), map(line, items))


@app.command("register")
def register(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What people call it here.")],
    issuer: Annotated[str, typer.Option("--issuer", metavar="URL", help="The platform's issuer (platform id).")],
    client: Annotated[str, typer.Option("--client-id", metavar="ID", help="Our client id there.")],
    deployment: Annotated[list[str], typer.Option("--deployment", metavar="ID", help=_DEPLOYMENTS)],
    auth: Annotated[str, typer.Option("--auth-url", metavar="URL", help="Where it is asked who somebody is.")],
    tokens: Annotated[str, typer.Option("--token-url", metavar="URL", help="Where it gives access tokens.")],
    keys: Annotated[str, typer.Option("--keys-url", metavar="URL", help="Where its public keys are.")],
    may_add: Annotated[
        list[GivenRole] | None, typer.Option("--may-add", help="Roles that it may give (may be repeated): student.")
    ] = None,
    trust_email: Annotated[bool, typer.Option("--trust-email", help="Believe its users' e-mail addresses.")] = False,
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Let people come from a platform. For administrators."""
    body = {
        "name": name, "issuer": issuer, "client_id": client, "deployments": deployment, "auth_url": auth,
        "token_url": tokens, "jwks_url": keys, "trusts_email": trust_email,
        "roles": [role.value for role in may_add or [GivenRole.STUDENT]],
    }  # fmt: skip
    with service_at(url, token) as service:
        made = service.post("/lti/platforms", body)
    if as_json:
        print_json(made)
        return
    typer.echo(f"Platform {made.get('id')} is registered.")


@app.command("remove")
def remove(number: Number, url: Url = None, token: Token = None) -> None:
    """Forget a platform, with who people are on it and what it was sent. For administrators."""
    with service_at(url, token) as service:
        service.send("DELETE", f"/lti/platforms/{number}")
    typer.echo(f"Platform {number} is forgotten.")


@app.command("disconnect")
def disconnect(
    number: Number,
    person: Annotated[
        int | None, typer.Option("--person", metavar="ID", min=1, help="Somebody else; for administrators.")
    ] = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Let a platform know one no more: it opens the account, and gets scores, no longer."""
    with service_at(url, token) as service:
        who = service.get("/me").get("id") if person is None else person
        service.send("DELETE", f"/lti/platforms/{number}/people/{who}")
    typer.echo(f"Platform {number} knows person {who} no more.")


@app.command("courses")
def list_contexts(as_json: Json = False, url: Url = None, token: Token = None) -> None:
    """List courses on platforms, and ours that they are linked to. For administrators."""
    with service_at(url, token) as service:
        items = list(service.items("/lti/contexts"))
    if as_json:
        print_json({"items": items, "next_cursor": None})
        return
    from grader.cli.client.tables import print_table

    def line(item: dict[str, Any]) -> tuple[Any, ...]:
        return item.get("id"), item.get("platform_name"), item.get("title"), item.get("course") or "none"

    print_table(("number", "platform", "there", "here"), map(line, items))


@app.command("link")
def link(
    number: Annotated[int, typer.Argument(metavar="N", min=1, help="The number of the course on a platform.")],
    course: Annotated[str | None, typer.Argument(metavar="COURSE", help="Ours; without it, none.")] = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Link a platform's course to ours, or to none. For administrators."""
    with service_at(url, token) as service:
        service.send("PUT", f"/lti/contexts/{number}/course", json={"course": course})
    typer.echo(f"Course {number} of a platform leads to {_said(course)}.")


@app.command("links")
def list_links(course: Course, as_json: Json = False, url: Url = None, token: Token = None) -> None:
    """List links on platforms that lead into a course, and how their scores do. For staff."""
    with service_at(url, token) as service:
        items = list(service.items(f"/courses/{_step(course)}/lti"))
    if as_json:
        print_json({"items": items, "next_cursor": None})
        return
    from grader.cli.client.tables import print_table

    def line(item: dict[str, Any]) -> tuple[Any, ...]:
        state = "stopped" if item.get("stopped_at") else "sent" if item.get("takes_scores") else "not taken"
        counts = (item.get("sent"), item.get("waiting"))
        return item.get("id"), item.get("title"), item.get("assignment") or "none", state, *counts, item.get("problem")

    headings = ("number", "link", "assignment", "scores", "sent", "waiting", "problem")
    print_table(headings, map(line, items), right=("sent", "waiting"))


@app.command("bind")
def bind(
    course: Course,
    number: Annotated[int, typer.Argument(metavar="N", min=1, help="The link's number.")],
    assignment: Annotated[str | None, typer.Argument(metavar="ASSIGNMENT", help="Without it, none.")] = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Let a link lead to an assignment; its scores are sent from then on. For instructors."""
    with service_at(url, token) as service:
        service.send("PUT", f"/courses/{_step(course)}/lti/links/{number}", json={"assignment": assignment})
    typer.echo(f"Link {number} leads to {_said(assignment)}.")


@app.command("resend")
def resend(course: Course, as_json: Json = False, url: Url = None, token: Token = None) -> None:
    """Send every released score of a course once more, to links that were stopped, too. For instructors."""
    with service_at(url, token) as service:
        answer = service.post(f"/courses/{_step(course)}/lti/resend")
    if as_json:
        print_json(answer)
        return
    typer.echo(f"Scores of {answer.get('students')} students are sent again.")


@app.command("new-key")
def new_key(
    file: Annotated[str, typer.Argument(metavar="FILE", help="GRADER_LTI_KEYS_FILE; - reads and prints it.")],
) -> None:
    """Make a key pair for platforms, on the service's own machine; the one before it stays for a while."""
    from grader.service.lti import keys

    if file == "-":
        made, kept = keys.with_new("" if sys.stdin.isatty() else sys.stdin.read())
        typer.echo(kept)
    else:
        made = keys.rotate(Path(file))
    typer.echo(f"The new key is {made}.", err=True)


def _said(name: str | None) -> str:
    from grader.kit.text import one_line

    return one_line(name) if name else "nothing"


def _step(given: str) -> str:
    from grader.cli.client.submit import in_path

    return in_path(given)
