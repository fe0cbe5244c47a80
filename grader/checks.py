"""The spec author's door: everything a spec imports from us."""

from grader.domain.errors import BadSpec, NotDefined, StudentFault, StudentRaised
from grader.engine.harness.asserting import ThresholdFacts, assert_answer, threshold, threshold_facts
from grader.engine.harness.authoring import CheckFailed, assert_close, award, check, expect, fail, tensor
from grader.engine.harness.showing import curve, grid, picture
from grader.engine.student.proxy import RemoteClass, RemoteFunction, RemoteModule, RemoteObject
from grader.engine.student.replay import calls, returns, stop, using
from grader.engine.student.replies import Description, ModuleFacts, Operation
from grader.engine.student.student import Student, Trace

__all__ = [
    "BadSpec",
    "CheckFailed",
    "Description",
    "ModuleFacts",
    "NotDefined",
    "Operation",
    "RemoteClass",
    "RemoteFunction",
    "RemoteModule",
    "RemoteObject",
    "Student",
    "StudentFault",
    "StudentRaised",
    "ThresholdFacts",
    "Trace",
    "assert_answer",
    "assert_close",
    "award",
    "calls",
    "check",
    "curve",
    "expect",
    "fail",
    "grid",
    "picture",
    "returns",
    "stop",
    "tensor",
    "threshold",
    "threshold_facts",
    "using",
]
