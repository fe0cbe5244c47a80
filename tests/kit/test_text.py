"""Text of somebody else's, made safe to show."""

from __future__ import annotations

import pytest

from grader.kit.text import one_line, plain


@pytest.mark.parametrize(
    "hidden", ["\x00", "\x1b", "\u202e", "\u2066", "\u00ad", "\u200b", "\u2060", "\ufeff", "\ud800"]
)
def test_what_cannot_be_seen_or_turns_a_line_around_is_left_out(hidden):
    assert plain(f"gra{hidden}de") == one_line(f"gra{hidden}de") == "grade"


def test_joiners_of_scripts_and_emoji_stay():
    family = "\U0001f468\u200d\U0001f469"
    assert plain(family) == family
    assert plain("\u0646\u0645\u06cc\u200c\u062e\u0648") == "\u0646\u0645\u06cc\u200c\u062e\u0648"
