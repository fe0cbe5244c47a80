"""Late work: more time for one student or team, an assignment's late policy, and which submission counts."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from grader.api.access import (
    MayGrade,
    MayManage,
    MayRead,
    MaySubmit,
    NumberInPath,
    SlugInPath,
    TheServices,
    UuidInPath,
    Words,
)
from grader.api.document import problems
from grader.api.schemas.common import Listed
from grader.api.schemas.late import (
    ExtensionAnswer,
    LatePolicyAnswer,
    NewChoice,
    NewExtension,
    NewLatePolicy,
    extension_answer,
    late_policy_answer,
)
from grader.domain.ids import PersonId
from grader.service import assignments, choices, extensions, late_policy

router = APIRouter(tags=["late work"])
_Why = Annotated[Words, Query(min_length=1, max_length=1000)]


@router.get("/assignments/{assignment}/extensions", responses=problems(404))
def list_extensions(assignment: SlugInPath, reader: MayRead, services: TheServices) -> Listed[ExtensionAnswer]:
    """All extensions that hold, the latest due date first. Staff only."""
    with services.database.begin() as work:
        offered = assignments.offered(work, reader, assignment)
        found = extensions.list_extensions(work, reader, offered)
    return Listed(items=[extension_answer(extension) for extension in found])


@router.put("/assignments/{assignment}/extensions/{person}", responses=problems(404, 413))
def give_extension(
    assignment: SlugInPath, person: NumberInPath, body: NewExtension, reader: MayGrade, services: TheServices
) -> ExtensionAnswer:
    """More time for one student, or their team where the assignment is for teams; it supersedes the one before."""
    with services.database.begin() as work:
        offered = assignments.offered(work, reader, assignment)
        given = extensions.give(
            work, reader, offered, PersonId(person), due_at=body.due_at, extra_days=body.extra_days, reason=body.reason
        )
    return extension_answer(given)


@router.delete("/assignments/{assignment}/extensions/{person}", status_code=204, responses=problems(404))
def withdraw_extension(
    assignment: SlugInPath, person: NumberInPath, reader: MayGrade, services: TheServices, reason: _Why
) -> Response:
    """Let everybody's due date hold again."""
    with services.database.begin() as work:
        offered = assignments.offered(work, reader, assignment)
        extensions.withdraw(work, reader, offered, PersonId(person), reason=reason)
    return Response(status_code=204)


@router.put("/assignments/{assignment}/late-policy", responses=problems(404, 413))
def set_late_policy(
    assignment: SlugInPath, body: NewLatePolicy, reader: MayManage, services: TheServices
) -> LatePolicyAnswer:
    """Another late policy than the spec's. Scores are worked out anew; nobody's code is run. Instructors only."""
    with services.database.begin() as work:
        offered = assignments.offered(work, reader, assignment)
        late_policy.change(work, reader, offered, body.changes(), reason=body.reason)
        return late_policy_answer(assignments.offered(work, reader, assignment))


@router.delete("/assignments/{assignment}/late-policy", responses=problems(404))
def withdraw_late_policy(
    assignment: SlugInPath, reader: MayManage, services: TheServices, reason: _Why
) -> LatePolicyAnswer:
    """Let the spec's late policy hold again. Instructors only."""
    with services.database.begin() as work:
        offered = assignments.offered(work, reader, assignment)
        late_policy.withdraw(work, reader, offered, reason=reason)
        return late_policy_answer(assignments.offered(work, reader, assignment))


@router.put("/submissions/{submission}/choice", status_code=204, responses=problems(404, 413))
def choose(submission: UuidInPath, reader: MaySubmit, services: TheServices, body: NewChoice | None = None) -> Response:
    """Let this submission count, where students choose; staff need the scope grade as well, and a reason."""
    with services.database.begin() as work:
        choices.choose(work, reader, submission, reason="" if body is None else body.reason)
    return Response(status_code=204)
