"""The storm as a table, and where it stands in a page of docs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from tests.faults.storm.injector import Struck
from tests.faults.storm.stream import HandIn

BEGIN, END = "<!-- storm -->", "<!-- /storm -->"
_HEAD = "| fault | times | gradings under way | median delay | more tries |\n| --- | --- | --- | --- | --- |"


def table(struck: Sequence[Struck], hand_ins: Sequence[HandIn], calm_s: dict[str, float]) -> str:
    """A row for each kind of fault.

    A grading was under way when the time from its sending to its grade overlaps that of a fault. Its delay is how much
    longer that time was than without faults; tries are those of its stages beyond the first.
    """
    rows = []
    for kind in sorted({one.kind for one in struck}):
        own = [one for one in struck if one.kind == kind]
        met = [one for one in hand_ins if one.graded_at and any(_overlap(one, fault) for fault in own)]
        delay = f"{median(_delay_s(one, calm_s) for one in met):.1f} s" if met else "-"
        tries = f"{sum(_more_tries(one) for one in met) / len(met):.2f}" if met else "-"
        rows.append(f"| {kind} | {len(own)} | {len(met)} | {delay} | {tries} |")
    return "\n".join([_HEAD, *rows])


def _overlap(one: HandIn, fault: Struck) -> bool:
    return one.sent_at <= (fault.ended or fault.began) and fault.began <= one.graded_at


def _delay_s(one: HandIn, calm_s: dict[str, float]) -> float:
    return max(0.0, one.graded_at - one.sent_at - calm_s.get(one.work, 0.0))


def _more_tries(one: HandIn) -> int:
    return sum(one.tries.values()) - len(one.tries)


def put_in(page: Path, text: str) -> None:
    """Replace what stands between the markers. Raises ValueError where there are none."""
    before = page.read_text(encoding="utf-8")
    after, times = re.subn(
        f"{re.escape(BEGIN)}\n.*?{re.escape(END)}", lambda _: f"{BEGIN}\n{text}\n{END}", before, flags=re.DOTALL
    )
    if times != 1:
        raise ValueError(f"{page} should have {BEGIN} and {END} once each, on lines of their own.")
    page.write_text(after, encoding="utf-8")
