"""Every table, so that whoever imports this package sees the whole schema."""

from grader.storage.models.adjustments import AdjustmentRow, RegradeRow
from grader.storage.models.assignments import AssignmentRow, SpecVersionRow
from grader.storage.models.base import Base
from grader.storage.models.contributions import ContributionRow
from grader.storage.models.drafts import DraftRow
from grader.storage.models.items import CommentRow, GivenMarkRow, GradingClaimRow, GradingRow, RubricRow
from grader.storage.models.late import ChoiceRow, ExtensionRow, LatePolicyRow
from grader.storage.models.lti import (
    LtiContextRow,
    LtiLinkRow,
    LtiNonceRow,
    LtiPersonRow,
    LtiPlatformRow,
    LtiScoreRow,
)
from grader.storage.models.notices import DeliveryRow, MailRefusalRow, NoticeRow, WebhookRow
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
from grader.storage.models.sheets import SheetPictureRow, SubmissionSheetsRow
from grader.storage.models.similarity import ComparisonRow, FingerprintRow, SimilarPairRow
from grader.storage.models.submissions import AuditEventRow, GradebookEntryRow, OverrideRow, SubmissionRow
from grader.storage.models.support import SchemaSupportRow
from grader.storage.models.trials import TrialRow

__all__ = [
    "AdjustmentRow",
    "ArtifactRow",
    "AssignmentRow",
    "AuditEventRow",
    "Base",
    "CheckResultRow",
    "ChoiceRow",
    "CommentRow",
    "ComparisonRow",
    "ContributionRow",
    "CourseRow",
    "DeliveryRow",
    "DraftRow",
    "EndedRunsRow",
    "ExtensionRow",
    "FingerprintRow",
    "GivenMarkRow",
    "GradebookEntryRow",
    "GradingClaimRow",
    "GradingRow",
    "LatePolicyRow",
    "LtiContextRow",
    "LtiLinkRow",
    "LtiNonceRow",
    "LtiPersonRow",
    "LtiPlatformRow",
    "LtiScoreRow",
    "MailRefusalRow",
    "MembershipRow",
    "NoticeRow",
    "OverrideRow",
    "PersonRow",
    "ProgressEventRow",
    "RegradeRow",
    "RubricRow",
    "RunRow",
    "SchemaSupportRow",
    "SessionRow",
    "SheetPictureRow",
    "SignInAttemptRow",
    "SimilarPairRow",
    "SpecVersionRow",
    "StageRow",
    "SubmissionRow",
    "SubmissionSheetsRow",
    "TeamRow",
    "TokenRow",
    "TrialRow",
    "WebhookRow",
    "WorkerRow",
]
