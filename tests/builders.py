"""Rows for tests, made straight in the tables: minimal, with keyword overrides."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from grader.domain.assignment import Assignment
from grader.domain.check import CheckDefinition, CheckResult, CheckStatus, Stage, Visibility
from grader.domain.course import Person, Reader, Role, Scope
from grader.domain.grading import Counting, OfferedAssignment, SpecVersion
from grader.domain.ids import CourseId, PersonId, Sha256, Slug
from grader.storage.database import Work
from grader.storage.models import (
    AssignmentRow,
    CheckResultRow,
    CourseRow,
    MembershipRow,
    PersonRow,
    RunRow,
    SpecVersionRow,
    SubmissionRow,
    TeamRow,
)

_numbers = itertools.count(1)
A_SHA256 = "ab" * 32


def a_definition(**overrides: Any) -> Assignment:
    """An assignment with a gate check, two unit checks (3 points) and a training check (2 points)."""
    return Assignment.model_validate(
        {
            "schema_version": 1,
            "slug": "tiny",
            "title": "A tiny assignment",
            "course": "Course",
            "files": {"code_suffixes": [".py", ".ipynb"]},
            "scale": {
                "step": [{"share": 0.0, "value": 0, "label": "none"}, {"share": 0.5, "value": 1, "label": "half"}]
            },
            "part": [
                {"id": "A", "title": "Part A", "points": 3, "checks": 3},
                {"id": "B", "title": "Part B", "points": 2, "checks": 1},
            ],
        }
        | overrides
    )


def a_plan(*, train: bool = True) -> tuple[CheckDefinition, ...]:
    """The checks that `a_definition` promises."""
    gate, unit, train_stage = Stage.GATE, Stage.UNIT, Stage.TRAIN
    plan = (
        CheckDefinition(id="A.loads", part="A", title="It loads", points=0, stage=gate),
        CheckDefinition(id="A.one", part="A", title="One", points=1, stage=unit),
        CheckDefinition(id="A.two", part="A", title="Two", points=2, stage=unit),
        CheckDefinition(id="B.learns", part="B", title="It learns", points=2, stage=train_stage),
    )
    return plan if train else plan[:3]


def a_result(definition: CheckDefinition, status: CheckStatus = CheckStatus.PASSED, **overrides: Any) -> CheckResult:
    """A result of a planned check; full points when passed."""
    values = {
        "id": definition.id,
        "part": definition.part,
        "title": definition.title,
        "status": status,
        "points": definition.points if status is CheckStatus.PASSED else 0.0,
        "max_points": definition.points,
        "visibility": Visibility.ALWAYS,
        "stage": definition.stage,
    }
    return CheckResult(**(values | overrides))


def a_course(work: Work, **overrides: Any) -> CourseRow:
    number = next(_numbers)
    row = CourseRow(**({"slug": f"course-{number}", "title": f"Course {number}", "time_zone": "UTC"} | overrides))
    work.session.add(row)
    work.session.flush()
    return row


def a_person(work: Work, course: CourseRow | None = None, role: Role = Role.STUDENT, **overrides: Any) -> PersonRow:
    """A person, and their membership when a course is given (`team` and `section` are the membership's)."""
    number = next(_numbers)
    membership = {name: overrides.pop(name) for name in ("team_id", "section") if name in overrides}
    row = PersonRow(**({"email": f"person{number}@example.org", "name": f"Person {number}"} | overrides))
    work.session.add(row)
    work.session.flush()
    if course is not None:
        work.session.add(MembershipRow(course_id=course.id, person_id=row.id, role=role.value, **membership))
        work.session.flush()
    return row


def a_team(work: Work, course: CourseRow, **overrides: Any) -> TeamRow:
    row = TeamRow(**({"course_id": course.id, "name": f"Team {next(_numbers)}"} | overrides))
    work.session.add(row)
    work.session.flush()
    return row


def an_assignment(
    work: Work,
    course: CourseRow,
    *,
    definition: Assignment | None = None,
    plan: tuple[CheckDefinition, ...] | None = None,
    blob: str = A_SHA256,
    **overrides: Any,
) -> OfferedAssignment:
    """An assignment offered in the course, due in a week unless told otherwise; its plan is known."""
    number = next(_numbers)
    definition = definition or a_definition()
    plan = a_plan() if plan is None else plan
    version = SpecVersionRow(
        spec_slug=definition.slug,
        version=f"{number:012x}",
        definition=definition.model_dump(mode="json"),
        plan=[
            {"id": d.id, "part": d.part, "title": d.title, "points": d.points, "stage": d.stage.value,
             "visibility": d.visibility.value, "timeout_s": d.timeout_s}
            for d in plan
        ],
        blob_sha256=blob,
    )  # fmt: skip
    work.session.add(version)
    work.session.flush()
    values: dict[str, Any] = {
        "course_id": course.id,
        "slug": f"tiny-{number}",
        "title": definition.title,
        "spec_version_id": version.id,
        "due_at": datetime.now(UTC) + timedelta(days=7),
        "uploads_per_day": 20,
        "counting": "last",
    }
    row = AssignmentRow(**(values | overrides))
    work.session.add(row)
    work.session.flush()
    return OfferedAssignment(
        id=row.id,
        slug=Slug(row.slug),
        course_id=course.id,
        course_slug=course.slug,
        title=row.title,
        due_at=row.due_at,
        time_zone=course.time_zone,
        uploads_per_day=row.uploads_per_day,
        counting=Counting(row.counting),
        spec=SpecVersion(
            spec_slug=definition.slug, version=version.version, definition=definition, plan=plan, blob=Sha256(blob)
        ),
    )


def a_reader(
    person: PersonRow, *courses: CourseRow, role: Role = Role.STUDENT, scopes: frozenset[Scope] | None = None
) -> Reader:
    """The person as whoever asks, in this role in these courses."""
    return Reader(
        person=Person(
            id=PersonId(person.id), email=person.email, name=person.name, student_number=person.student_number,
            is_admin=bool(person.is_admin),
        ),
        roles={CourseId(course.id): role for course in courses},
        scopes=frozenset(Scope) if scopes is None else scopes,
    )  # fmt: skip


def a_submission(work: Work, assignment: OfferedAssignment, person: PersonRow, **overrides: Any) -> SubmissionRow:
    """The person's own submission unless `owner` says whose, received now; no run belongs to it yet."""
    number = next(_numbers)
    values: dict[str, Any] = {
        "id": uuid4(),
        "assignment_id": assignment.id,
        "person_id": person.id,
        "owner": f"p{person.id}",
        "number": number,
        "file_name": "work.py",
        "sha256": f"{number:064x}",
        "size_bytes": 10,
    }
    row = SubmissionRow(**(values | overrides))
    work.session.add(row)
    work.session.flush()
    return row


def a_run(work: Work, assignment: OfferedAssignment, submission: SubmissionRow, **overrides: Any) -> RunRow:
    """A run by the assignment's spec version; graded with a score when one is given, else waiting."""
    version = work.session.query(SpecVersionRow).filter_by(version=assignment.spec.version).one()
    score = overrides.get("score")
    values: dict[str, Any] = {
        "id": uuid4(),
        "submission_id": submission.id,
        "spec_version_id": version.id,
        "reason": "upload",
        "state": "waiting" if score is None else "graded",
        "seed": "seed",
        "max_score": assignment.spec.definition.max_points,
        "mark_value": None if score is None else 1.0,
        "mark_label": None if score is None else "half",
        "finished_at": None if score is None else datetime.now(UTC),
    }
    row = RunRow(**(values | overrides))
    work.session.add(row)
    work.session.flush()
    return row


def a_check_result(work: Work, run: RunRow, definition: CheckDefinition, status: str = "passed") -> CheckResultRow:
    """A result of a planned check; full points when passed."""
    row = CheckResultRow(
        run_id=run.id, check_id=definition.id, position=next(_numbers), part=definition.part, title=definition.title,
        stage=definition.stage.value, status=status, points=definition.points if status == "passed" else 0.0,
        max_points=definition.points, visibility=definition.visibility.value,
    )  # fmt: skip
    work.session.add(row)
    work.session.flush()
    return row
