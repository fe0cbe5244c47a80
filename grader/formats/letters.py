"""E-mail, in plain words: what happened, when by the course's clock, and where to look. No score, no check."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from grader.domain.notices import NoticeKind, Parcel
from grader.kit.text import one_line

_LONGEST_TITLE = 120


class Letter(NamedTuple):
    """`subject` is one line; `text` has lines of its own."""

    subject: str
    text: str


def letter_of(parcel: Parcel, public_url: str) -> Letter:
    """What one person reads. Titles and names are folded to a line each, whatever they hold."""
    title = one_line(parcel.assignment_title, limit=_LONGEST_TITLE)
    course = one_line(parcel.course_title, limit=_LONGEST_TITLE)
    subject, words = _words(parcel, title)
    lines = [
        f"Hello {one_line(parcel.name, limit=_LONGEST_TITLE)},",
        "",
        *words,
        "",
        _link(parcel, public_url),
        "",
        "-- ",
        f"{course}. Choose which e-mails you get: {public_url}/mail",
        "",
    ]
    return Letter(subject=f"[{course}] {subject}", text="\n".join(lines))


def when(at: datetime, zone: str) -> str:
    """Mon 2 Mar 2026, 23:59 (Europe/Istanbul)."""
    local = at.astimezone(ZoneInfo(zone))
    return f"{local:%a} {local.day} {local:%b %Y, %H:%M} ({zone})"


def _words(parcel: Parcel, title: str) -> tuple[str, list[str]]:
    received = "" if parcel.received_at is None else f" of {when(parcel.received_at, parcel.time_zone)}"
    match parcel.kind:
        case NoticeKind.DUE_SOON:
            due = "soon" if parcel.due_at is None else when(parcel.due_at, parcel.time_zone)
            return f"{title}: due {due}", [
                f"“{title}” is due {due}, and nothing of yours has come in yet.",
                "If you have handed in a moment ago, all is well.",
            ]
        case NoticeKind.REGRADE_ANSWERED:
            return f"{title}: your regrade request was answered", [
                f"Your regrade request about “{title}” was answered. The answer, with its reason, is on the page below."
            ]
        case NoticeKind.ITEMS_RELEASED:
            return f"{title}: what persons graded was released", [
                f"What graders gave for your submission{received} for “{title}” was released. It is on the page below."
            ]
        case _ if parcel.data.get("state") == "rejected":
            return f"{title}: your submission could not be graded", [
                f"Your submission{received} for “{title}” could not be graded. The page below says why, and what to do."
            ]
        case _:
            return f"{title}: your submission was graded", [
                f"Your submission{received} for “{title}” was graded. The result is on the page below."
            ]


def _link(parcel: Parcel, public_url: str) -> str:
    submission, assignment = parcel.data.get("submission"), parcel.data.get("assignment")
    if submission and parcel.kind is not NoticeKind.DUE_SOON:
        return f"{public_url}/submissions/{submission}"
    return f"{public_url}/assignments/{assignment}" if assignment else public_url
