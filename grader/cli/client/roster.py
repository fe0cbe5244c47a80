"""`grader roster`: who is in a course."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from grader.cli.client.options import Json, Token, Url, print_json, service_at
from grader.domain.errors import BadRoster

app = typer.Typer(no_args_is_help=True, help="Read and import who is in a course.")
Course = Annotated[str, typer.Option("--course", "-c", metavar="SLUG", help="The course.")]


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Canvas's or Gradescope's export, or CSV.")],
    course: Course,
    preview: Annotated[
        bool, typer.Option("--preview", "--dry-run", help="Only say what would happen, and which lines are wrong.")
    ] = False,
    remove_missing: Annotated[
        bool, typer.Option("--remove-missing", help="Students who are not on it leave the course.")
    ] = False,
    email_domain: Annotated[
        str, typer.Option("--email-domain", metavar="D", help="Of Canvas logins that are no e-mail addresses.")
    ] = "",
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Make the people on a roster members of a course. For instructors."""
    from grader.cli.client.service import object_of
    from grader.cli.client.submit import in_path
    from grader.cli.client.upload import read_file

    content = read_file(file)
    with service_at(url, token) as service:
        answer = object_of(
            service.send(
                "POST",
                f"/courses/{in_path(course)}/roster",
                # The same roster twice changes nothing the second time.
                again=True,
                params={
                    "dry_run": str(preview).lower(),
                    "remove_missing": str(remove_missing).lower(),
                    **({"email_domain": email_domain} if email_domain else {}),
                },
                content=content,
                headers={"Content-Type": "text/csv"},
            )
        )
    if as_json:
        print_json(answer)
    else:
        _print_change(answer, preview=preview)
    if answer.get("problems"):
        # Only a preview comes so far: without it the service refuses such a file.
        raise BadRoster(f"{len(answer['problems'])} lines of {file.name} have to be mended; nothing was changed.")


@app.command("list")
def list_(course: Course, as_json: Json = False, url: Url = None, token: Token = None) -> None:
    """List the members of a course. For staff."""
    from grader.cli.client.submit import in_path
    from grader.cli.client.tables import print_table

    with service_at(url, token) as service:
        members = list(service.items(f"/courses/{in_path(course)}/members"))
    if as_json:
        print_json({"items": members, "next_cursor": None})
        return

    def line(member: dict[str, Any]) -> tuple[Any, ...]:
        person = member.get("person") or {}
        words = (person.get("name"), person.get("email"), person.get("student_number"))
        return (*words, member.get("role"), member.get("section"), member.get("team"))

    print_table(("name", "e-mail", "number", "role", "section", "team"), map(line, members))


def _print_change(answer: dict[str, Any], *, preview: bool) -> None:
    from grader.cli.client.tables import as_words
    from grader.kit.text import one_line

    for problem in answer.get("problems") or ():
        typer.echo(f"  problem  {one_line(as_words(problem.get('problem')))}")
    done = "would be " if preview else ""
    for what in ("added", "changed", "removed", "missing"):
        for email in answer.get(what) or ():
            said = _details(answer, email) if what == "changed" else ""
            typer.echo(f"  {what:<8} {one_line(as_words(email) + said)}")
    counts = ", ".join(f"{len(answer.get(what) or ())} {done}{what}" for what in ("added", "changed", "removed"))
    stay = len(answer.get("missing") or ())
    counts += f", {answer.get('unchanged', 0)} unchanged"
    typer.echo(counts + (f", {stay} not on it and left in the course" if stay else ""))


def _details(answer: dict[str, Any], email: str) -> str:
    found = [one for one in answer.get("details") or () if one.get("email") == email]
    words = [f"{one.get('field')} {one.get('before') or '-'} -> {one.get('after') or '-'}" for one in found]
    return f" ({', '.join(words)})" if words else ""
