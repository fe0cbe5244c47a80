"""As the tiny spec, but for its training: each hand-in costs one sandbox instead of two."""

from __future__ import annotations

from grader.checks import Student, check, expect


@check("A", points=0, stage="gate", title="It loads")
def test_loads(student: Student) -> None:
    expect(student.gate_pause() == "slept", "gate_pause() should sleep.")


@check("A", points=1, title="The answer is 42")
def test_answer(student: Student) -> None:
    expect(student.answer() == 42, "answer() should be 42.")


@check("A", points=2, title="It sleeps")
def test_sleeps(student: Student) -> None:
    expect(student.unit_pause() == "slept", "unit_pause() should sleep.")
