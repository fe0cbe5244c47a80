"""What follows when items are released: who was graded is told, and may ask about what was given."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from grader.domain.adjustment import Target, TargetKind
from grader.domain.errors import BadRequest, UnknownThing
from grader.service import gradings, items, regrades, submissions
from tests.service.test_gradings import Desk


@pytest.fixture
def desk(database):
    with database.begin() as work:
        yield Desk(work)


def told_of_a_release(desk):
    """Whose submissions were written into the outbox, the oldest first."""
    query = "SELECT submission_id FROM notices WHERE kind = 'items.released' AND mails ORDER BY created_at"
    return list(desk.work.session.execute(text(query)).scalars())


def test_a_release_is_told_to_who_was_graded_and_once_for_what_was_given(desk):
    desk.hand_in(desk.mate)
    gave = desk.grade("one")
    for is_released in (True, False, True):
        items.set_grading(desk.work, desk.instructor, desk.assignment, is_released=is_released)
        desk.reload()
    assert told_of_a_release(desk) == [desk.submission.id]
    items.set_grading(desk.work, desk.instructor, desk.assignment, is_released=False)
    desk.reload()
    gradings.withdraw(desk.work, desk.ta, desk.assignment, "B.why", str(desk.submission.id), gave, reason="A slip.")
    desk.grade("two")
    items.set_grading(desk.work, desk.instructor, desk.assignment, is_released=True)
    assert told_of_a_release(desk) == [desk.submission.id] * 2


def asking(desk):
    found = submissions.find(desk.work, desk.reader, str(desk.submission.id))
    run = submissions.latest_run(desk.work, desk.reader, found)
    return found, regrades.asking(desk.work, desk.reader, desk.assignment, found, run)


def release(desk):
    items.set_grading(desk.work, desk.instructor, desk.assignment, is_released=True)
    desk.reload()


def test_a_student_asks_about_a_graded_item_and_it_is_graded_again(desk):
    why, more = Target(kind=TargetKind.ITEM, id="B.why"), Target(kind=TargetKind.ITEM, id="B.more")
    desk.grade("one")
    found, before = asking(desk)
    assert why not in [choice.target for choice in before.choices]
    with pytest.raises(UnknownThing):
        regrades.ask(desk.work, desk.reader, found, target=why, reason="Both reasons are there.")
    release(desk)
    found, after = asking(desk)
    targets = [choice.target for choice in after.choices]
    assert why in targets and more not in targets
    request = regrades.ask(desk.work, desk.reader, found, target=why, reason="Both reasons are there.")
    assert (request.target, request.title) == (why, "Why? (B.why)")
    with pytest.raises(BadRequest, match="grade the item again"):
        regrades.answer(desk.work, desk.ta, request.id, granted=True, words="Yes.", points=2)
    desk.grade("one", "two")
    answered = regrades.answer(desk.work, desk.ta, request.id, granted=True, words="Yes, I missed the second.")
    assert (answered.state, answered.points, desk.row().score) == ("granted", None, 7.0)


def test_who_may_ask_no_more_about_the_result_may_again_about_what_is_released_later(desk):
    desk.grade("one")
    for aged in ("runs SET finished_at = finished_at", "assignments SET due_at = due_at"):
        desk.work.session.execute(text(f"UPDATE {aged} - interval '90 days'"))
    desk.work.session.expire_all()
    desk.reload()
    assert not asking(desk)[1].may_ask
    release(desk)
    assert asking(desk)[1].may_ask
