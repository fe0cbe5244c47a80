"""What happens between a claim and a score, whatever goes wrong on the way."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from grader.domain.check import Stage
from grader.domain.errors import BadSpec, RunFailed, SandboxLost, TransientError
from grader.domain.run import RunStatus
from tests.waiting import until

WAITS_AGAIN = ("waiting", 1)


def raising(error):
    def raise_it(*_):
        raise error

    return raise_it


def blobs_of(desk) -> list[Path]:
    folder = Path(desk.place.settings.blobs_url)
    return [path for path in folder.glob("*/*") if path.parent.name != "incoming"]


def test_a_hand_in_goes_through_gate_unit_and_train_to_its_score(desk):
    submission = desk.hand_in()
    assert desk.grade_next()
    assert desk.stages(submission) == {"gate": ("done", 1), "unit": ("done", 1), "train": ("waiting", 0)}
    assert desk.grade_next()
    assert not desk.grade_next()
    run = desk.run(submission)
    assert (run.state, run.score, [check.id for check in run.checks]) == (
        "graded", 5.0, ["A.loads", "A.answer", "A.sleeps", "B.trains"],
    )  # fmt: skip
    assert desk.score_in_gradebook() == 5.0
    assert run.facts["train"]["sandbox"] == "stand-in"


def test_every_stage_gets_the_answers_that_came_beside_the_file(desk):
    desk.hand_in(answers={"A.count": 3, "B.kernel": [[1, "x"]]})
    desk.grade_all()
    assert desk.engine.answers == [{"A.count": 3, "B.kernel": [[1, "x"]]}] * 2
    desk.hand_in(b"x = 2\n")
    desk.grade_next()
    assert desk.engine.answers[-1] == {}


def test_all_stages_of_a_run_share_its_seed(desk):
    desk.hand_in()
    desk.grade_all()
    (first, seed), (second, same) = desk.engine.calls
    assert (first, second) == ((Stage.GATE, Stage.UNIT), (Stage.TRAIN,))
    assert seed == same
    assert seed


def test_results_are_there_while_later_checks_still_run(desk):
    submission = desk.hand_in()
    desk.engine.during["A.sleeps"] = lambda: until(
        lambda: desk.results(submission) == {"A.loads": "passed", "A.answer": "passed"}, "two results"
    )
    desk.grade_all()
    assert desk.run(submission).score == 5.0


def test_the_unit_stage_is_taken_with_the_loaded_sandbox_before_its_first_check(desk):
    submission = desk.hand_in()
    seen = []
    desk.engine.during["A.loads"] = lambda: seen.append(desk.stages(submission))
    desk.engine.during["A.answer"] = lambda: seen.append(desk.stages(submission))
    desk.grade_next()
    assert seen == [{"gate": ("leased", 1)}, {"gate": ("done", 1), "unit": ("leased", 1)}]
    assert len(desk.engine.calls) == 1


def test_a_failed_gate_ends_the_run_without_training(desk):
    submission = desk.hand_in()
    desk.engine.failing = {"A.loads"}
    assert desk.grade_next()
    assert not desk.grade_next()
    assert set(desk.stages(submission)) == {"gate"}
    run = desk.run(submission)
    assert (run.state, run.score) == ("graded", 0.0)
    assert desk.results(submission) == {
        "A.loads": "failed", "A.answer": "skipped", "A.sleeps": "skipped", "B.trains": "skipped",
    }  # fmt: skip


def test_a_rejected_hand_in_ends_its_run_with_the_sentence_for_the_student(desk):
    submission = desk.hand_in()
    desk.engine.then = lambda report: replace(report, status=RunStatus.REJECTED, checks=(), message="No code in it.")
    desk.grade_all()
    run = desk.run(submission)
    assert (run.state, run.score, run.message) == ("rejected", None, "No code in it.")


@pytest.mark.parametrize(
    "then",
    [
        raising(SandboxLost("gone")),
        raising(RunFailed("gone")),
        raising(ValueError("gone")),
        lambda report: replace(report, status=RunStatus.FAILED, checks=(), message="gone"),
    ],
    ids=["transient", "setup", "unexpected", "failed report"],
)
def test_our_fault_puts_the_stage_back_with_the_reason_and_no_score(desk, then):
    submission = desk.hand_in()
    desk.engine.then = then
    assert desk.grade_next()
    run = desk.run(submission)
    assert (run.state, run.score) == ("grading", None)
    assert desk.stages(submission)["unit"] == WAITS_AGAIN
    assert "gone" in run.stages[1].problem
    assert not desk.grade_next(), "it is tried again after a while, not at once"


def test_a_broken_spec_is_not_tried_again(desk):
    submission = desk.hand_in()
    desk.engine.then = raising(BadSpec("Its conftest does not import."))
    desk.grade_next()
    run = desk.run(submission)
    assert (run.state, run.score) == ("failed", None)
    assert "Its conftest does not import." in run.message


def test_a_lost_upload_is_our_fault_and_says_so(desk):
    submission = desk.hand_in()
    for path in blobs_of(desk):
        path.unlink()
    desk.grade_next()
    assert desk.stages(submission)["gate"] == WAITS_AGAIN
    assert "restore it from a backup" in desk.run(submission).stages[0].problem


def test_a_spec_version_is_fetched_once(desk):
    desk.hand_in()
    desk.grade_all()
    for path in blobs_of(desk):
        path.unlink()
    submission = desk.hand_in(b"y = 2\n")
    desk.grade_all()
    assert desk.run(submission).score == 5.0


def test_a_lost_lease_ends_the_grading_and_its_results_are_nobodys(desk, caplog):
    submission = desk.hand_in()
    desk.engine.failing = {"A.answer"}
    desk.engine.during["A.answer"] = desk.rob
    desk.engine.during["A.sleeps"] = lambda: until(lambda: "the lease was lost" in caplog.text, "noticed")
    ended = []
    desk.engine.then = ended.append
    assert desk.grade_next()
    assert ended == [], "the grading ends at its next event, and not with its report"
    assert desk.stages(submission)["unit"] == WAITS_AGAIN
    assert desk.results(submission) == {"A.loads": "passed"}
    desk.engine.failing, desk.engine.during, desk.engine.then = set(), {}, lambda report: report
    desk.grade_all()
    assert desk.run(submission).score == 5.0
    assert desk.stages(submission) == {"gate": ("done", 1), "unit": ("done", 2), "train": ("done", 1)}


def test_a_lease_lost_at_the_very_end_writes_nothing(desk):
    submission = desk.hand_in()

    def robbed(report):
        desk.rob()
        return report

    desk.engine.then = robbed
    assert desk.grade_next()
    assert desk.stages(submission)["unit"] == WAITS_AGAIN
    assert desk.run(submission).score is None


def test_a_worker_that_stops_puts_its_stage_back_uncounted(desk):
    submission = desk.hand_in()

    def stopped():
        desk.place.stopping.set()
        raise TransientError("The engine is closed.")

    desk.engine.during["A.answer"] = stopped
    assert desk.grade_next()
    assert desk.stages(submission) == {"gate": ("done", 1), "unit": ("waiting", 0)}
    assert desk.place.quarantine.left_s() == 0


def test_an_engine_that_begins_anew_after_the_gate_is_recorded_once(desk):
    submission = desk.hand_in()
    desk.engine.begins = 2
    desk.grade_all()
    run = desk.run(submission)
    assert (run.state, run.score, len(run.checks)) == ("graded", 5.0, 4)
    assert desk.stages(submission) == {"gate": ("done", 1), "unit": ("done", 1), "train": ("done", 1)}


def test_three_faults_in_a_row_pause_the_machine_and_a_success_counts_anew(desk, caplog):
    def fail_next():
        desk.hand_in(content=f"x = {len(desk.engine.calls)}\n".encode())
        desk.grade_next()

    desk.engine.then = raising(SandboxLost("no cgroup"))
    for _ in range(2):
        fail_next()
    desk.engine.then = lambda report: report
    fail_next()
    assert desk.place.quarantine.left_s() == 0
    desk.engine.then = raising(SandboxLost("no cgroup"))
    for _ in range(2):
        fail_next()
    assert desk.place.quarantine.left_s() == 0
    fail_next()
    assert desk.place.quarantine.left_s() > 30
    (said,) = [record.getMessage() for record in caplog.records if "grader doctor" in record.getMessage()]
    assert "no cgroup" in said


def test_a_broken_spec_does_not_pause_the_machine(desk):
    desk.engine.then = raising(BadSpec("broken"))
    for number in range(4):
        desk.hand_in(content=f"x = {number}\n".encode())
        desk.grade_next()
    assert len(desk.engine.calls) == 4
    assert desk.place.quarantine.left_s() == 0
