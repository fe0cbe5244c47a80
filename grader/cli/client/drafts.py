"""`grader draft`: written answers kept on the service before they are handed in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from grader.cli.client.options import Json, Token, Url, print_json, service_at
from grader.domain.errors import ConflictError

app = typer.Typer(no_args_is_help=True, help="Drafts of written answers: never graded, and not seen by staff.")
Assignment = Annotated[str, typer.Argument(metavar="SLUG", help="The assignment.")]
Version = Annotated[
    int | None, typer.Option("--version", min=0, metavar="N", help="The version that goes for it, as `show` told it.")
]

Own = Annotated[bool, typer.Option("--own", help="Of the parts that each member of a team hands in alone.")]


@app.command("show")
def show(assignment: Assignment, own: Own = False, as_json: Json = False, url: Url = None, token: Token = None) -> None:
    """Print the draft, mine or my team's, as an answers.toml."""
    with service_at(url, token) as service:
        draft = service.get(_path(assignment), _of(own))
    if as_json:
        print_json(draft)
        return
    for name, text in sorted((draft.get("answers") or {}).items()):
        typer.echo(f"{_quoted(str(name))} = {_quoted(str(text))}")
    _say(draft)


@app.command("save")
def save(
    assignment: Assignment,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Answers as TOML or JSON: the whole draft.")],
    version: Version = None,
    own: Own = False,
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Keep a file's answers as the draft. One that is there is written over only with --version."""
    from grader.answers.given import as_written, read_answers
    from grader.cli.answers import answers_text
    from grader.cli.client.service import object_of

    answers = {name: as_written(value) for name, value in read_answers(answers_text(file)).items()}
    with service_at(url, token) as service:
        began = _begun(service.get(_path(assignment), _of(own)), version)
        draft = object_of(
            service.send("PUT", _path(assignment), params=_of(own), json={"version": began, "answers": answers})
        )
    print_json(draft) if as_json else _say(draft)


@app.command("discard")
def discard(
    assignment: Assignment, version: Version = None, own: Own = False, url: Url = None, token: Token = None
) -> None:
    """Let the draft go, for the whole team where it is a team's; with --version, as `show` told it."""
    with service_at(url, token) as service:
        began = _begun(service.get(_path(assignment), _of(own)), version)
        service.send("DELETE", _path(assignment), params={"version": began, **_of(own)})
    typer.echo("There is no draft now.", err=True)


def _path(assignment: str) -> str:
    from grader.cli.client.submit import in_path

    return f"/assignments/{in_path(assignment)}/draft"


def _of(own: bool) -> dict[str, str]:
    return {"own": "true"} if own else {}


def _begun(draft: dict[str, Any], version: int | None) -> int:
    """The version to write over: the one that was said, or one that holds nothing. Raises ConflictError."""
    newest = int(draft.get("version") or 0)
    if version is None and draft.get("answers"):
        raise ConflictError(
            f"There is a draft already, version {newest}, saved by {draft.get('saved_by') or 'somebody'}; look at it "
            f"with `grader draft show`, then say --version {newest} if it is to go."
        )
    return newest if version is None else version


def _quoted(text: str) -> str:
    """A TOML string on one line. What is not ASCII is escaped, so nothing in it can steer a terminal."""
    marks = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}
    return '"' + "".join(marks.get(one) or (one if " " <= one <= "~" else f"\\U{ord(one):08X}") for one in text) + '"'


def _say(draft: dict[str, Any]) -> None:
    from grader.cli.client.tables import as_time, as_words
    from grader.kit.text import one_line

    if not draft.get("answers"):
        typer.echo("There is no draft.", err=True)
        return
    whose = f" of {', '.join(map(str, draft['team']))}" if draft.get("team") else ""
    words = f"Draft{whose}, version {draft.get('version')}, saved by {as_words(draft.get('saved_by'))} on "
    typer.echo(one_line(f"{words}{as_time(draft.get('saved_at'))}. It is not handed in.", limit=600), err=True)
    for one in draft.get("problems") or ():
        typer.echo(one_line(f"  {one.get('place')}: {one.get('problem')}", limit=400), err=True)
    if not draft.get("is_open", True):
        typer.echo("The assignment takes no more submissions, so the draft can no longer be changed.", err=True)
