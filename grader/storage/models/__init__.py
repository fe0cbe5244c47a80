"""Every table, so that whoever imports this package sees the whole schema."""

from grader.storage.models.assignments import AssignmentRow, SpecVersionRow
from grader.storage.models.base import Base
from grader.storage.models.people import (
    CourseRow,
    MembershipRow,
    PersonRow,
    SessionRow,
    SignInAttemptRow,
    TeamRow,
    TokenRow,
)
from grader.storage.models.runs import (
    ArtifactRow,
    CheckResultRow,
    EndedRunsRow,
    ProgressEventRow,
    RunRow,
    StageRow,
    WorkerRow,
)
from grader.storage.models.similarity import ComparisonRow, FingerprintRow, SimilarPairRow
from grader.storage.models.submissions import AuditEventRow, GradebookEntryRow, OverrideRow, SubmissionRow
from grader.storage.models.support import SchemaSupportRow

__all__ = [
    "ArtifactRow",
    "AssignmentRow",
    "AuditEventRow",
    "Base",
    "CheckResultRow",
    "ComparisonRow",
    "CourseRow",
    "EndedRunsRow",
    "FingerprintRow",
    "GradebookEntryRow",
    "MembershipRow",
    "OverrideRow",
    "PersonRow",
    "ProgressEventRow",
    "RunRow",
    "SchemaSupportRow",
    "SessionRow",
    "SignInAttemptRow",
    "SimilarPairRow",
    "SpecVersionRow",
    "StageRow",
    "SubmissionRow",
    "TeamRow",
    "TokenRow",
    "WorkerRow",
]
