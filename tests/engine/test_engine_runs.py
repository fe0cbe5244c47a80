"""What one engine reports of a run, and how it is stopped in the middle of one."""

from __future__ import annotations

import io
import json
import threading
import zipfile

import pytest

from grader.domain.check import Stage
from grader.domain.errors import TransientError
from grader.domain.run import RunFacts, RunStatus
from grader.engine.pipeline import Engine, GradeOptions
from grader.formats.gradescope import to_gradescope
from grader.formats.jsonreport import to_json
from grader.specs.load import load_spec
from tests.engine.sandbox.fakes import FakeBackend

CODE = b"def add(a, b):\n    return a + b\ndef spin():\n    while True:\n        pass\n"
ADDS = """
@check("A1", points=1, title="adds")
def test_add(student):
    from grader.checks import picture
    picture("p", torch.zeros(2, 2), title="A picture")
    assert student.add(1, 2) == 3

@check("A1", points=1, title="the gate", stage="gate")
def test_gate(student):
    assert student.defines("add")
"""
# The first check takes the sandbox, so that it is there when the second one begins, in which runs are stopped.
FIRST = '@check("A1", points=1, title="adds")\ndef test_add(student):\n    assert student.add(1, 2) == 3\n'
SPINS = FIRST + '@check("A1", points=1, title="x", timeout_s=300)\ndef test_spin(student):\n    student.spin()\n'
STUCK = FIRST + '@check("A1", points=1, title="x", timeout_s=300)\ndef test_stuck(student):\n    time.sleep(300)\n'
UNDER_WAY = ["plan", "stage", "started", "check", "started"]


class Grading(threading.Thread):
    """One call of `grade` in a thread of its own; `reached` is set when the check to be stopped has begun."""

    def __init__(self, engine, spec):
        super().__init__(daemon=True)
        self.engine, self.spec = engine, spec
        self.events, self.ending = [], None
        self.reached = threading.Event()
        self.start()

    def run(self):
        try:
            self.ending = self.engine.grade(self.spec, "model.py", CODE, None, self.hear)
        except BaseException as error:
            self.ending = error

    def hear(self, event):
        self.events.append(event)
        if event.kind == "started" and event.check_id != "A1.add":
            self.reached.set()

    def is_interrupted(self):
        """Waits for the end, far less long than the check would take."""
        self.join(60)
        return not self.is_alive() and isinstance(self.ending, TransientError)


def test_facts_are_for_staff_and_change_no_output(plain, make_spec):
    spec = make_spec(ADDS, checks=2)
    with Engine(plain, expected=1) as engine:
        report = engine.grade(spec, "model.py", CODE, GradeOptions(seed="s"))
    assert report.score == 2
    facts = report.facts
    assert facts == RunFacts(
        sandbox="plain", sandboxes=1, endings=("killed",), peak_bytes=1000, cpu_s=0.25, seed="s", torch=facts.torch,
        files=(("model.py", facts.files[0][1], ""),),
    )  # fmt: skip
    assert facts.torch.startswith("2.") and facts.files[0][1] not in ("unreadable", "unparsed")
    assert [artifact.name for result in report.checks for artifact in result.artifacts] == ["p"]
    told = json.loads(to_json(report, with_file=False))
    assert "facts" not in told and all("artifacts" not in one for one in told["checks"])
    assert b"PNG" not in to_gradescope(report).encode()


def test_two_calls_for_two_stages_add_up_to_one_for_all(plain, make_spec):
    spec = make_spec(ADDS, checks=2)
    with Engine(plain, expected=3) as engine:
        gate, unit, whole = (
            engine.grade(spec, "model.py", CODE, GradeOptions(seed="s", stages=stages))
            for stages in ((Stage.GATE,), (Stage.UNIT,), tuple(Stage))
        )
    assert [result.id for result in gate.checks] == ["A1.gate"]
    assert [result.id for result in unit.checks] == ["A1.add"]
    assert (gate.score, unit.score, whole.score, gate.max_score) == (1, 1, 2, 2)
    assert {result.id for result in whole.checks} == {"A1.gate", "A1.add"}


def test_what_a_listener_raises_ends_the_run_and_is_passed_on(plain, make_spec):
    """A worker that has lost its claim stops the run so."""
    heard = []

    def lose(event):
        heard.append(event.kind)
        if event.kind == "check":
            raise KeyError("claim lost")

    with Engine(plain, expected=1) as engine, pytest.raises(KeyError, match="claim lost"):
        engine.grade(make_spec(ADDS, checks=2), "model.py", CODE, None, lose)
    assert heard.count("check") == 1
    assert not any(sandbox.is_alive() for sandbox in plain.started)


@pytest.mark.parametrize("source", [SPINS, STUCK])
def test_closing_ends_a_run_at_once_and_blames_nobody(plain, make_spec, source):
    engine = Engine(plain, expected=1)
    grading = Grading(engine, make_spec(source, checks=2))
    assert grading.reached.wait(60)
    engine.close()
    assert grading.is_interrupted(), grading.ending
    assert "interrupted" in str(grading.ending)
    assert [event.kind for event in grading.events] == UNDER_WAY, "no result, least of all one that blames the student"
    assert not any(sandbox.is_alive() for sandbox in plain.started)


@pytest.mark.sandbox
def test_closing_ends_a_run_in_a_real_sandbox_too(usable_bwrap, make_spec):
    spec = make_spec(SPINS, checks=2)
    engine = Engine(usable_bwrap, expected=1)
    grading = Grading(engine, spec)
    assert grading.reached.wait(120)
    engine.close()
    assert grading.is_interrupted(), grading.ending
    assert [event.kind for event in grading.events] == UNDER_WAY


def test_closing_ends_a_run_that_still_waits_for_its_sandbox(make_spec):
    backend = FakeBackend(lambda sandbox: None)  # never ready
    engine = Engine(backend, expected=1)
    grading = Grading(engine, make_spec(SPINS.removeprefix(FIRST), checks=1))
    assert grading.reached.wait(60)
    engine.close()
    assert grading.is_interrupted(), grading.ending


def test_closing_ends_a_run_that_still_waits_for_its_harness(make_spec):
    engine = Engine(FakeBackend(lambda sandbox: None), expected=1)
    grading = Grading(engine, make_spec(SPINS, checks=2))
    engine.close()
    assert grading.is_interrupted(), grading.ending
    assert grading.events == []


def test_closing_ends_whoever_waits_for_readiness():
    engine = Engine(FakeBackend(lambda sandbox: None), expected=1)
    ended = []

    def wait():
        try:
            engine.await_ready()
        except Exception as error:
            ended.append(error)

    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    engine.close()
    waiting.join(60)
    assert not waiting.is_alive()
    assert [type(error) for error in ended] == [TransientError]


def test_a_closed_engine_grades_nothing_more_and_may_be_closed_again(make_spec):
    spec = make_spec(SPINS, checks=2)
    engine = Engine(FakeBackend(lambda sandbox: None), expected=1)
    engine.close()
    engine.close()
    with pytest.raises(TransientError):
        engine.grade(spec, "model.py", CODE)
    assert engine.grade(spec, "notes.exe", b"x").status is RunStatus.REJECTED, "that takes no sandbox"


def test_a_run_of_members_own_parts_needs_no_code_and_judges_nothing_else(plain, make_spec):
    spec = make_spec(ADDS.replace('"A1", points=1, title="adds"', '"B1", points=1, title="adds"'), checks=1)
    toml = spec.folder / "assignment.toml"
    own = '[[part]]\nid = "B1"\ntitle = "Alone"\npoints = 1\nchecks = 1\nindividual = true\n'
    toml.write_text("team_size = [2, 3]\n" + toml.read_text() + own)
    spec = load_spec("hw1", spec.folder.parent)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("answers.toml", "x = 1\n")
    plans = []
    with Engine(plain, expected=3) as engine:
        own, team, whole = (
            engine.grade(
                spec, name, content, GradeOptions(parts=parts),
                lambda event: plans.append(event.plan) if event.plan else None,
            )
            for name, content, parts in (
                ("answers.zip", packed.getvalue(), ("B1",)), ("model.py", CODE, ("A1",)), ("model.py", CODE, ()),
            )
        )  # fmt: skip
        nothing = engine.grade(spec, "answers.zip", packed.getvalue(), GradeOptions(parts=("A1",)))
    assert [(one.id, one.status) for one in own.checks] == [("B1.add", "failed")]
    assert [(one.id, one.status) for one in team.checks] == [("A1.gate", "passed")]
    assert {one.id for one in whole.checks} == {"A1.gate", "B1.add"}
    # What the spec promises is held against all its checks in every call.
    assert {len(plan) for plan in plans} == {2}
    assert (nothing.status, "no code" in nothing.message) == (RunStatus.REJECTED, True)
