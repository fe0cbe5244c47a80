"""docs/attacks.md lists what there is, and the families that were asked for are all there."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.attacks import table
from tests.attacks.idea import FAMILIES, Idea
from tests.attacks.ideas import all_ideas

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "attacks.md").read_text(encoding="utf-8")


def test_the_page_lists_exactly_the_ideas_there_are():
    assert sorted(table.names_in(PAGE)) == [idea.name for idea in all_ideas()]


def test_the_page_says_of_each_what_is_tried_and_of_none_that_it_won():
    assert all(idea.what.replace("|", "\\|") in PAGE for idea in all_ideas())
    assert "| LOST" not in PAGE


def test_what_is_won_all_the_same_stands_in_the_threat_model():
    model = (DOCS / "threat-model.md").read_text(encoding="utf-8")
    won = [idea.name for idea in all_ideas() if idea.residual]
    assert won and [name for name in won if f"`{name}`" not in model] == []


def test_every_family_is_there():
    found = Counter(idea.family for idea in all_ideas())
    assert set(found) == set(FAMILIES)
    assert min(found.values()) >= 5 and found.total() >= 60


def test_ideas_can_be_used_without_torch_and_pytest():
    program = "import sys; from tests.attacks.ideas import all_ideas; all_ideas(); print('torch' in sys.modules, 'pytest' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=DOCS.parent, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_modules_for_other_graders_compile_and_need_nothing_of_ours():
    modules = [idea for idea in all_ideas() if idea.as_module is not None]
    assert len(modules) > 60
    for idea in modules:
        compile(idea.as_module, idea.name, "exec")


def test_an_idea_belongs_to_a_family_and_has_one_form():
    with pytest.raises(ValueError, match="family"):
        Idea(name="steal_points", family="steal", what="x", source="x")
    with pytest.raises(ValueError, match="source or an upload"):
        Idea(name="read_nothing", family="read", what="x")
