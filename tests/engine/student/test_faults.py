"""A probe that hangs, dies, shouts or lies costs the one check, with a sentence a student understands."""

from __future__ import annotations

import pytest
import torch

from grader.domain.ending import EndingReason
from grader.domain.errors import CallTimeout, ProbeDied, ProtocolViolation, StudentRaised, WrongResult

FORGED = """
import glob, os
def forge(data):
    for fd in range(3, 1024):
        try:
            os.write(fd, data)
        except OSError:
            pass
    return 1
"""


def test_an_endless_loop_is_a_timeout_and_the_next_check_has_a_fresh_probe(session_of, probe):
    session = session_of("def spin():\n    while True:\n        pass\ndef two():\n    return 2\n")
    session.begin(1.0)
    with pytest.raises(CallTimeout, match="did not finish in time"):
        session.resolve("spin")()
    with pytest.raises(ProbeDied):
        session.resolve("two")
    session.end()
    session.begin(10.0)
    assert session.resolve("two")() == 2
    assert len(probe.processes) == 2 and probe.reasons == [EndingReason.TIMED_OUT]


def test_os_exit_is_explained(student_of):
    with pytest.raises(ProbeDied, match="ended the Python process"):
        student_of("import os\ndef leave():\n    os._exit(0)\n").leave()


def test_sys_exit_is_an_exception_like_any_other(student_of):
    with pytest.raises(StudentRaised, match="SystemExit"):
        student_of("import sys\ndef leave():\n    sys.exit('bye')\n").leave()


@pytest.mark.parametrize("noise", [b"PASSED\n" * 100, b"GW" + bytes(18), b"\x00" * 64])
def test_bytes_forced_into_the_pipe_are_a_violation_not_a_result(student_of, noise):
    with pytest.raises((ProtocolViolation, ProbeDied)):
        student_of(FORGED).forge(noise)


def test_printing_does_not_disturb_the_protocol_and_is_cut(session_of):
    session = session_of("def shout():\n    print('x' * 50_000_000)\n    return 5\n")
    assert session.resolve("shout")() == 5
    assert len(session.end()) < 70_000


def test_a_tensor_of_ten_gigabytes_is_refused_before_it_is_sent(student_of):
    with pytest.raises(WrongResult, match="at most"):
        student_of("def big():\n    return torch.zeros(1).expand(2_500_000_000)\n").big()


def test_an_object_equal_to_everything_is_not_equal_to_anything_here(student_of):
    student = student_of(
        "class Yes:\n    def __eq__(self, o): return True\n    def __bool__(self): return True\ndef f(x):\n    return Yes()\n"
    )
    with pytest.raises(TypeError):
        assert student.f(torch.ones(1)) == 3


def test_a_tensor_subclass_arrives_as_plain_values(student_of):
    student = student_of("""
class Liar(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func.__name__ in ("allclose", "equal", "eq"):
            return True
        return super().__torch_function__(func, types, args, kwargs or {})
def f(x):
    return (x * 0).as_subclass(Liar)
""")
    value = student.f(torch.ones(3))
    assert type(value) is torch.Tensor and not torch.equal(value, torch.ones(3))


def test_nan_is_a_value(student_of):
    assert torch.isnan(student_of("def f():\n    return torch.tensor([float('nan')])\n").f()).all()
