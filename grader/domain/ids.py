from __future__ import annotations

from typing import NewType

Slug = NewType("Slug", str)
CheckId = NewType("CheckId", str)
PartId = NewType("PartId", str)
RunId = NewType("RunId", str)
Sha256 = NewType("Sha256", str)
SubmissionId = NewType("SubmissionId", str)
ArtifactId = NewType("ArtifactId", str)
LeaseId = NewType("LeaseId", str)
CourseId = NewType("CourseId", int)
PersonId = NewType("PersonId", int)
TeamId = NewType("TeamId", int)
AssignmentId = NewType("AssignmentId", int)
# Whose work a submission is: "p12" for a person, "t5" for a team.
Owner = NewType("Owner", str)
