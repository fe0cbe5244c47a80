"""A table replaces its old self in a page, and nothing else; a page without a place for it stays as it is."""

from __future__ import annotations

import pytest
from report import Figures, as_markdown, names_in, publish, ratio, replaced

TABLE = Figures(
    name="speed",
    columns=("what", "s"),
    rows=[("a|b", "1.0"), ("two\nlines", "2.0")],
    about="Measured:",
    notes=["Noted."],
)
PAGE = "before\n<!-- figures: speed -->\nold\n<!-- end of figures: speed -->\nafter\n"


def test_a_table_is_what_markdown_reads_as_one():
    assert as_markdown(TABLE) == (
        "Measured:\n\n| what | s |\n| --- | --- |\n| a\\|b | 1.0 |\n| two lines | 2.0 |\n\nNoted."
    )


def test_a_row_of_another_length_is_an_error():
    with pytest.raises(ValueError, match="speed has 1 cells for 2 columns"):
        as_markdown(Figures(name="speed", columns=("a", "b"), rows=[("one",)]))


def test_only_what_stands_between_the_markers_changes():
    once = replaced(PAGE, TABLE)
    assert once.startswith("before\n<!-- figures: speed -->\n\nMeasured:")
    assert once.endswith("Noted.\n\n<!-- end of figures: speed -->\nafter\n")
    assert "old" not in once
    assert replaced(once, TABLE) == once, "a second time changes nothing"


@pytest.mark.parametrize(
    "page",
    ["no place", PAGE + PAGE, "<!-- end of figures: speed -->\n<!-- figures: speed -->", "<!-- figures: speed -->"],
    ids=["none", "two", "reversed", "half"],
)
def test_a_page_without_one_place_is_refused(page):
    with pytest.raises(ValueError, match="needs one line"):
        replaced(page, TABLE)


def test_one_table_without_a_place_leaves_the_whole_page_alone(tmp_path):
    path = tmp_path / "page.md"
    path.write_text(PAGE)
    other = Figures(name="size", columns=("b",), rows=[])
    with pytest.raises(SystemExit, match="was left as it is"):
        publish(path, [TABLE, other])
    assert path.read_text() == PAGE
    publish(path, [TABLE])
    assert path.read_text() == replaced(PAGE, TABLE)
    with pytest.raises(SystemExit, match="was left as it is"):
        publish(tmp_path / "missing.md", [TABLE])


@pytest.mark.parametrize(
    ("value", "base", "words"), [(1, 3, "0.33"), (7, 3, "2.3"), (99, 3, "33"), (1, 0, "-"), (60, 2, "30")]
)
def test_ratios_have_the_digits_that_mean_something(value, base, words):
    assert ratio(value, base) == words


def test_the_pages_have_a_place_for_each_table_of_the_commands():
    from pathlib import Path

    docs = Path(__file__).parents[2] / "docs"
    performance = names_in((docs / "performance.md").read_text())
    assert {
        "latency", "throughput", "grades", "memory", "training-cell", "scaling", "uploads", "gradebook", "claims", "gradings",
        "boundary", "warm", "cold", "assignments",
    } <= set(performance)  # fmt: skip
    assert len(set(performance)) == len(performance)
    assert names_in((docs / "attacks-on-peers.md").read_text()) == ["attacks", "winning-ideas"]
