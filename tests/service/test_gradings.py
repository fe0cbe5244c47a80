"""Items that persons grade: rubric, gradings, what counts of them, claims, and who may do and read what."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from grader.domain.adjustment import WHOLE, Target, TargetKind
from grader.domain.course import Role
from grader.domain.errors import AlreadyGraded, BadRequest, NeedsRole, UnknownThing
from grader.domain.ids import AssignmentId, Owner
from grader.service import (
    adjustments,
    assignments,
    audit,
    given_marks,
    gradebook,
    gradings,
    items,
    late_policy,
    submissions,
)
from grader.service.overrides import subject_of
from tests import builders

SCALE = {
    "step": [
        {"share": 0.0, "value": 0, "label": "none"},
        {"share": 0.5, "value": 1, "label": "half"},
        {"share": 0.9, "value": 4, "label": "right"},
    ],
    "by_person": [{"share": 0.7, "value": 5, "label": "creative"}],
}
PART_B = {
    "id": "B", "title": "Part B", "points": 2, "checks": 1,
    "manual": [
        {"id": "B.why", "title": "Why?", "guide": "Two reasons.", "points": 4,
         "rubric": [{"id": "one", "label": "one reason", "points": 2}, {"id": "two", "label": "another", "points": 2},
                    {"id": "vague", "label": "vague", "points": -1}]},
        {"id": "B.more", "title": "More", "points": 1, "extra": True},
        {"id": "B.note", "title": "Read for the course's sake"},
    ],
}  # fmt: skip
PART_A = {"id": "A", "title": "Part A", "points": 3, "checks": 3}


def definition(**more):
    return builders.a_definition(scale=SCALE, part=[PART_A, PART_B], **more)


class Desk:
    """A course whose student's run came to 3 of 5 automatic points; one item gives 4 more, and another is extra."""

    def __init__(self, work, *, team=False, due_at=None, students=1):
        self.work = work
        self.course, self.other = builders.a_course(work), builders.a_course(work)
        more = {} if due_at is None else {"due_at": due_at}
        made = definition(**({"team_size": [1, 3]} if team else {}))
        self.assignment = builders.an_assignment(work, self.course, definition=made, **more)
        self.team = builders.a_team(work, self.course) if team else None
        membership = {"team_id": self.team.id} if team else {}
        self.student = builders.a_person(work, self.course, name="Ada", **membership)
        self.mate = builders.a_person(work, self.course, name="Bob", **membership)
        self.owner = Owner(f"t{self.team.id}" if team else f"p{self.student.id}")
        self.submission = self.hand_in(self.student, self.owner)
        self.ta, self.other_ta = self.staff(Role.TA, "Tina"), self.staff(Role.TA, "Theo")
        self.instructor = self.staff(Role.INSTRUCTOR, "Ines")
        stranger = builders.a_person(work, self.other, Role.INSTRUCTOR)
        self.stranger = builders.a_reader(stranger, self.other, role=Role.INSTRUCTOR)
        self.reader = builders.a_reader(self.student, self.course)
        self.mates_reader = builders.a_reader(self.mate, self.course)

    def staff(self, role, name):
        person = builders.a_person(self.work, self.course, role, name=name)
        return builders.a_reader(person, self.course, role=role)

    def hand_in(self, person, owner=None, lost=("A.two",)):
        owner = owner or Owner(f"p{person.id}")
        row = builders.a_submission(self.work, self.assignment, person, owner=owner)
        self.run(row, owner, lost=lost)
        return row

    def run(self, row, owner=None, lost=("A.two",)):
        plan = builders.a_plan()
        score = sum(check.points for check in plan if check.id not in lost)
        run = builders.a_run(self.work, self.assignment, row, score=float(score))
        for check in plan:
            builders.a_check_result(self.work, run, check, "failed" if check.id in lost else "passed")
        gradebook.refresh(self.work, AssignmentId(self.assignment.id), owner or self.owner)

    def grade(self, *applied, item="B.why", who=None, submission=None, **more):
        chosen = str((submission or self.submission).id)
        return gradings.grade(self.work, who or self.ta, self.assignment, item, chosen, applied=applied, **more)

    def row(self, person=None):
        wanted = (person or self.student).id
        rows = gradebook.rows(self.work, self.ta, self.assignment)
        return next(row for row in rows if row.person.id == wanted)

    def reload(self):
        self.assignment = assignments.offered(self.work, self.ta, self.assignment.slug)

    def shown(self, reader):
        found = submissions.find(self.work, reader, str(self.submission.id))
        run = submissions.latest_run(self.work, reader, found)
        return adjustments.shown_with(self.work, reader, self.assignment, found, run)

    def standing(self, reader=None):
        return assignments.for_student(self.work, reader or self.reader, self.assignment)


@pytest.fixture
def desk(database):
    with database.begin() as work:
        yield Desk(work)


@pytest.fixture
def team(database):
    with database.begin() as work:
        yield Desk(work, team=True)


def test_what_a_person_gives_is_added_and_the_row_says_how_many_items_wait(desk):
    row = desk.row()
    # The mark is of what was judged: nobody's is low because a report waits to be read.
    assert (row.score, row.max_score, row.items_points, row.items_waiting) == (3.0, 9.0, None, 2)
    assert row.mark.label == "half"
    desk.grade("one", "two", free_points=-0.5, comment="The second reason is thin.")
    row = desk.row()
    assert (row.score, row.items_points, row.items_waiting, row.is_adjusted) == (6.5, 3.5, 1, False)
    desk.grade(item="B.more", free_points=2.5)
    row = desk.row()
    # Extra points are not capped, and the most stays what it is without them.
    assert (row.score, row.max_score, row.items_points, row.items_waiting) == (9.0, 9.0, 6.0, 0)
    assert row.mark.label == "right"


@pytest.mark.parametrize(
    ("applied", "free", "points"), [(("vague",), 0, 0.0), (("one", "two"), 3, 4.0), (("one", "vague"), 0.25, 1.25)]
)
def test_an_items_points_stay_between_none_and_its_most(desk, applied, free, points):
    desk.grade(*applied, free_points=free)
    assert desk.row().items_points == points


def test_a_line_that_is_changed_re_scores_everybody_it_was_applied_to(desk):
    other = desk.hand_in(desk.mate)
    desk.grade("one")
    desk.grade("two", submission=other)
    many = items.change_line(desk.work, desk.ta, desk.assignment, "B.why", "one", label="a reason", points=3)
    assert many == 1
    assert (desk.row().score, desk.row(desk.mate).score) == (6.0, 5.0)
    assert items.remove_line(desk.work, desk.ta, desk.assignment, "B.why", "one") == 1
    assert (desk.row().score, desk.row().items_waiting) == (3.0, 1)
    said = [(action, detail) for _, _, action, detail in items.trail(desk.work, desk.ta, desk.assignment)]
    assert said[0][0] == "remove rubric line"
    assert said[1] == ("change rubric line", "B.why one: +2 one reason -> +3 a reason; scored anew: 1")


def test_staff_add_lines_and_a_removed_ones_name_is_not_used_again(desk):
    line = items.add_line(desk.work, desk.ta, desk.assignment, "B.why", label="a figure", points=0.5)
    assert line.key == "r1"
    desk.grade("one", "r1")
    assert desk.row().items_points == 2.5
    items.remove_line(desk.work, desk.ta, desk.assignment, "B.why", "r1")
    assert items.add_line(desk.work, desk.ta, desk.assignment, "B.why", label="a curve", points=1).key == "r2"
    assert desk.row().items_points == 2.0
    with pytest.raises(UnknownThing):
        desk.grade("r1")


def test_a_grading_is_superseded_and_never_edited_and_taken_back_it_waits_again(desk):
    desk.grade("one")
    second = desk.grade("one", "two", who=desk.other_ta)
    kept = desk.work.session.execute(text("SELECT applied FROM gradings ORDER BY id")).scalars().all()
    assert kept == [["one"], ["one", "two"]]
    piece = gradings.open_piece(desk.work, desk.ta, desk.assignment, "B.why", str(desk.submission.id))
    assert (piece.points, piece.held.made_by, [one.made_by for one in piece.earlier]) == (4.0, "Theo", ["Tina"])
    arguments = (desk.work, desk.ta, desk.assignment, "B.why", str(desk.submission.id), second)
    with pytest.raises(BadRequest):
        gradings.withdraw(*arguments, reason=" ")
    gradings.withdraw(*arguments, reason="The wrong student.")
    assert (desk.row().score, desk.row().items_waiting) == (3.0, 2)
    with pytest.raises(UnknownThing):
        gradings.withdraw(*arguments, reason="Twice.")
    trail = [
        action for _, _, action, _ in audit.trail(desk.work, desk.ta, subject_of(desk.assignment, desk.student.id))
    ]
    assert trail == ["withdraw grading", "grade item", "grade item"]


def test_adjustments_late_days_and_an_override_come_after_it_in_that_order(database):
    with database.begin() as work:
        desk = Desk(work, due_at=datetime.now(UTC) - timedelta(hours=1))
        changes = {"extension_days_per_term": 0, "beyond": "penalise", "penalty_per_day": 0.5, "most_penalty": 0.5}
        late_policy.change(work, desk.instructor, desk.assignment, changes, reason="As announced.")
        work.session.execute(text("UPDATE submissions SET late_days = 1"))
        desk.grade("one", "two")
        adjust = {"points": 1, "reason": "Read again."}
        adjustments.adjust(work, desk.ta, desk.assignment, desk.student.id, target=WHOLE, **adjust)
        part = Target(kind=TargetKind.PART, id="B")
        adjustments.adjust(work, desk.ta, desk.assignment, desk.student.id, target=part, points=-9, reason="Copied.")
        # A.one of 1 and B of max(0, 2 + 4 - 9) is 1, one more for the whole is 2, and half of it is lost.
        row = desk.row()
        assert (row.score, row.penalty, row.items_points, row.is_adjusted) == (1.0, 1.0, 4.0, True)
        gradebook.override(work, desk.ta, desk.assignment, desk.student.id, score=8.5, reason="x")
        assert (desk.row().score, desk.row().max_score, desk.row().mark.label) == (8.5, 9.0, "right")


def test_an_assignment_without_items_with_points_is_as_it_was(database):
    with database.begin() as work:
        desk = Desk(work)
        plain = [PART_A, PART_B | {"manual": [{"id": "B.note", "title": "Read"}]}]
        desk.assignment = builders.an_assignment(work, desk.course, definition=builders.a_definition(part=plain))
        desk.submission = desk.hand_in(desk.student, desk.owner)
        before = desk.row()
        assert (before.score, before.max_score, before.items_points, before.items_waiting) == (3.0, 5.0, None, 0)
        desk.grade(item="B.note", comment="Thank you.")
        assert desk.row() == before
        with pytest.raises(BadRequest, match="no points"):
            desk.grade(item="B.note", free_points=1)


def test_a_newer_upload_waits_again_and_a_rerun_keeps_what_was_given(desk):
    desk.grade("one", "two")
    desk.run(desk.submission, lost=())
    assert (desk.row().score, desk.row().items_waiting) == (9.0, 1)
    newer = desk.hand_in(desk.student)
    assert (desk.row().submission, desk.row().score, desk.row().items_waiting) == (str(newer.id), 3.0, 2)


def test_another_spec_version_is_counted_at_once(desk):
    desk.grade("one", "two", free_points=9)
    poorer = PART_B | {"manual": [PART_B["manual"][0] | {"points": 3}]}
    other = builders.an_assignment(
        desk.work, desk.course, definition=builders.a_definition(scale=SCALE, part=[PART_A, poorer])
    )
    course = desk.course
    found = assignments.offer(desk.work, course, other.spec, slug=desk.assignment.slug)
    assert (desk.row().score, desk.row().max_score) == (6.0, 8.0)
    assert found.spec.version == other.spec.version


def test_a_member_of_a_team_may_have_their_own(team):
    team.grade("one", "two")
    assert (team.row().score, team.row(team.mate).score) == (7.0, 7.0)
    own = team.grade("vague", member=team.mate.id, comment="Nothing by this member.")
    assert (team.row().score, team.row(team.mate).score) == (7.0, 3.0)
    # What the team is given later is not the member's.
    team.grade("one")
    assert (team.row().score, team.row(team.mate).score) == (5.0, 3.0)
    gradings.withdraw(
        team.work, team.ta, team.assignment, "B.why", str(team.submission.id), own, reason="It was another's."
    )
    assert team.row(team.mate).score == 5.0
    with pytest.raises(UnknownThing):
        team.grade("one", member=team.ta.id)


def test_a_student_reads_nothing_of_it_until_it_is_released(desk):
    desk.grade("one", comment="Say why.")
    before = desk.shown(desk.reader)
    assert (before.score, before.max_score, before.items) == (None, None, ())
    assert (desk.standing().score, desk.standing().max_score) == (3.0, 5.0)
    lines = submissions.list_submissions(desk.work, desk.reader, submissions.SubmissionQuery()).lines
    assert lines[0].changed is None
    with pytest.raises(NeedsRole):
        items.set_grading(desk.work, desk.ta, desk.assignment, is_released=True)
    items.set_grading(desk.work, desk.instructor, desk.assignment, is_released=True)
    desk.reload()
    after = desk.shown(desk.reader)
    assert (after.score, after.max_score) == (5.0, 9.0)
    told = after.items[0]
    assert (told.points, told.max_points, told.comment, told.lines) == (2.0, 4.0, "Say why.", (("one reason", 2.0),))
    assert told.made_by is None
    assert (desk.standing().score, desk.standing().max_score) == (5.0, 9.0)
    lines = submissions.list_submissions(desk.work, desk.reader, submissions.SubmissionQuery()).lines
    assert (lines[0].changed.score, lines[0].changed.max_score) == (5.0, 9.0)
    items.set_grading(desk.work, desk.instructor, desk.assignment, is_released=False)
    desk.reload()
    assert desk.shown(desk.reader).items == ()
    actions = [action for _, _, action, _ in items.trail(desk.work, desk.ta, desk.assignment)]
    assert actions == ["take items back", "release items"]


def test_what_a_member_was_given_is_not_the_others_to_read(team):
    team.grade("one")
    team.grade("two", member=team.mate.id, comment="For Bob alone.")
    items.set_grading(team.work, team.instructor, team.assignment, is_released=True)
    team.reload()
    assert team.shown(team.reader).items[0].comment == ""
    assert team.shown(team.mates_reader).items[0].comment == "For Bob alone."


def test_two_graders_do_not_take_the_same_and_none_waits_for_ever(desk):
    other = desk.hand_in(desk.mate)
    first = gradings.take_next(desk.work, desk.ta, desk.assignment, "B.why")
    second = gradings.take_next(desk.work, desk.other_ta, desk.assignment, "B.why")
    assert {first.submission, second.submission} == {str(desk.submission.id), str(other.id)}
    assert gradings.take_next(desk.work, desk.instructor, desk.assignment, "B.why") is None
    # Another item is another question.
    assert gradings.take_next(desk.work, desk.instructor, desk.assignment, "B.more") is not None
    again = gradings.take_next(desk.work, desk.ta, desk.assignment, "B.why")
    assert again.submission == first.submission
    with pytest.raises(AlreadyGraded, match="Theo has this before them"):
        gradings.grade(desk.work, desk.ta, desk.assignment, "B.why", second.submission, applied=["one"])
    desk.work.session.execute(text("UPDATE grading_claims SET until = clock_timestamp() - interval '1 second'"))
    gradings.grade(desk.work, desk.ta, desk.assignment, "B.why", second.submission, applied=["one"])
    with pytest.raises(AlreadyGraded, match="meanwhile"):
        gradings.grade(desk.work, desk.other_ta, desk.assignment, "B.why", second.submission, newest=0)
    gradings.give_back(desk.work, desk.ta, desk.assignment, "B.why", first.submission)
    third = gradings.take_next(desk.work, desk.other_ta, desk.assignment, "B.why", after=second.submission)
    assert third.submission == first.submission


def test_progress_says_how_many_are_done_by_whom(desk):
    other = desk.hand_in(desk.mate)
    desk.grade("one")
    gradings.take_next(desk.work, desk.other_ta, desk.assignment, "B.why")
    found = {one.item.id: one for one in gradings.progress(desk.work, desk.ta, desk.assignment)}
    why = found["B.why"]
    assert (why.total, why.graded, why.waiting, why.claimed, why.by) == (2, 1, 1, 1, (("Tina", 1),))
    assert found["B.note"].by == ()
    desk.grade("one", who=desk.other_ta, submission=other)
    lines = gradings.list_pieces(desk.work, desk.ta, desk.assignment, "B.why")
    assert {(one.submission, one.graded_by) for one in lines} == {
        (str(desk.submission.id), "Tina"), (str(other.id), "Theo"),
    }  # fmt: skip


def test_while_it_is_blind_nothing_says_whose_work_it_is(team):
    piece = gradings.take_next(team.work, team.ta, team.assignment, "B.why")
    assert (piece.whose, [one.name for one in piece.members]) == ("", ["Member 1", "Member 2"])
    team.grade("one", member=team.mate.id)
    for name in ("Ada", "Bob", team.team.name, "work.py"):
        assert name not in repr(gradings.open_piece(team.work, team.ta, team.assignment, "B.why", piece.submission))
        assert name not in repr(gradings.list_pieces(team.work, team.ta, team.assignment, "B.why"))
    with pytest.raises(NeedsRole):
        items.set_grading(team.work, team.ta, team.assignment, is_blind=False)
    items.set_grading(team.work, team.instructor, team.assignment, is_blind=False)
    team.reload()
    piece = gradings.open_piece(team.work, team.ta, team.assignment, "B.why", piece.submission)
    assert (piece.whose, [one.name for one in piece.members]) == (team.team.name, ["Ada", "Bob"])
    said = [(action, detail) for _, _, action, detail in items.trail(team.work, team.ta, team.assignment)]
    assert said == [("set blind grading", "off")]


def test_comments_are_kept_once_for_an_item(desk):
    arguments = (desk.work, desk.ta, desk.assignment, "B.why")
    kept = items.keep_comment(*arguments, "Say why.")
    assert items.keep_comment(*arguments, " Say why. ") == kept
    assert [(one.text, one.made_by) for one in items.comments(*arguments)] == [("Say why.", "Tina")]
    assert items.comments(desk.work, desk.ta, desk.assignment, "B.more") == []
    items.remove_comment(*arguments, kept)
    assert items.comments(*arguments) == []
    for bad in (" ", "x" * 4001):
        with pytest.raises(BadRequest):
            items.keep_comment(*arguments, bad)
    with pytest.raises(UnknownThing):
        items.remove_comment(*arguments, kept)


class TestTheMarkOfAPerson:
    def give(self, desk, value=5, who=None, person=None, **more):
        person = desk.student.id if person is None else person
        more = {"reason": "A new idea."} | more
        given_marks.give(desk.work, who or desk.ta, desk.assignment, person, value=value, **more)

    def test_it_counts_while_its_share_is_reached(self, desk):
        with pytest.raises(BadRequest, match="at least 70%"), desk.work.session.begin_nested():
            self.give(desk)
        assert desk.row().given_mark is None or desk.row().mark.value == 1
        desk.run(desk.submission, lost=())
        self.give(desk)
        assert (desk.row().mark.value, desk.row().mark.label, desk.row().given_mark) == (5.0, "creative", 5.0)
        assert (desk.shown(desk.reader).mark.value, desk.shown(desk.reader).mark_given.reason) == (5.0, "A new idea.")
        assert desk.shown(desk.reader).mark_given.made_by == ""
        desk.run(desk.submission)
        assert (desk.row().mark.value, desk.row().given_mark) == (1.0, 5.0)
        gradebook.override(desk.work, desk.ta, desk.assignment, desk.student.id, score=7, reason="x")
        assert desk.row().mark.value == 5.0

    def test_taken_back_the_mark_follows_from_the_points(self, desk):
        desk.run(desk.submission, lost=())
        self.give(desk)
        given_marks.take_back(desk.work, desk.ta, desk.assignment, desk.student.id, reason="It is from the web.")
        assert (desk.row().mark.value, desk.row().given_mark) == (4.0, None)
        with pytest.raises(UnknownThing):
            given_marks.take_back(desk.work, desk.ta, desk.assignment, desk.student.id, reason="Twice.")
        subject = subject_of(desk.assignment, desk.student.id)
        trail = [(action, detail) for _, _, action, detail in audit.trail(desk.work, desk.ta, subject)]
        assert trail == [("take mark back", "5: It is from the web."), ("give mark", "5 (creative): A new idea.")]

    def test_for_the_team_or_one_of_it(self, team):
        team.run(team.submission, lost=())
        self.give(team, for_member=True)
        assert (team.row().mark.value, team.row(team.mate).mark.value) == (5.0, 4.0)
        self.give(team)
        assert team.row(team.mate).mark.value == 5.0

    def test_only_marks_of_the_scale_with_a_reason_and_by_staff(self, desk):
        desk.run(desk.submission, lost=())
        for more in ({"value": 4}, {"reason": " "}):
            with pytest.raises(BadRequest):
                self.give(desk, **more)
        with pytest.raises(BadRequest, match="Nothing of theirs"):
            self.give(desk, person=desk.mate.id)
        for reader in (desk.reader, desk.stranger):
            with pytest.raises(NeedsRole):
                self.give(desk, who=reader)
            with pytest.raises(NeedsRole):
                given_marks.take_back(desk.work, reader, desk.assignment, desk.student.id, reason="x")
            with pytest.raises(NeedsRole):
                given_marks.held(desk.work, reader, desk.assignment, desk.student.id)


@pytest.mark.parametrize("who", ["reader", "mates_reader", "stranger"])
def test_students_and_other_courses_staff_do_nothing_of_it(desk, who):
    reader, work, submission = getattr(desk, who), desk.work, str(desk.submission.id)
    offered, item = desk.assignment, "B.why"
    for call in (
        lambda: items.of_assignment(work, reader, offered),
        lambda: items.add_line(work, reader, offered, item, label="x", points=1),
        lambda: items.change_line(work, reader, offered, item, "one", label="x", points=1),
        lambda: items.remove_line(work, reader, offered, item, "one"),
        lambda: items.comments(work, reader, offered, item),
        lambda: items.keep_comment(work, reader, offered, item, "x"),
        lambda: items.remove_comment(work, reader, offered, item, 1),
        lambda: items.set_grading(work, reader, offered, is_blind=False),
        lambda: gradings.progress(work, reader, offered),
        lambda: gradings.list_pieces(work, reader, offered, item),
        lambda: gradings.take_next(work, reader, offered, item),
        lambda: gradings.open_piece(work, reader, offered, item, submission),
        lambda: gradings.give_back(work, reader, offered, item, submission),
        lambda: gradings.grade(work, reader, offered, item, submission),
        lambda: gradings.withdraw(work, reader, offered, item, submission, 1, reason="x"),
    ):
        with pytest.raises(NeedsRole):
            call()
    assert desk.row().score == 3.0


def test_what_counts_for_nobody_is_not_there_to_grade(desk):
    older = UUID(str(desk.submission.id))
    desk.hand_in(desk.student)
    for submission in (str(older), "nonsense", str(UUID(int=1))):
        with pytest.raises(UnknownThing):
            gradings.grade(desk.work, desk.ta, desk.assignment, "B.why", submission)
    with pytest.raises(UnknownThing):
        gradings.take_next(desk.work, desk.ta, desk.assignment, "none")


class TestBesideOlderCode:
    """As while a service is upgraded: another version writes over the same database."""

    def test_its_refresh_of_the_same_run_keeps_the_score_with_items(self, desk):
        desk.grade("one")
        for code, expected in (("0009", 5.0), ("", 5.0), ("0010", 3.0)):
            desk.work.session.execute(text("SELECT set_config('grader.code', :code, true)"), {"code": code})
            desk.work.session.execute(text("UPDATE gradebook_entries SET score = 3, max_score = 5"))
            found = desk.work.session.execute(text("SELECT score, max_score FROM gradebook_entries")).one()
            assert tuple(found) == (expected, 5.0 if code == "0010" else 9.0), code

    def test_its_worker_is_refused_what_it_would_score_without(self, desk):
        run = desk.work.session.execute(text("SELECT id FROM runs")).scalar_one()
        insert = """INSERT INTO run_stages (run_id, stage, assignment_id, owner, queue)
                    VALUES (:run, 'gate', :assignment, :owner, 'cpu')"""
        values = {"run": run, "assignment": desk.assignment.id, "owner": desk.owner}
        desk.work.session.execute(text(insert), values)
        made = desk.grade("one")
        desk.work.session.execute(text("SELECT set_config('grader.code', '0009', true)"))
        lease = text("UPDATE run_stages SET state = 'leased'")
        with pytest.raises(Exception, match="too old"), desk.work.session.begin_nested():
            desk.work.session.execute(lease)
        gradings.withdraw(desk.work, desk.ta, desk.assignment, "B.why", str(desk.submission.id), made, reason="A slip.")
        desk.work.session.execute(lease)
