from __future__ import annotations

import pytest

from grader.specs.load import list_specs
from tests.docs.assignments_table import PAGE, checks_of, table, with_tables

SPECS = {spec.slug: spec for spec in list_specs()}


def test_the_tables_are_those_of_the_specs():
    page = PAGE.read_text(encoding="utf-8")
    assert with_tables(page) == page, "run python -m tests.docs.assignments_table"


@pytest.mark.parametrize("slug", SPECS)
def test_every_assignment_has_its_table(slug):
    assert table(SPECS[slug]) in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("slug", SPECS)
def test_the_table_counts_the_checks_that_are_there(slug):
    found = [check.part for check in checks_of(SPECS[slug])]
    promised = {part.id: part.checks for part in SPECS[slug].assignment.part if part.checks}
    assert {part: found.count(part) for part in set(found)} == promised


@pytest.mark.parametrize("slug", SPECS)
def test_no_question_is_left_without_somebody_who_grades_it(slug):
    nobody = [part.id for part in SPECS[slug].assignment.part if not part.checks and not part.manual]
    assert not nobody


@pytest.mark.parametrize("slug", SPECS)
def test_who_grades_an_item_begins_with_lines_that_add_up_to_its_points(slug):
    items = [item for part in SPECS[slug].assignment.part for item in part.manual if item.points]
    adding_up = [item.id for item in items if sum(max(line.points, 0) for line in item.rubric) == item.points]
    assert adding_up == [item.id for item in items]
