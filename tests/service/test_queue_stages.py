"""From claim to score: which stage follows which, and when a run has a score at all."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from grader.domain.check import CheckStatus, Stage
from grader.domain.errors import LeaseLost
from grader.domain.grading import Queue
from grader.domain.ids import Sha256, Slug
from grader.domain.run import RunReport, RunStatus
from grader.domain.submission import Upload
from grader.service import progress, runs, submissions
from tests.builders import a_course, a_definition, a_person, a_plan, a_reader, a_result, an_assignment

GATE, UNIT, TRAIN = (Stage.GATE,), (Stage.UNIT,), (Stage.TRAIN,)


def a_report(
    *stages: Stage, status: RunStatus = RunStatus.GRADED, plan=None, message: str = "", **changed
) -> RunReport:
    """Everything of these stages passed, but for what `changed` gives another status."""
    checks = [definition for definition in (plan or a_plan()) if definition.stage in stages]
    results = tuple(
        a_result(check, changed.get(str(check.id).replace(".", "_"), CheckStatus.PASSED)) for check in checks
    )
    return RunReport(
        assignment=Slug("tiny"), spec_version="v", file="model.py", sha256=Sha256("0" * 64), files=(), status=status,
        score=None, max_score=5.0, mark=None, checks=results, message=message,
    )  # fmt: skip


def claim(database, *queues: Queue):
    with database.begin() as work:
        return runs.claim(work, queues=queues or (Queue.CPU, Queue.RERUN, Queue.GPU), worker="w")


def finish(database, lease, report) -> None:
    with database.begin() as work:
        runs.finish_stage(work, lease, report)


def grade_all(database) -> None:
    """Everything that waits passes everything."""
    while (claimed := claim(database)) is not None:
        if claimed.lease.stage is Stage.TRAIN:
            finish(database, claimed.lease, a_report(Stage.TRAIN))
        else:
            finish(database, claimed.lease, a_report(Stage.GATE, Stage.UNIT))


@pytest.fixture
def handed_in(database):
    """A submission of one student; (reader, submission id). Keywords go to the assignment."""

    def make(**overrides):
        with database.begin() as work:
            course = a_course(work)
            assignment = an_assignment(work, course, **overrides)
            reader = a_reader(a_person(work, course), course)
        with database.begin() as work:
            upload = Upload(name="model.py", sha256="1" * 64, size_bytes=10)
            return reader, submissions.receive(work, reader, assignment, upload).id

    return make


def shown(database, reader, submission):
    with database.begin() as work:
        return submissions.latest_run(work, reader, submissions.find(work, reader, submission))


def test_gate_unit_and_train_are_claimed_one_after_the_other(database, handed_in):
    reader, submission = handed_in()
    gate = claim(database)
    assert gate.lease.stage is Stage.GATE
    with database.begin() as work:
        runs.record_checks(work, gate.lease, a_report(*GATE).checks)
        unit = runs.pass_gate(work, gate.lease)
    assert claim(database) is None
    with pytest.raises(LeaseLost), database.begin() as work:
        runs.record_checks(work, gate.lease, a_report(*GATE).checks)
    finish(database, unit, a_report(Stage.GATE, Stage.UNIT))
    assert [result.id for result in shown(database, reader, submission).checks] == ["A.loads", "A.one", "A.two"]
    train = claim(database)
    assert train.lease.stage is Stage.TRAIN
    assert shown(database, reader, submission).state == "grading"
    finish(database, train.lease, a_report(*TRAIN))
    run = shown(database, reader, submission)
    assert (run.state, run.score, run.mark.value) == ("graded", 5.0, 1)


def test_gate_and_unit_may_be_judged_in_one_go(database, handed_in):
    handed_in()
    finish(database, claim(database).lease, a_report(Stage.GATE, Stage.UNIT))
    assert claim(database).lease.stage is Stage.TRAIN


def test_a_gate_judged_alone_is_followed_by_the_unit_stage(database, handed_in):
    handed_in()
    finish(database, claim(database).lease, a_report(*GATE))
    assert claim(database).lease.stage is Stage.UNIT


def test_a_gpu_is_taken_only_after_the_gate(database, handed_in):
    reader, submission = handed_in(definition=a_definition(queue="gpu"))
    assert claim(database, Queue.GPU) is None
    gate = claim(database, Queue.CPU)
    failed = a_report(Stage.GATE, Stage.UNIT, A_loads=CheckStatus.FAILED)
    skipped = a_result(a_plan()[3], CheckStatus.SKIPPED)
    finish(database, gate.lease, RunReport(**{**_fields(failed), "checks": (*failed.checks, skipped)}))
    assert claim(database, Queue.GPU) is None
    assert shown(database, reader, submission).state == "graded"


def _fields(report: RunReport) -> dict:
    return {name: getattr(report, name) for name in report.__dataclass_fields__}


def test_training_waits_in_the_queue_the_assignment_names(database, handed_in):
    handed_in(definition=a_definition(queue="gpu"))
    finish(database, claim(database, Queue.CPU).lease, a_report(Stage.GATE, Stage.UNIT))
    assert claim(database, Queue.CPU) is None
    assert claim(database, Queue.GPU).lease.stage is Stage.TRAIN


def test_without_training_checks_the_unit_stage_ends_the_run(database, handed_in):
    reader, submission = handed_in(plan=a_plan(train=False))
    finish(database, claim(database).lease, a_report(Stage.GATE, Stage.UNIT))
    assert claim(database) is None
    assert shown(database, reader, submission).score == 3.0


def test_a_second_try_replaces_what_the_first_left(database, handed_in):
    reader, submission = handed_in()
    gate = claim(database)
    stray = a_result(a_plan()[1], CheckStatus.FAILED, id="A.from-another-version")
    with database.begin() as work:
        runs.record_checks(work, gate.lease, [a_result(a_plan()[1], CheckStatus.FAILED), stray])
        runs.put_back(work, gate.lease)
    finish(database, claim(database).lease, a_report(Stage.GATE, Stage.UNIT))
    checks = {result.id: result.status for result in shown(database, reader, submission).checks}
    assert checks == {"A.loads": "passed", "A.one": "passed", "A.two": "passed"}


def test_results_that_do_not_add_up_have_no_score(database, handed_in):
    handed_in()
    whole = a_report(Stage.GATE, Stage.UNIT)
    finish(database, claim(database).lease, RunReport(**{**_fields(whole), "checks": whole.checks[:-1]}))
    with database.begin() as work:
        runs.sweep(work)
    finish(database, claim(database).lease, a_report(*TRAIN))
    with database.engine.connect() as connection:
        row = connection.execute(text("SELECT state, score, message FROM runs")).one()
    assert (row.state, row.score) == ("failed", None)
    assert "A.two" in row.message


def test_what_cannot_be_graded_is_rejected_with_a_sentence(database, handed_in):
    reader, submission = handed_in()
    report = a_report(status=RunStatus.REJECTED, message="None of the code files could be read.")
    finish(database, claim(database).lease, report)
    run = shown(database, reader, submission)
    assert (run.state, run.score, run.message) == ("rejected", None, "None of the code files could be read.")


def test_events_are_replayed_in_order_from_any_place(database, handed_in):
    _, submission = handed_in()
    finish(database, claim(database).lease, a_report(Stage.GATE, Stage.UNIT))
    with database.begin() as work:
        every = progress.events_after(work, submission, 0)
        some = progress.events_after(work, submission, every[2].id)
        assert progress.version_of(work, submission) == every[-1].id
    assert [event.id for event in every] == sorted(event.id for event in every)
    assert some == every[3:]
    assert [event.body for event in every][:2] == [{"state": "waiting"}, {"state": "grading"}]


def test_a_place_in_the_queue_counts_those_before(database, handed_in):
    first_reader, first = handed_in()
    reader, second = handed_in()
    with database.begin() as work:
        runs.heard_of(work, worker="w", queues=[Queue.CPU], slots=2)
        place = progress.queue_place(work, reader, submissions.find(work, reader, second))
        assert (place.ahead, place.eta_s) == (1, None)
    claim(database)
    with database.begin() as work:
        assert progress.queue_place(work, reader, submissions.find(work, reader, second)).ahead == 0
        assert progress.queue_place(work, first_reader, submissions.find(work, first_reader, first)) is None


def test_the_estimate_is_measured(database, handed_in):
    """Two stages of 40 s before this one, and its own 40 s, over two slots."""
    handed_in()
    finish(database, claim(database).lease, a_report(*GATE))
    with database.engine.begin() as connection:
        connection.execute(
            text("UPDATE run_stages SET started_at = finished_at - interval '40 s' WHERE stage = 'gate'")
        )
        connection.execute(text("UPDATE run_stages SET state = 'failed' WHERE stage = 'unit'"))
        assignment = connection.execute(text("SELECT assignment_id FROM run_stages LIMIT 1")).scalar_one()
    readers = [handed_in() for _ in range(3)]
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE run_stages SET assignment_id = :id"), {"id": assignment})
    reader, last = readers[-1]
    with database.begin() as work:
        runs.heard_of(work, worker="w", queues=[Queue.CPU], slots=2)
        place = progress.queue_place(work, reader, submissions.find(work, reader, last))
    assert (place.ahead, place.eta_s) == (2, 80.0)


def test_the_gradebook_says_that_a_submission_is_being_graded(database, handed_in):
    handed_in()
    said = text("SELECT state FROM gradebook_entries")
    with database.engine.connect() as connection:
        assert connection.execute(said).scalar_one() == "waiting"
    claim(database)
    with database.engine.connect() as connection:
        assert connection.execute(said).scalar_one() == "grading"
