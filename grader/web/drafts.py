"""A draft of written answers laid out for the form: who saved it when, and where it differs from what is typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from grader.answers.given import tidied
from grader.service.drafts import Draft


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftOfForm:
    """The draft as it is kept, in the sentence `said`.

    `conflict` is why what is typed was not saved, and `others` what the kept draft has instead (question, text; empty
    for one without an answer).
    """

    version: int
    said: str
    team: tuple[str, ...]
    is_there: bool
    conflict: str = ""
    others: tuple[tuple[str, str], ...] = ()


def draft_of_form(
    draft: Draft,
    time_zone: str,
    *,
    typed: Mapping[str, str] | None = None,
    version: int | None = None,
    conflict: str = "",
) -> DraftOfForm:
    """`version` is the one that the typed text began with; it is kept until a newer one was seen."""
    is_newest = typed is None or version is None or bool(conflict)
    return DraftOfForm(
        version=draft.version if is_newest else max(0, version or 0),
        said=said_of(draft, time_zone),
        team=draft.team,
        is_there=bool(draft.answers),
        conflict=conflict,
        others=differing(draft, typed or {}) if conflict else (),
    )


def said_of(draft: Draft, time_zone: str) -> str:
    """When the draft was saved and by whom; empty where there is none."""
    if not draft.answers or draft.saved_at is None:
        return ""
    at = f"{draft.saved_at.astimezone(ZoneInfo(time_zone)):%Y-%m-%d %H:%M:%S}"
    who = "you" if draft.is_mine else draft.saved_by or "somebody who was erased"
    return f"Draft saved on {at} by {who}; it is not handed in."


def differing(draft: Draft, typed: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """(question, what the kept draft has) wherever that is not what was typed."""
    mine = {name: tidied(value) for name, value in typed.items()}
    names = [*draft.answers, *(name for name in mine if name not in draft.answers)]
    found = ((name, draft.answers.get(name, "")) for name in names)
    return tuple((name, theirs) for name, theirs in found if theirs != mine.get(name, ""))
