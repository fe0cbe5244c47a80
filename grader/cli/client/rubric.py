"""`grader rubric`: items that persons grade; `grader mark`: a mark that only a person gives."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from grader.cli.client.options import Json, Token, Url, print_json, service_at
from grader.domain.errors import BadArguments

app = typer.Typer(no_args_is_help=True, help="Grade items by hand: rubrics, comments, one question over everybody.")
Slug = Annotated[str, typer.Argument(metavar="SLUG", help="The assignment.")]
Item = Annotated[str, typer.Argument(metavar="ITEM", help="The item, such as II.5b.why.")]
Submission = Annotated[str, typer.Argument(metavar="SUBMISSION", help="Whose work, as `work` or `next` name it.")]
Line = Annotated[str, typer.Argument(metavar="LINE", help="The line's key, such as r1.")]
Label = Annotated[str, typer.Option("--label", metavar="WORDS", help="What is found, or missed.")]
LinePoints = Annotated[float, typer.Option("--points", metavar="N", help="What it gives, or takes with a minus.")]
Reason = Annotated[str, typer.Option("--reason", metavar="WORDS", help="Why; it is kept.")]


@app.command("show")
def show(
    assignment: Slug,
    item: Annotated[str | None, typer.Argument(metavar="ITEM", help="Only this item, with its rubric.")] = None,
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Show the items of an assignment: how many are graded by whom, how many wait."""
    with service_at(url, token) as service:
        found = service.get(f"/assignments/{_path(assignment)}/items")
    items = [one for one in found.get("items") or [] if item in (None, one.get("id"))]
    if item is not None and not items:
        raise BadArguments(f"The assignment has no item {item} for a person to grade.")
    if as_json:
        print_json(found | {"items": items})
        return
    _print_items(items)
    for one in items if item is not None else ():
        _print_rubric(one.get("rubric") or [])
    released = "released" if found.get("released_at") else "not released to students"
    typer.echo(f"Grading is {'blind' if found.get('is_blind') else 'not blind'}; {released}.")


@app.command("add")
def add(assignment: Slug, item: Item, label: Label, points: LinePoints, url: Url = None, token: Token = None) -> None:
    """Add a line to an item's rubric. For staff."""
    with service_at(url, token) as service:
        made = service.post(f"{_item(assignment, item)}/rubric", {"label": label, "points": points})
    _print_rubric([made])


@app.command("change")
def change(
    assignment: Slug,
    item: Item,
    line: Line,
    label: Label,
    points: LinePoints,
    url: Url = None,
    token: Token = None,
) -> None:
    """Change a line; everybody it was applied to is scored anew. For staff."""
    with service_at(url, token) as service:
        path = f"{_item(assignment, item)}/rubric/{_path(line)}"
        _print_anew(service.put(path, {"label": label, "points": points}))


@app.command("remove")
def remove(assignment: Slug, item: Item, line: Line, url: Url = None, token: Token = None) -> None:
    """Take a line away; it gives nothing any more to those it was applied to. For staff."""
    with service_at(url, token) as service:
        _print_anew(service.send("DELETE", f"{_item(assignment, item)}/rubric/{_path(line)}").json())


@app.command("work")
def work(assignment: Slug, item: Item, as_json: Json = False, url: Url = None, token: Token = None) -> None:
    """List everybody's work for an item; without names while grading is blind. For staff."""
    from grader.cli.client.tables import print_table

    with service_at(url, token) as service:
        found = service.get(f"{_item(assignment, item)}/pieces")
    if as_json:
        print_json(found)
        return
    keys = ("number", "submission", "whose", "graded_by", "claimed_by")
    headings = ("no.", "submission", "whose", "graded by", "before")
    print_table(headings, ([one.get(key) for key in keys] for one in found.get("items") or []), right=("no.",))


@app.command("next")
def next_(
    assignment: Slug,
    item: Item,
    after: Annotated[str, typer.Option("--after", metavar="SUBMISSION", help="Go on from this one.")] = "",
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Take the next piece of work that nobody has graded; it is before you for 20 minutes. For staff."""
    from grader.cli.client.service import object_of

    with service_at(url, token) as service:
        piece = object_of(service.send("POST", f"{_item(assignment, item)}/next", json={"after": after}))
    if as_json:
        print_json(piece)
    elif piece:
        _print_piece(piece)
    else:
        typer.echo("Nobody's work waits for this item.", err=True)


@app.command("grade")
def grade(
    assignment: Slug,
    item: Item,
    submission: Submission,
    line: Annotated[
        list[str] | None, typer.Option("--line", metavar="LINE", help="Apply this line; repeat it.")
    ] = None,
    points: Annotated[float, typer.Option("--points", metavar="N", help="Points besides the rubric's.")] = 0.0,
    comment: Annotated[str, typer.Option("--comment", metavar="WORDS", help="The student reads it.")] = "",
    member: Annotated[
        int | None, typer.Option("--member", metavar="ID", help="For this member of a team alone.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the comment for the item, to be used again.")] = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Give what an item comes to: lines of its rubric, points, a comment. For staff."""
    body: dict[str, Any] = {"applied": line or [], "free_points": points, "comment": comment, "member": member}
    with service_at(url, token) as service:
        path = f"{_item(assignment, item)}/pieces/{_path(submission)}"
        service.post(f"{path}/gradings", body)
        if keep and comment.strip():
            service.post(f"{_item(assignment, item)}/comments", {"text": comment})
        _print_piece(service.get(path))


@app.command("withdraw")
def withdraw(
    assignment: Slug,
    item: Item,
    submission: Submission,
    grading: Annotated[int, typer.Argument(metavar="ID", help="The grading.")],
    reason: Reason,
    url: Url = None,
    token: Token = None,
) -> None:
    """Take a grading back: the item waits again. For staff."""
    with service_at(url, token) as service:
        path = f"{_item(assignment, item)}/pieces/{_path(submission)}/gradings/{grading}"
        service.send("DELETE", path, params={"reason": reason})
    typer.echo("The grading is taken back.", err=True)


@app.command("settings")
def settings(
    assignment: Slug,
    blind: Annotated[bool | None, typer.Option("--blind/--not-blind", help="Whether graders see whose work.")] = None,
    release: Annotated[
        bool | None, typer.Option("--release/--hold", help="Whether students read what they were given.")
    ] = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Say whether grading is blind, and let students read what they were given. For instructors."""
    if blind is None and release is None:
        raise BadArguments("Say --blind or --not-blind, --release or --hold.")
    with service_at(url, token) as service:
        body = {"is_blind": blind, "is_released": release}
        service.send("PUT", f"/assignments/{_path(assignment)}/grading", json=body)
    typer.echo("Set.", err=True)


def mark(
    assignment: Slug,
    student: Annotated[str, typer.Argument(metavar="EMAIL", help="Whose mark.")],
    give: Annotated[float | None, typer.Option("--give", metavar="MARK", help="One that only a person gives.")] = None,
    take_back: Annotated[bool, typer.Option("--take-back", help="Let the mark follow from the points again.")] = False,
    reason: Annotated[str, typer.Option("--reason", metavar="WORDS", help="Why; the student reads it.")] = "",
    member: Annotated[bool, typer.Option("--member", help="For this member alone, not for the whole team.")] = False,
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Give a mark that only a person gives, take it back, or show what was given. For staff."""
    if give is not None and take_back:
        raise BadArguments("Give --give or --take-back, not both.")
    if (give is not None or take_back) and not reason.strip():
        raise BadArguments("Say why with --reason.")
    from grader.cli.client.adjust import person_of

    with service_at(url, token) as service:
        slug = _path(assignment)
        path = f"/assignments/{slug}/given-marks/{person_of(service, slug, student)}"
        if give is not None:
            service.send("PUT", path, json={"value": give, "reason": reason, "for_member": member})
        elif take_back:
            service.send("DELETE", path, params={"reason": reason})
        found = service.get(path)
    print_json(found) if as_json else _print_mark(found)


def _path(name: str) -> str:
    from grader.cli.client.submit import in_path

    return in_path(name)


def _item(assignment: str, item: str) -> str:
    return f"/assignments/{_path(assignment)}/items/{_path(item)}"


def _print_items(items: list[dict[str, Any]]) -> None:
    from grader.cli.client.tables import print_table

    def line(one: dict[str, Any]) -> tuple[Any, ...]:
        by = ", ".join(f"{who.get('name')} {who.get('graded')}" for who in one.get("graders") or [])
        return one.get("id"), one.get("title"), one.get("points"), one.get("graded"), one.get("waiting"), by

    right = ("points", "graded", "wait")
    print_table(("item", "question", "points", "graded", "wait", "by"), map(line, items), right=right)


def _print_rubric(lines: list[dict[str, Any]]) -> None:
    from grader.cli.client.tables import print_table

    rows = ((one.get("key"), f"{one.get('points', 0):+g}", one.get("label")) for one in lines)
    print_table(("line", "points", "words"), rows, right=("points",))


def _print_anew(answer: dict[str, Any]) -> None:
    many = answer.get("scored_anew", 0)
    typer.echo(f"{many} {'score was' if many == 1 else 'scores were'} worked out anew.", err=True)


def _print_piece(piece: dict[str, Any]) -> None:
    from grader.cli.client.tables import as_words, print_table

    whose = f", {as_words(piece.get('whose'))}" if piece.get("whose") else ""
    typer.echo(f"{piece.get('number')} of {piece.get('total')}: {piece.get('submission')}{whose}")
    for question, answer in (piece.get("answers") or {}).items():
        typer.echo(f"{as_words(question)}: {as_words(answer)}")
    rows = (
        (one.get("id"), ", ".join(map(str, one.get("applied") or [])), f"{one.get('free_points', 0):+g}",
         one.get("member") or "", one.get("comment"), one.get("made_by"))
        for one in piece.get("gradings") or []
    )  # fmt: skip
    print_table(("id", "lines", "points", "for", "comment", "by"), rows, right=("id", "points"))


def _print_mark(found: dict[str, Any]) -> None:
    from grader.cli.client.tables import as_number, as_words

    given = found.get("given")
    if given:
        typer.echo(
            f"{as_number(given.get('value'))}, by {as_words(given.get('made_by'))}: {as_words(given.get('reason'))}"
        )
    else:
        typer.echo("No mark was given by a person.")
    for one in found.get("possible") or []:
        share = as_number(100 * one.get("share", 0))
        typer.echo(f"A person may give {as_number(one.get('value'))} ({as_words(one.get('label'))}) from {share}% on.")
