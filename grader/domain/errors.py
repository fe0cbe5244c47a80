"""Every way our own code says no.

The message is one sentence for the person who can act on it. Families decide what it becomes at the edges
(`cli/exits.py`, `http/problems.py`); a `StudentFault` never leaves the harness as an exception.
"""

from __future__ import annotations

from typing import ClassVar


class GraderError(Exception):
    """The grader could not do what was asked."""

    code: ClassVar[str] = "grader-error"

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip())


class InputError(GraderError):
    """What was handed in cannot be used; the person who handed it in can mend it."""

    code = "input"


class BadArchive(InputError):
    """The archive cannot be read as a zip file within the limits."""

    code = "bad-archive"

    def __init__(self, message: str | None = None, *, trick: str = "") -> None:
        """`trick` names, for staff, what no ordinary tool makes ("links"); empty for an accident."""
        super().__init__(message)
        self.trick = trick


class MissingFile(InputError):
    """The submission holds no file that this assignment could grade."""

    code = "missing-file"


class UnknownAssignment(InputError):
    """There is no assignment of that name."""

    code = "unknown-assignment"


class BadArguments(InputError):
    """The command's arguments do not fit together."""

    code = "bad-arguments"


class UploadTooLarge(InputError):
    """The upload is larger than this assignment allows."""

    code = "upload-too-large"


class PastDeadline(InputError):
    """The assignment no longer takes submissions."""

    code = "past-deadline"


class QuotaUsed(InputError):
    """All uploads of the day are used."""

    code = "quota-used"


class RegradeClosed(InputError):
    """This may not be asked about, or not any more."""

    code = "regrade-closed"


class UnknownThing(InputError):
    """There is nothing of that name."""

    code = "unknown"


class NoLongerKept(InputError):
    """The files of this submission were removed when their time was over; its score stays."""

    code = "no-longer-kept"


class BadRoster(InputError):
    """The roster cannot be read."""

    code = "bad-roster"


class BadRequest(InputError):
    """The request does not say what it should."""

    code = "bad-request"


class ConflictError(GraderError):
    """Somebody else was there first."""

    code = "conflict"


class AlreadyExists(ConflictError):
    """Something of that name is there already."""

    code = "already-exists"


class AlreadyAnswered(ConflictError):
    """Somebody has answered or withdrawn the request already."""

    code = "already-answered"


class AlreadyGraded(ConflictError):
    """Somebody else has graded this, or has it before them."""

    code = "already-graded"


class DraftChanged(ConflictError):
    """Somebody has saved another version of this draft."""

    code = "draft-changed"


class LeaseLost(ConflictError):
    """The lease ran out and the stage is no longer this worker's."""

    code = "lease-lost"


class AccessError(GraderError):
    """This is not yours to see or do."""

    code = "access"


class NotSignedIn(AccessError):
    """Sign in first, or send a valid token."""

    code = "not-signed-in"


class SignInFailed(AccessError):
    """The e-mail address and the password do not belong together."""

    code = "sign-in-failed"


class TooManyAttempts(AccessError):
    """There were too many sign-in attempts; wait a while."""

    code = "too-many-attempts"


class NotYours(AccessError):
    """There is no such submission."""

    code = "not-yours"


class NeedsRole(AccessError):
    """Your role in the course does not allow this."""

    code = "needs-role"


class NeedsScope(AccessError):
    """The token does not allow this."""

    code = "needs-scope"


class BadCsrf(AccessError):
    """The form has expired; load the page again and repeat."""

    code = "bad-csrf"


class SetupError(GraderError):
    """The grader cannot work here until the operator mends something."""

    code = "setup"


class NoSandbox(SetupError):
    """No sandbox is available, and nothing is graded without one."""

    code = "no-sandbox"


class BadSpec(SetupError):
    """The assignment's spec is not usable."""

    code = "bad-spec"


class RunFailed(SetupError):
    """The run ended without trustworthy results; it has no score."""

    code = "run-failed"


class TransientError(GraderError):
    """Something of ours failed that may work when tried again."""

    code = "transient"


class SandboxLost(TransientError):
    """The sandbox went away for reasons that have nothing to do with the submission."""

    code = "sandbox-lost"


class DeviceLost(SandboxLost):
    """The GPU failed for reasons that have nothing to do with the submission."""

    code = "device-lost"


class DatabaseBusy(TransientError):
    """The database did not answer; try again in a moment."""

    code = "database-busy"


class StorageFull(TransientError):
    """The upload could not be stored, and nothing was handed in; try again in a few minutes."""

    code = "storage-full"


class StudentFault(GraderError):
    """The submission did something that costs the check in which it happened."""

    code = "student-fault"


class StudentRaised(StudentFault):
    """The submission's code raised an exception."""

    code = "student-raised"


class CallTimeout(StudentFault):
    """The submission's code did not come back in time."""

    code = "call-timeout"


class ProbeDied(StudentFault):
    """The process that ran the submission ended."""

    code = "probe-died"


class ProtocolViolation(StudentFault):
    """What came back from the sandbox was not an answer."""

    code = "protocol-violation"

    def __init__(self, message: str | None = None, *, is_form: bool = True) -> None:
        """`is_form` says that an answer came, in another form than was asked for: what no code of ours sends."""
        super().__init__(message)
        self.is_form = is_form


class WrongResult(StudentFault):
    """The submission's code gave back something of the wrong kind."""

    code = "wrong-result"


class NotDefined(StudentFault):
    """The submission does not define what the assignment asks for."""

    code = "not-defined"
