"""What a call for some stages runs, reports and tells; real harness."""

from __future__ import annotations

import pytest

from grader.domain.check import CheckDefinition, Stage, Visibility
from grader.domain.errors import BadSpec

SPEC = """
@check("A2", points=3, title="trains", stage="train", timeout_s=7)
def test_train(student):
    print("trained")
    assert student.add(1, 1) == 2

@check("A2", points=1, title="adds", visibility="staff")
def test_add(student):
    assert student.add(1, 1) == 2

@check("A1", points=0, title="the gate", stage="gate")
def test_gate(student):
    expect(student.add(0, 0) == 0, "closed")

@check("A1", points=1, title="adds more", visibility="after_due")
def test_more(student):
    assert student.add(2, 2) == 4
"""
PARTS = {"A1": (2, 1.0), "A2": (2, 4.0)}
OPEN = "def add(a, b):\n    return a + b\n"
CLOSED = "def add(a, b):\n    return a + b + 1\n"
NOT_TRAINED = "Not trained, because this comes first: the gate."


def reported(judgement):
    return {result.id: str(result.status) for result in judgement.results}


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        (("gate",), {"A1.gate": "passed"}),
        (("unit",), {"A2.add": "passed", "A1.more": "passed"}),
        (("train",), {"A2.train": "passed"}),
        (("gate", "unit"), {"A1.gate": "passed", "A2.add": "passed", "A1.more": "passed"}),
        (("gate", "unit", "train"), {"A1.gate": "passed", "A2.add": "passed", "A1.more": "passed", "A2.train": "passed"}),
    ],
)  # fmt: skip
def test_only_the_stages_asked_for_are_run_and_reported(bench, stages, expected):
    assert reported(bench.judge(SPEC, OPEN, PARTS, stages=stages)) == expected
    started = [event.check_id for event in bench.events if event.kind == "started"]
    assert sorted(started) == sorted(expected)


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        (("gate",), {"A1.gate": "failed"}),
        (("gate", "unit"), {"A1.gate": "failed", "A2.add": "failed", "A1.more": "failed", "A2.train": "skipped"}),
        (("gate", "train"), {"A1.gate": "failed", "A2.train": "skipped"}),
        (("unit",), {"A2.add": "failed", "A1.more": "failed"}),
        (("gate", "unit", "train"), {"A1.gate": "failed", "A2.add": "failed", "A1.more": "failed", "A2.train": "skipped"}),
    ],
)  # fmt: skip
def test_after_a_failed_gate_the_unit_stage_completes_the_run(bench, by_id, stages, expected):
    judgement = bench.judge(SPEC, CLOSED, PARTS, stages=stages)
    assert reported(judgement) == expected
    if "A2.train" in expected:
        assert by_id(judgement)["A2.train"].message == NOT_TRAINED


def test_a_failed_gate_is_what_a_training_check_says_even_when_the_time_is_up(bench, by_id):
    spec = SPEC.replace('expect(student.add(0, 0) == 0, "closed")', 'time.sleep(3); fail("closed")')
    results = by_id(bench.judge(spec, OPEN, PARTS, stages=("gate", "unit"), run_s=3.0))
    assert results["A2.train"].message == NOT_TRAINED
    assert results["A2.add"].status == "timeout"


def test_a_stage_without_checks_is_an_empty_report(bench):
    judgement = bench.judge(SPEC, OPEN, PARTS, stages=())
    assert judgement.results == [] and bench.sandboxes == []


@pytest.mark.parametrize("stages", [("gate",), ("unit",), ("train",)])
def test_the_promise_is_held_against_all_checks_in_every_stage(bench, stages):
    with pytest.raises(BadSpec, match="Part A2 promises 3 checks"):
        bench.judge(SPEC, OPEN, {**PARTS, "A2": (3, 4.0)}, stages=stages)


def test_what_is_left_out_by_pattern_is_skipped_but_not_what_is_left_out_by_stage(bench, by_id):
    results = by_id(bench.judge(SPEC, OPEN, PARTS, stages=("gate", "unit"), only=("A1.*",), train=False))
    assert {name: str(result.status) for name, result in results.items()} == {
        "A1.gate": "passed", "A1.more": "passed", "A2.add": "skipped",
    }  # fmt: skip


def test_the_plan_comes_first_and_holds_every_check_in_the_documents_order(bench):
    bench.judge(SPEC, OPEN, PARTS, stages=("unit",))
    first, *others = bench.events
    assert (first.kind, [event.kind for event in others].count("plan")) == ("plan", 0)
    assert [definition.id for definition in first.plan] == ["A1.gate", "A1.more", "A2.train", "A2.add"]
    assert first.plan[1].visibility is Visibility.AFTER_DUE
    assert first.plan[2] == CheckDefinition(
        id="A2.train", part="A2", title="trains", points=3, stage=Stage.TRAIN, timeout_s=7
    )


def test_each_stage_is_told_before_its_first_check_and_after_the_results_of_the_last(bench):
    bench.judge(SPEC, OPEN, PARTS)
    told = [event.stage or event.check_id for event in bench.events if event.kind in ("stage", "check")]
    assert told == [Stage.GATE, "A1.gate", Stage.UNIT, "A1.more", "A2.add", Stage.TRAIN, "A2.train"]
    assert len(bench.sandboxes) == 4, "for all, after the due date, for staff, and for all again"


def test_a_stage_in_which_nothing_runs_is_not_told(bench):
    bench.judge(SPEC, CLOSED, PARTS)
    assert [event.stage for event in bench.events if event.kind == "stage"] == [Stage.GATE, Stage.UNIT]


def test_each_sandbox_of_a_run_has_an_ending_and_the_last_is_ours(bench):
    spec = """
@check("A1", points=1, title="spins", timeout_s=1)
def test_spin(student):
    student.spin()

@check("A1", points=1, title="fine")
def test_fine(student):
    assert student.add(1, 1) == 2
"""
    code = OPEN + "def spin():\n    while True: pass\n"
    judgement = bench.judge(spec, code, {"A1": (2, 2.0)})
    assert [str(ending.reason) for ending in judgement.endings] == ["timed_out", "killed"]
    assert len(bench.sandboxes) == 2
    assert judgement.torch.startswith("2.")
