"""The whole term's gradebook, and who may read it."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest

from grader.domain.ids import PersonId
from grader.service import gradebook
from tests import builders


def term_of(world):
    return f"/courses/{world.course.slug}/gradebook"


@pytest.fixture
def graded(world):
    """Ada has work in the first assignment; the second, which is due earlier, nobody handed in."""
    with world.database.begin() as work:
        earlier = builders.an_assignment(work, world.course, due_at=datetime.now(UTC) - timedelta(days=1))
    world.hand_in()
    world.grade()
    return earlier


def test_it_has_every_assignment_by_due_date_and_every_student_by_name(world, graded):
    told = world.client("ta").get(term_of(world)).json()
    assert [one["slug"] for one in told["assignments"]] == [graded.slug, world.assignment.slug]
    ada, bob = told["items"]
    assert (ada["person"]["name"], bob["person"]["name"]) == ("Ada", "Bob")
    assert [(one["assignment"], one["state"], one["score"]) for one in ada["scores"]] == [
        (graded.slug, "missing", None), (world.assignment.slug, "graded", 5.0),
    ]  # fmt: skip
    assert (ada["total"], bob["total"], told["max_total"]) == (5.0, None, 10.0)


def test_an_override_counts_and_is_marked(world, graded):
    instructor = builders.a_reader(world.people["admin"])
    with world.database.begin() as work:
        ada = PersonId(world.people["student"].id)
        gradebook.override(work, instructor, world.assignment, ada, score=6.5, reason="Creative.")
    ada = world.client("ta").get(term_of(world)).json()["items"][0]
    assert (ada["scores"][1]["score"], ada["scores"][1]["is_overridden"], ada["total"]) == (6.5, True, 6.5)


@pytest.mark.parametrize("form", ["csv", "canvas", "moodle", "gradescope"])
def test_it_comes_as_a_file_in_each_form(world, graded, form):
    answer = world.client("instructor").get(term_of(world), params={"format": form})
    assert answer.headers["content-type"].startswith("text/csv")
    assert f"{world.course.slug}-term-{form}.csv" in answer.headers["content-disposition"]
    lines = list(csv.reader(io.StringIO(answer.text, newline="")))
    assert len(lines) == (4 if form == "canvas" else 3)
    assert any(world.people["student"].email in line for line in lines)


def test_staff_of_the_course_alone_read_it(world, graded):
    for name, status in (("student", 403), ("stranger", 404), ("other instructor", 404), ("ta", 200), ("admin", 200)):
        for params in ({}, {"format": "csv"}):
            answer = world.client(name).get(term_of(world), params=params)
            assert answer.status_code == status, name
            assert status == 200 or "Bob" not in answer.text


def test_whoever_asks_again_hears_that_nothing_is_new(world, graded):
    client = world.client("ta")
    tag = client.get(term_of(world)).headers["etag"]
    assert client.get(term_of(world), headers={"If-None-Match": tag}).status_code == 304


def test_a_form_that_nobody_reads_is_told(world):
    assert world.client("ta").get(term_of(world), params={"format": "xlsx"}).status_code == 422
