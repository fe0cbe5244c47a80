"""Spec versions, and the assignments that courses offer by them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select, update
from sqlalchemy.dialects.postgresql import insert

from grader.domain.assignment import Assignment, LatePolicy
from grader.domain.check import CheckDefinition
from grader.domain.grading import Counting, OfferedAssignment, SpecVersion
from grader.domain.ids import CourseId, Owner, Sha256, Slug
from grader.storage.database import Work
from grader.storage.models import AssignmentRow, CourseRow, SpecVersionRow, SubmissionRow
from grader.storage.repositories.lateness import policies
from grader.storage.repositories.runs import plan_from_plain, plan_to_plain

_Selected = Select[AssignmentRow, CourseRow, SpecVersionRow, dict[str, Any] | None]


def add_spec(work: Work, *, definition: Assignment, spec_slug: str, version: str, blob: Sha256) -> SpecVersion:
    """The spec version, as it was kept first."""
    values = {
        "spec_slug": spec_slug,
        "version": version,
        "definition": definition.model_dump(mode="json"),
        "blob_sha256": blob,
    }
    work.session.execute(
        insert(SpecVersionRow).values(values).on_conflict_do_nothing(index_elements=["spec_slug", "version"])
    )
    return _spec(work.session.scalars(_version(spec_slug, version)).one())


def set_plan(work: Work, *, spec_slug: str, version: str, plan: tuple[CheckDefinition, ...]) -> None:
    """Keep the plan of a version that has none yet."""
    statement = (
        update(SpecVersionRow)
        .where(
            SpecVersionRow.spec_slug == spec_slug,
            SpecVersionRow.version == version,
            func.jsonb_array_length(SpecVersionRow.plan) == 0,
        )
        .values(plan=plan_to_plain(plan))
    )
    work.session.execute(statement, execution_options={"synchronize_session": "fetch"})


def has_spec(work: Work, spec_slug: str, version: str) -> bool:
    return work.session.scalar(select(SpecVersionRow.id).filter_by(spec_slug=spec_slug, version=version)) is not None


def spec_called(work: Work, spec_slug: str, version: str) -> SpecVersion:
    """A version that is kept."""
    return _spec(work.session.scalars(_version(spec_slug, version)).one())


def spec_by_id(work: Work, identity: int) -> SpecVersion:
    return _spec(work.session.get_one(SpecVersionRow, identity))


def spec_versions(work: Work, spec_slug: str) -> list[SpecVersion]:
    """Every version that is kept of a spec, newest first."""
    query = select(SpecVersionRow).where(SpecVersionRow.spec_slug == spec_slug)
    return [_spec(row) for row in work.session.scalars(query.order_by(SpecVersionRow.id.desc()))]


def has_specs(work: Work) -> bool:
    """Whether any spec was ever published."""
    return work.session.execute(select(SpecVersionRow.id).limit(1)).first() is not None


def lock(work: Work, slug: str) -> OfferedAssignment | None:
    """An assignment as the newest commit left it, that nobody else changes before this transaction ends."""
    # Its key is not locked: uploads go on meanwhile.
    query = _offered().where(AssignmentRow.slug == slug).with_for_update(of=AssignmentRow, key_share=True)
    return _one(work, query.execution_options(populate_existing=True))


def by_slug(work: Work, slug: str) -> OfferedAssignment | None:
    return _one(work, _offered().where(AssignmentRow.slug == slug))


def of_courses(work: Work, courses: list[CourseId] | None) -> list[OfferedAssignment]:
    """Of these courses, or (None) of all, by due date; those without one last."""
    query = _offered().where(CourseRow.archived_at.is_(None))
    if courses is not None:
        query = query.where(AssignmentRow.course_id.in_(courses))
    query = query.order_by(AssignmentRow.due_at.asc().nulls_last(), AssignmentRow.slug)
    return [_assignment(*row) for row in work.session.execute(query)]


def by_spec(work: Work, spec_slug: str) -> list[OfferedAssignment]:
    """Every assignment that versions of this spec judge, in whatever course and term; the newest offer first."""
    query = _offered().where(SpecVersionRow.spec_slug == spec_slug).order_by(AssignmentRow.id.desc())
    return [_assignment(*row) for row in work.session.execute(query)]


def add(work: Work, *, course: CourseId, slug: str, spec: SpecVersion, title: str, due_at: datetime | None) -> bool:
    """Whether there was no assignment of this slug yet."""
    values = {
        "course_id": course,
        "slug": slug,
        "title": title,
        "spec_version_id": _version(spec.spec_slug, spec.version)
        .with_only_columns(SpecVersionRow.id)
        .scalar_subquery(),
        "due_at": due_at,
    }
    statement = insert(AssignmentRow).values(values).on_conflict_do_nothing(index_elements=["slug"])
    return work.session.execute(statement.returning(AssignmentRow.id)).one_or_none() is not None


def change(work: Work, slug: str, *, spec: SpecVersion, **values: Any) -> None:
    """Move to this spec version, and set these columns."""
    version = work.session.scalars(_version(spec.spec_slug, spec.version)).one()
    statement = update(AssignmentRow).where(AssignmentRow.slug == slug).values(spec_version_id=version.id, **values)
    work.session.execute(statement, execution_options={"synchronize_session": False})


def set_regrade_days(work: Work, assignment: int, days: int) -> None:
    statement = update(AssignmentRow).where(AssignmentRow.id == assignment).values(regrade_days=days)
    work.session.execute(statement, execution_options={"synchronize_session": "fetch"})


def set_grading(work: Work, assignment: int, *, is_blind: bool, is_released: bool) -> None:
    """How items are graded by hand, and whether students read what they were given; the first release's time stays."""
    released = func.coalesce(AssignmentRow.items_released_at, func.clock_timestamp()) if is_released else None
    statement = (
        update(AssignmentRow)
        .where(AssignmentRow.id == assignment)
        .values(is_blind=is_blind, items_released_at=released)
    )
    work.session.execute(statement, execution_options={"synchronize_session": "fetch"})


def owners(work: Work, assignment: int) -> list[Owner]:
    """Everybody who handed something in."""
    query = select(SubmissionRow.owner).where(SubmissionRow.assignment_id == assignment).distinct()
    return [Owner(owner) for owner in sorted(work.session.scalars(query))]


def _version(spec_slug: str, version: str) -> Select[SpecVersionRow]:
    return select(SpecVersionRow).where(SpecVersionRow.spec_slug == spec_slug, SpecVersionRow.version == version)


def _offered() -> _Selected:
    chosen = policies().subquery()
    return (
        select(AssignmentRow, CourseRow, SpecVersionRow, chosen.c.policy)
        .join(CourseRow, CourseRow.id == AssignmentRow.course_id)
        .join(SpecVersionRow, SpecVersionRow.id == AssignmentRow.spec_version_id)
        .outerjoin(chosen, chosen.c.assignment_id == AssignmentRow.id)
    )


def _one(work: Work, query: _Selected) -> OfferedAssignment | None:
    found = work.session.execute(query).one_or_none()
    return None if found is None else _assignment(*found)


def _assignment(
    row: AssignmentRow, course: CourseRow, version: SpecVersionRow, policy: dict[str, Any] | None
) -> OfferedAssignment:
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
        spec=_spec(version),
        set_late=None if policy is None else LatePolicy.model_validate(policy),
        regrade_days=row.regrade_days,
        is_blind=row.is_blind,
        items_released_at=row.items_released_at,
    )


def _spec(row: SpecVersionRow) -> SpecVersion:
    return SpecVersion(
        spec_slug=row.spec_slug,
        version=row.version,
        definition=Assignment.model_validate(row.definition),
        plan=plan_from_plain(row.plan),
        blob=Sha256(row.blob_sha256),
    )
