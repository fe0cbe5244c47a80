"""A spec version tried before it is published: who may, who sees nothing, what it foretells, and what publishing does."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from grader.domain.adjustment import Target, TargetKind
from grader.domain.check import CheckStatus, Stage
from grader.domain.course import Role, Scope
from grader.domain.errors import AlreadyExists, BadRequest, ConflictError, NeedsRole, NeedsScope, NotYours, UnknownThing
from grader.domain.grading import Queue
from grader.domain.submission import Upload
from grader.domain.trial import Direction, TrialScope, TrialState
from grader.formats.trials import to_trial_csv
from grader.service import adjustments, gradebook, retention, runs, statistics, submissions, trials
from grader.service.retention import Policy
from grader.storage.blobs import Blobs
from grader.storage.models import CourseRow
from grader.storage.repositories import personal as personal_rows
from tests.builders import a_course, a_definition, a_person, a_plan, a_reader, an_assignment
from tests.service.test_queue_stages import a_report, claim, finish

FAILED, ERROR = CheckStatus.FAILED, CheckStatus.ERROR


class Bench:
    """An assignment with students whose work is graded, and another version of its spec."""

    def __init__(self, database, students: int = 2, **overrides) -> None:
        self.database = database
        with database.begin() as work:
            self.course, other = a_course(work), a_course(work)
            self.assignment = an_assignment(work, self.course, **overrides)
            scale = {"step": [{"share": 0.0, "value": 0, "label": "none"}, {"share": 0.9, "value": 5, "label": "top"}]}
            self.newer = an_assignment(work, other, definition=a_definition(scale=scale)).spec
            self.students = [a_reader(a_person(work, self.course, name=f"S{n}"), self.course) for n in range(students)]
            self.ta = a_reader(a_person(work, self.course, Role.TA), self.course, role=Role.TA)
            self.teacher = a_reader(a_person(work, self.course, Role.INSTRUCTOR), self.course, role=Role.INSTRUCTOR)
            self.stranger = a_reader(a_person(work, other, Role.INSTRUCTOR), other, role=Role.INSTRUCTOR)
        self.handed = [self.hand_in(n) for n in range(students)]
        self.judge(*[{"A_two": FAILED}] * students)

    def hand_in(self, student: int, content: int = 0) -> str:
        with self.database.begin() as work:
            upload = Upload(name="model.py", sha256=f"{content + student:064x}", size_bytes=10)
            return submissions.receive(work, self.students[student], self.assignment, upload).id

    def judge(self, *by_student) -> None:
        """All that waits, to its end; of each student's work, what is not passed."""
        while (claimed := claim(self.database)) is not None:
            number = self.handed.index(claimed.submission) if claimed.submission in self.handed else 0
            statuses = by_student[number] if number < len(by_student) else {}
            stages = (Stage.TRAIN,) if claimed.lease.stage is Stage.TRAIN else (Stage.GATE, Stage.UNIT)
            finish(self.database, claimed.lease, a_report(*stages, **statuses))

    def do(self, what, *arguments, reader=None, **options):
        with self.database.begin() as work:
            return what(work, reader or self.ta, self.assignment, *arguments, **options)

    def begin(self, **options):
        return self.do(trials.begin, self.newer, **({"reason": "A two was wrong"} | options))

    def publish(self, trial, **options):
        return self.do(trials.publish, trial.id, reader=self.teacher, **({"reason": "as seen"} | options))

    def report(self, trial):
        return self.do(trials.report, trial.id)

    def scores(self):
        return [row.score for row in self.do(gradebook.rows)]

    def shown(self, student: int, reader=None):
        who = reader or self.students[student]
        with self.database.begin() as work:
            return submissions.latest_run(work, who, submissions.find(work, who, self.handed[student]))

    def everything_else(self):
        """All that a trial must leave as it is."""
        with self.database.begin() as work:
            watched = {
                table: work.session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
                for table in ("progress_events", "notices", "gradebook_entries")
            }
            one = self.students[0]
            shown = [
                submissions.line_of(work, who, submissions.find(work, who, self.handed[0])) for who in (one, self.ta)
            ]
            lists = [
                run.id for run in submissions.runs_of(work, self.ta, submissions.find(work, self.ta, self.handed[0]))
            ]
            figures = statistics.statistics(work, self.ta, self.assignment)
            about = personal_rows.rows_about(work, one.id)
        return watched, shown, lists, figures, about, self.scores(), [self.shown(n) for n in range(len(self.students))]


@pytest.fixture
def bench(database):
    return lambda *arguments, **options: Bench(database, *arguments, **options)


def test_a_trial_tells_what_would_change_and_changes_nothing(bench):
    made = bench()
    before = made.everything_else()
    trial = made.begin()
    made.judge({}, {"A_one": FAILED, "A_two": FAILED})
    report = made.report(trial)
    assert made.everything_else() == before
    assert (report.totals.up, report.totals.down, report.totals.new_failures) == (1, 1, 1)
    by_owner = {line.owner: line for line in report.lines}
    up, down = by_owner["S0"], by_owner["S1"]
    assert (up.direction, down.direction) == (Direction.UP, Direction.DOWN)
    assert [(check.id, check.before.status, check.after.status, check.points) for check in up.checks] == [
        ("A.two", FAILED, CheckStatus.PASSED, 2.0)
    ]
    assert [check.id for check in down.checks] == ["A.one"]
    (person,) = up.people
    # By the tried version's own scale.
    assert (person.before, person.after, person.after_mark.value) == (3.0, 5.0, 5)
    assert [(one.id, one.up, one.down) for one in report.checks] == [("A.one", 0, 1), ("A.two", 1, 0)]
    assert "A.two" in to_trial_csv(report) and to_trial_csv(report).count("\r\n") == 3


def test_adjustments_and_late_days_are_in_what_would_count(bench, database):
    made = bench(1)
    with database.begin() as work:
        target = Target(kind=TargetKind.CHECK, id="A.two")
        adjustments.adjust(work, made.ta, made.assignment, made.students[0].id, target=target, points=1, reason="half")
    trial = made.begin()
    made.judge()
    (line,) = made.report(trial).lines
    assert (line.before.score, line.after.score) == (3.0, 5.0)
    # The check's adjustment cannot lift it above its points.
    assert (line.people[0].before, line.people[0].after) == (4.0, 5.0)
    made.publish(trial)
    assert made.scores() == [5.0]


def test_publishing_makes_the_runs_real_without_running_anything(bench, database):
    made = bench()
    before = [made.shown(n).id for n in range(2)]
    trial = made.begin()
    made.judge({}, {"A_two": FAILED})
    foretold = [line.people[0].after for line in made.report(trial).lines if line.people]
    done = made.publish(trial)
    assert (done.state, done.ended_reason) == (TrialState.PUBLISHED, "as seen")
    assert claim(database) is None
    assert sorted(made.scores()) == [3.0, 5.0] and 5.0 in foretold
    with database.begin() as work:
        found = submissions.find(work, made.ta, made.handed[0])
        history = submissions.runs_of(work, made.ta, found)
    assert [run.id for run in history][1:] == before[:1]
    assert made.shown(0).spec_version == made.newer.version
    with database.begin() as work:
        # As a rerun's: no second e-mail.
        assert work.session.execute(text("SELECT count(*) FROM notices WHERE mails")).scalar_one() == 2
        trail = work.session.execute(text("SELECT action, detail FROM audit_events ORDER BY id DESC LIMIT 1")).one()
    assert trail[0] == "publish trial" and "as seen" in trail[1]
    with pytest.raises(ConflictError, match="is published already"):
        made.do(trials.drop, trial.id, reason="too late")


def test_what_came_meanwhile_is_missing_and_is_queued_by_publishing(bench, database):
    made = bench(1)
    trial = made.begin()
    late = made.hand_in(0, content=7)
    # The student's upload goes before the trial.
    first = claim(database)
    assert first.submission == late
    finish(database, first.lease, a_report(Stage.GATE, Stage.UNIT))
    trained = claim(database, Queue.CPU)
    assert trained.submission == late
    finish(database, trained.lease, a_report(Stage.TRAIN))
    made.judge()
    report = made.report(trial)
    assert (report.totals.missing, {line.submission for line in report.lines if line.after is None}) == (1, {late})
    made.publish(trial)
    queued = claim(database)
    assert (queued.submission, queued.spec_version, queued.queue) == (late, made.newer.version, Queue.RERUN)


def test_an_error_is_told_as_one_and_published_only_on_purpose(bench):
    made = bench()
    trial = made.begin()
    with pytest.raises(ConflictError, match="2 of 2 submissions are still being tried"):
        made.publish(trial)
    made.judge({"A_one": ERROR})
    report = made.report(trial)
    assert (report.totals.error, report.totals.down, report.totals.up) == (1, 0, 1)
    with pytest.raises(ConflictError, match="an error for 1 of 2"):
        made.publish(trial)
    assert made.publish(trial, despite_errors=True).state is TrialState.PUBLISHED


def test_a_broken_spec_fails_its_runs_and_nobody_gets_a_zero(bench, database):
    made = bench(1)
    trial = made.begin()
    with database.begin() as work:
        runs.give_up_stage(work, claim(database).lease, "BadSpec: no part B", again=False)
    (line,) = made.report(trial).lines
    assert (line.direction, line.after.score, line.after.message) == (Direction.ERROR, None, "BadSpec: no part B")
    assert made.publish(trial, despite_errors=True).state is TrialState.PUBLISHED
    assert made.scores() == [3.0]


def test_a_dropped_trial_runs_no_further_and_goes_with_the_next_retention(bench, database, tmp_path):
    made = bench()
    trial = made.begin()
    held = claim(database)
    dropped = made.do(trials.drop, trial.id, reason="a slip")
    assert dropped.state is TrialState.DROPPED
    assert claim(database) is None
    with database.begin() as work, pytest.raises(ConflictError):
        runs.finish_stage(work, held.lease, a_report(Stage.GATE, Stage.UNIT))
    with database.begin() as work:
        runs.sweep(work, again_s=(0.0,))
    assert claim(database) is None
    retention.apply(database, Blobs(str(tmp_path)), Policy())
    with database.begin() as work:
        assert work.session.execute(text("SELECT count(*) FROM runs WHERE trial_id IS NOT NULL")).scalar_one() == 0
    assert made.scores() == [3.0, 3.0]
    assert made.begin().state is TrialState.OPEN


def test_two_at_a_time_are_refused_and_so_is_what_says_too_little(bench, database):
    made = bench(1)
    with pytest.raises(BadRequest, match="why"):
        made.begin(reason=" ")
    with database.begin() as work:
        elsewhere = an_assignment(work, made.course, definition=a_definition(slug="other"))
    with pytest.raises(BadRequest, match="only versions of the spec tiny"):
        made.do(trials.begin, elsewhere.spec, reason="x")
    made.begin()
    with pytest.raises(AlreadyExists, match="is open; publish or drop it first"):
        made.begin()


def test_an_assignment_that_moved_on_is_not_published_over(bench, database):
    from grader.service import assignments

    made = bench(1)
    trial = made.begin()
    made.judge()
    with database.begin() as work:
        third = an_assignment(work, made.course).spec
        course = work.session.get_one(CourseRow, made.course.id)
        made.assignment = assignments.offer(work, course, third, slug=made.assignment.slug)
    with pytest.raises(ConflictError, match="has moved to spec version"):
        made.publish(trial)


def test_all_submissions_are_tried_on_request(bench):
    made = bench(1)
    made.hand_in(0, content=9)
    made.judge()
    trial = made.begin(scope=TrialScope.ALL)
    assert len(made.report(trial).lines) == 2


def test_each_role_against_each_action(bench, database):
    made = bench(1)
    trial = made.begin()
    made.judge()
    student = made.students[0]
    narrow = a_reader_with(made.ta, Scope.READ)
    for what, arguments, options in (
        (trials.begin, (made.newer,), {"reason": "x"}), (trials.find, (trial.id,), {}), (trials.list_trials, (), {}),
        (trials.report, (trial.id,), {}), (trials.publish, (trial.id,), {"reason": "x"}),
        (trials.drop, (trial.id,), {"reason": "x"}), (trials.versions, (), {}),
    ):  # fmt: skip
        for who in (student, made.stranger):
            with pytest.raises(NeedsRole):
                made.do(what, *arguments, reader=who, **options)
    with pytest.raises(NeedsRole):
        made.do(trials.publish, trial.id, reader=made.ta, reason="x")
    with pytest.raises(NeedsScope):
        made.do(trials.drop, trial.id, reader=narrow, reason="x")
    with pytest.raises(UnknownThing):
        made.do(trials.find, trial.id + 1)


def a_reader_with(reader, *scopes):
    from dataclasses import replace

    return replace(reader, scopes=frozenset(scopes))


def test_a_picture_of_a_trial_is_for_staff(bench, database):
    made = bench(1)
    made.begin()
    claimed = claim(database)
    picture = runs.ArtifactToKeep(check="A.one", name="p", kind="picture", title="p", sha256="e" * 64, size_bytes=1)
    with database.begin() as work:
        results = [one for one in a_report(Stage.GATE, Stage.UNIT).checks if one.id == "A.one"]
        runs.record_checks(work, claimed.lease, results, [picture])
        drawn = str(work.session.execute(text("SELECT id FROM artifacts")).scalar_one())
        assert submissions.artifact_for(work, made.ta, drawn)[1] == "e" * 64
        for who in (made.students[0], made.stranger):
            with pytest.raises(NotYours):
                submissions.artifact_for(work, who, drawn)
    assert a_plan()
