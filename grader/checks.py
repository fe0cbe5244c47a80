"""The spec author's door: everything a spec imports from us."""

from grader.domain.errors import NotDefined, StudentFault, StudentRaised
from grader.engine.harness.asserting import assert_answer, threshold
from grader.engine.harness.authoring import CheckFailed, assert_close, award, check, expect, fail, tensor
from grader.engine.student.proxy import RemoteClass, RemoteFunction, RemoteModule, RemoteObject
from grader.engine.student.replay import calls, returns, stop, using
from grader.engine.student.replies import Description, ModuleFacts, Operation
from grader.engine.student.student import Student, Trace

__all__ = [
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
    "Trace",
    "assert_answer",
    "assert_close",
    "award",
    "calls",
    "check",
    "expect",
    "fail",
    "returns",
    "stop",
    "tensor",
    "threshold",
    "using",
]
