"""The demo's hand-ins: uploaded, followed side by side, shown in the order of their upload."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from grader.cli.cards import console_for
from grader.cli.client.address import Address
from grader.cli.client.card import check_signs, headline, submission_card
from grader.cli.client.follow import follow
from grader.cli.client.service import LONG_PATIENCE_S, Service
from grader.cli.client.tables import as_score, print_table
from grader.cli.client.upload import upload
from grader.cli.host.demo_course import Upload


class Board:
    """A line for each hand-in on stderr, while somebody watches it."""

    def __init__(self, uploads: Sequence[Upload]) -> None:
        self._uploads = uploads
        self._seen: dict[int, dict[str, Any]] = {}
        self._lock = threading.Lock()

    def heard(self, number: int, submission: dict[str, Any]) -> None:
        with self._lock:
            self._seen[number] = submission

    def __rich__(self) -> RenderableType:
        with self._lock:
            seen = dict(self._seen)
        table = Table(box=None, show_header=False, pad_edge=False)
        for number, one in enumerate(self._uploads):
            found = seen.get(number)
            state = Text("being uploaded", style="dim") if found is None else headline(found)
            table.add_row(
                Text(f"{one.assignment}  {one.label}"), Text() if found is None else check_signs(found), state
            )
        return Group(table)


def hand_in_all(
    url: str, tokens: Mapping[str, str], uploads: Sequence[Upload], console: Console | None = None
) -> list[dict[str, Any]]:
    """The graded submissions, in the order of `uploads`; their score cards are printed as they come."""
    console = console or console_for()
    board = Board(uploads)
    stderr = console_for(stderr=True)
    waiting = [_begin(board, number, url, tokens[one.email], one) for number, one in enumerate(uploads)]
    if stderr.is_terminal:
        with Live(board, console=stderr, transient=True, refresh_per_second=8):
            found = [future.result() for future in waiting]
    else:
        found = [future.result() for future in waiting]
    for one, submission in zip(uploads, found, strict=True):
        console.print(Text(f"{one.assignment}: {one.label}, handed in by {one.email}", style="bold"))
        console.print(submission_card(submission))
    rows = [(one.assignment, one.label, one.email, item.get("state"), as_score(item.get("run") or {}))
            for one, item in zip(uploads, found, strict=True)]  # fmt: skip
    print_table(("assignment", "hand-in", "by", "state", "score"), rows, right=("score",))
    return found


def is_as_it_should_be(uploads: Sequence[Upload], submissions: Sequence[dict[str, Any]]) -> bool:
    """Whether every hand-in was graded, and each reference has full marks, or more where there is extra credit."""
    runs = [submission.get("run") or {} for submission in submissions]
    return all(run.get("state") == "graded" for run in runs) and all(
        run["score"] >= run["max_score"] for one, run in zip(uploads, runs, strict=True) if one.is_reference
    )


def _begin(board: Board, number: int, url: str, token: str, one: Upload) -> Future[dict[str, Any]]:
    """Its graded submission to be. The thread is nobody's to wait for, so that Ctrl-C ends the demo at once."""
    outcome: Future[dict[str, Any]] = Future()

    def run() -> None:
        try:
            outcome.set_result(_hand_in(board, number, url, token, one))
        except Exception as error:
            # Whatever it is, whoever waits for the outcome is told.
            outcome.set_exception(error)

    threading.Thread(target=run, name=f"demo-{number}", daemon=True).start()
    return outcome


def _hand_in(board: Board, number: int, url: str, token: str, one: Upload) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with Service(Address(url=url, token=token), patience_s=LONG_PATIENCE_S, say=lambda _: None) as service:
        receipt = upload(service, one.assignment, one.name, one.content)
        for found in follow(service, str(receipt["id"])):
            board.heard(number, found)
    return found
