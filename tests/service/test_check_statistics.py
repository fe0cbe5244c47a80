"""How each check does: discrimination, notes, flaky checks; how long full marks took; what stages took."""

from __future__ import annotations

import random
import statistics as numbers
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from grader.domain.check import Stage
from grader.domain.course import Role
from grader.domain.ids import AssignmentId, Owner
from grader.domain.statistics import FEWEST_RUNS, SENTENCES, CheckNote, note_on
from grader.service import gradebook
from grader.storage.models import MembershipRow, StageRow
from tests import builders

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
PLAN = builders.a_plan()
GATE, ONE, TWO, LEARNS = PLAN
HOUR = timedelta(hours=1)


class World:
    def __init__(self, work):
        self.work = work
        self.course = builders.a_course(work)
        self.assignment = builders.an_assignment(work, self.course)
        ta = builders.a_person(work, self.course, Role.TA)
        self.ta = builders.a_reader(ta, self.course, role=Role.TA)

    def student(self, **values):
        return builders.a_person(self.work, self.course, **values)

    def hand_in(self, person, statuses=(), *, at=START, owner=None, score=1.0, **run):
        submission = builders.a_submission(
            self.work, self.assignment, person, owner=owner or f"p{person.id}", received_at=at
        )
        self.run(submission, statuses, score=score, **run)
        gradebook.refresh(self.work, AssignmentId(self.assignment.id), Owner(submission.owner))
        return submission

    def run(self, submission, statuses=(), *, assignment=None, score=1.0, **run):
        made = builders.a_run(self.work, assignment or self.assignment, submission, score=score, **run)
        for check, status in zip(PLAN, statuses, strict=False):
            builders.a_check_result(self.work, made, check, status)
        return made

    def many(self, rows):
        """A student for each row of verdicts, given as `P` passed, `f` failed, `s` skipped."""
        words = {"P": "passed", "f": "failed", "s": "skipped"}
        for row in rows:
            self.hand_in(self.student(), [words[letter] for letter in row])

    def figures(self):
        return gradebook.statistics(self.work, self.ta, self.assignment)

    def check(self, name):
        return next(rate for rate in self.figures().checks if rate.id == name)


@pytest.fixture
def world(database):
    with database.begin() as work:
        yield World(work)


class TestDiscrimination:
    def test_it_is_the_correlation_of_passing_with_the_points_of_all_other_checks(self, world):
        dice = random.Random(3)
        rows = ["".join(dice.choice("Pf") for _ in PLAN) for _ in range(25)]
        world.many(rows)
        for index, check in enumerate(PLAN):
            others = [other for other in PLAN if other is not check]
            possible = sum(other.points for other in others)
            elsewhere = [
                sum(other.points for other in others if row[PLAN.index(other)] == "P") / possible for row in rows
            ]
            passing = [float(row[index] == "P") for row in rows]
            assert world.check(check.id).discrimination == round(numbers.correlation(passing, elsewhere), 2)

    def test_a_checks_own_points_do_not_speak_for_it(self, world):
        # Passing B is a coin: half of the strong and half of the weak pass it, though its points raise the total.
        world.many(["PPPP", "PPPf", "PffP", "Pfff"] * 5)
        assert world.check("B.learns").discrimination == 0.0
        assert world.check("A.one").discrimination > 0.5

    def test_a_skipped_check_was_not_judged(self, world):
        world.many(["PPPP"] * 6 + ["PffP"] * 6 + ["PPfs"] * 8)
        learns = world.check("B.learns")
        assert (learns.passed, learns.judged, learns.note) == (12, 12, CheckNote.ALWAYS_PASSED)

    def test_too_few_students_give_a_sentence_and_no_figure(self, world):
        world.many(["PPPP", "Pfff"] * 4 + ["PPPP"])
        one = world.check("A.one")
        assert one.judged == FEWEST_RUNS - 1
        assert (one.discrimination, one.note) == (None, CheckNote.TOO_FEW)
        assert one.sentence.startswith("Fewer than 10 counting runs")
        world.many(["PPPP"])
        assert world.check("A.one").discrimination == 1.0
        assert world.check("A.one").sentence == ""

    def test_an_untouched_assignment_says_too_few_of_every_check(self, world):
        assert {rate.note for rate in world.figures().checks} == {CheckNote.TOO_FEW}

    def test_the_same_points_elsewhere_whatever_their_order_are_no_spread(self, world):
        world.many(["PPff", "Pfff"] * 6)
        one = world.check("A.one")
        assert (one.discrimination, one.note) == (None, CheckNote.NO_SPREAD)


class TestNotes:
    def test_what_almost_nobody_passes_asks_whether_it_is_wrong(self, world):
        world.many(["PfPP", "PfPf"] * 9 + ["PPPP"] * 2)
        assert world.check("A.one").note is CheckNote.HARDLY_PASSED
        assert "is the check wrong" in world.check("A.one").sentence
        world.many(["PPPP"])
        assert world.check("A.one").note is None

    def test_what_the_weaker_pass_is_inverse(self, world):
        world.many(["PPff", "PfPP"] * 6)
        one = world.check("A.one")
        assert (one.discrimination, one.note) == (-1.0, CheckNote.INVERSE)

    @pytest.mark.parametrize(
        ("passed", "judged", "correlation", "note"),
        [
            (0, 0, None, CheckNote.TOO_FEW),
            (9, 9, None, CheckNote.TOO_FEW),
            (10, 10, None, CheckNote.ALWAYS_PASSED),
            (1, 10, 0.4, CheckNote.HARDLY_PASSED),
            (0, 10, None, CheckNote.HARDLY_PASSED),
            (2, 10, None, CheckNote.NO_SPREAD),
            (2, 10, 0.0, None),
            # Two spreads: 2/3 among ten, 0.2 among a hundred and one.
            (5, 10, -0.6, None),
            (5, 10, -0.7, CheckNote.INVERSE),
            (50, 101, -0.19, None),
            (50, 101, -0.21, CheckNote.INVERSE),
        ],
    )
    def test_the_first_that_holds_is_given(self, passed, judged, correlation, note):
        assert note_on(passed, judged, correlation) is note

    def test_each_has_a_sentence(self):
        assert set(SENTENCES) == set(CheckNote)


class TestFlaky:
    def test_different_verdicts_by_one_spec_version_are_listed_with_counts(self, world):
        steady = world.hand_in(world.student(), ["passed"] * 4)
        world.run(steady, ["passed"] * 4, reason="rerun")
        lucky = world.hand_in(world.student(), ["passed", "passed", "failed", "passed"])
        world.run(lucky, ["passed", "passed", "passed", "passed"], reason="rerun")
        world.run(lucky, ["passed", "passed", "timeout", "passed"], reason="rerun")
        world.hand_in(world.student(), ["passed", "failed", "failed", "failed"])
        (found,) = world.figures().flaky
        assert (found.id, found.title, found.part) == ("A.two", "Two", "A")
        assert (found.differing, found.repeated, found.runs, found.passed) == (1, 2, 3, 1)
        assert [UUID(one) for one in found.examples] == [lucky.id]

    def test_what_differs_most_often_comes_first_with_some_examples(self, world):
        for index in range(7):
            one = world.hand_in(world.student(), ["passed", "passed", "passed"])
            world.run(one, ["passed", "failed" if index == 0 else "passed", "error"], reason="mass-rerun")
        found = world.figures().flaky
        assert [(check.id, check.differing, len(check.examples)) for check in found] == [
            ("A.two", 7, 5),
            ("A.one", 1, 1),
        ]

    def test_other_versions_skipped_checks_and_unfinished_runs_say_nothing(self, world):
        submission = world.hand_in(world.student(), ["passed", "passed", "passed", "passed"])
        newer = builders.an_assignment(world.work, world.course)
        world.run(submission, ["passed", "failed", "passed", "passed"], assignment=newer, reason="rerun")
        world.run(submission, ["passed", "passed", "skipped", "skipped"], reason="rerun")
        world.run(submission, ["failed", "failed", "failed"], score=None, state="failed", reason="rerun")
        assert world.figures().flaky == ()

    def test_another_assignments_runs_say_nothing(self, world):
        other = builders.an_assignment(world.work, world.course)
        submission = builders.a_submission(world.work, other, world.student())
        for status in ("passed", "failed"):
            world.run(submission, [status], assignment=other)
        assert world.figures().flaky == ()


class TestFullMarks:
    def test_time_and_uploads_are_from_the_first_upload_to_the_first_with_full_marks(self, world):
        quick, slow, never = (world.student() for _ in range(3))
        world.hand_in(quick, score=5.0)
        # What comes afterwards changes nothing.
        world.hand_in(quick, at=START + 9 * HOUR, score=1.0)
        for hours, score in enumerate((1.0, 4.9, 5.0, 5.0)):
            world.hand_in(slow, at=START + hours * HOUR, score=score)
        world.hand_in(never, score=4.0)
        found = world.figures().full_marks
        assert (found.owners, found.reached) == (3, 2)
        assert (found.median_s, found.median_uploads) == (3600.0, 2.0)
        assert (found.p90_s, found.p90_uploads) == (pytest.approx(6480.0), pytest.approx(2.8))
        assert {count: owners for count, owners in found.uploads if owners} == {1: 1, 3: 1}

    def test_extra_credit_is_full_marks_too_and_many_uploads_share_the_last_bar(self, world):
        person = world.student()
        for index in range(12):
            world.hand_in(person, at=START + index * HOUR, score=6.0 if index == 11 else 1.0)
        found = world.figures().full_marks
        assert (found.reached, found.median_uploads, found.p90_s) == (1, 12.0, 11 * 3600.0)
        assert found.uploads[-1] == (10, 1)

    def test_a_team_is_one_and_a_rerun_by_a_mended_spec_speaks_for_its_upload(self, world):
        team = builders.a_team(world.work, world.course)
        mates = [world.student(team_id=team.id) for _ in range(3)]
        first = world.hand_in(mates[0], owner=f"t{team.id}", score=4.0, created_at=START)
        world.hand_in(mates[1], owner=f"t{team.id}", at=START + HOUR, score=5.0)
        assert world.figures().full_marks.median_uploads == 2.0
        world.run(first, score=5.0, created_at=START + 2 * HOUR, reason="rerun")
        found = world.figures().full_marks
        assert (found.owners, found.reached, found.median_uploads, found.median_s) == (1, 1, 1.0, 0.0)

    def test_nobody_is_not_nothing(self, world):
        assert world.figures().full_marks.owners == 0
        world.hand_in(world.student(), score=1.0)
        found = world.figures().full_marks
        assert (found.owners, found.reached, found.median_s, found.p90_uploads) == (1, 0, None, None)

    def test_staff_and_whoever_left_are_not_among_them(self, world):
        world.hand_in(builders.a_person(world.work, world.course, Role.TA), score=5.0)
        gone = world.student()
        world.hand_in(gone, score=5.0)
        world.work.session.get(MembershipRow, (world.course.id, gone.id)).left_at = START
        world.work.session.flush()
        assert (world.figures().full_marks.owners, world.figures().full_marks.reached) == (0, 0)


class TestStages:
    def a_stage(self, world, stage, seconds, *, state="done", **run):
        submission = world.hand_in(world.student(), **run)
        made = world.run(submission, **run)
        world.work.session.add(
            StageRow(
                run_id=made.id, stage=stage, assignment_id=world.assignment.id, owner=submission.owner, queue="cpu",
                state=state, started_at=START, finished_at=START + timedelta(seconds=seconds),
            )
        )  # fmt: skip
        world.work.session.flush()

    def test_each_stage_has_its_times_and_its_gpu_seconds(self, world):
        for seconds in (1.0, 2.0, 6.0):
            self.a_stage(world, "unit", seconds)
        self.a_stage(world, "train", 100.0, facts={"train": {"gpu_s": 45.0}, "unit": {"gpu_s": 7.0}})
        self.a_stage(world, "train", 50.0, facts={"train": {"gpu_s": 15.5}})
        self.a_stage(world, "train", 70.0, facts={"train": {"gpu_s": None}})
        self.a_stage(world, "gate", 9.0, state="failed", facts={"gate": {"gpu_s": 9.0}})
        found = world.figures()
        assert [(one.stage, one.runs, one.median_s, one.total_s, one.gpu_s) for one in found.stages] == [
            (Stage.UNIT, 3, 2.0, 9.0, 0.0),
            (Stage.TRAIN, 3, 70.0, 220.0, 60.5),
        ]
        assert found.stages[0].p95_s == pytest.approx(5.6)
        assert found.gpu_s == 60.5

    def test_nothing_graded_is_no_stage(self, world):
        assert world.figures().stages == ()
