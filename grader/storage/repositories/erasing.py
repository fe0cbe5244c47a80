"""Everything the tables hold about one person, deleted, or freed of them where a row has to stay."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import select, text

from grader.domain.ids import PersonId
from grader.storage.database import Work
from grader.storage.models import (
    AdjustmentRow,
    AuditEventRow,
    CheckResultRow,
    ChoiceRow,
    CommentRow,
    ContributionRow,
    DraftRow,
    ExtensionRow,
    FingerprintRow,
    GivenMarkRow,
    GradingRow,
    PersonRow,
    RegradeRow,
    RubricRow,
    RunRow,
    StageRow,
    SubmissionRow,
    SubmissionSheetsRow,
)

ERASED = "Erased person"
# Deleted with the person, whatever the course.
_OF_THE_PERSON = (
    "DELETE FROM api_tokens WHERE person_id = :person",
    "DELETE FROM web_sessions WHERE person_id = :person",
    "DELETE FROM sign_in_attempts WHERE key = 'email:' || :email",
    "DELETE FROM mail_refusals WHERE person_id = :person",
    "DELETE FROM lti_people WHERE person_id = :person",
)
_IN_COURSES = (
    """DELETE FROM lti_scores WHERE person_id = :person AND link_id IN
       (SELECT l.id FROM lti_links l JOIN lti_contexts x ON x.id = l.context_id
        WHERE CAST(:course AS integer) IS NULL OR x.course_id = :course)""",
    """DELETE FROM deliveries WHERE person_id = :person AND notice_id IN
       (SELECT id FROM notices WHERE CAST(:course AS integer) IS NULL OR course_id = :course)""",
    "DELETE FROM notices WHERE person_id = :person AND (CAST(:course AS integer) IS NULL OR course_id = :course)",
    """DELETE FROM gradebook_entries WHERE person_id = :person AND assignment_id IN
       (SELECT id FROM assignments WHERE CAST(:course AS integer) IS NULL OR course_id = :course)""",
    """DELETE FROM regrade_requests WHERE person_id = :person AND assignment_id IN
       (SELECT id FROM assignments WHERE CAST(:course AS integer) IS NULL OR course_id = :course)""",
    """UPDATE regrade_requests SET adjustment_id = NULL WHERE adjustment_id IN
       (SELECT id FROM adjustments WHERE person_id = :person OR owner = 'p' || CAST(:person AS integer))
       AND assignment_id IN
       (SELECT id FROM assignments WHERE CAST(:course AS integer) IS NULL OR course_id = :course)""",
    """DELETE FROM adjustments WHERE (person_id = :person OR owner = 'p' || CAST(:person AS integer))
       AND assignment_id IN
       (SELECT id FROM assignments WHERE CAST(:course AS integer) IS NULL OR course_id = :course)""",
    """DELETE FROM gradings WHERE person_id = :person AND assignment_id IN
       (SELECT id FROM assignments WHERE CAST(:course AS integer) IS NULL OR course_id = :course)""",
    """DELETE FROM given_marks WHERE (person_id = :person OR owner = 'p' || CAST(:person AS integer))
       AND assignment_id IN
       (SELECT id FROM assignments WHERE CAST(:course AS integer) IS NULL OR course_id = :course)""",
    "DELETE FROM grading_claims WHERE person_id = :person AND CAST(:course AS integer) IS NULL",
    """DELETE FROM overrides WHERE person_id = :person AND assignment_id IN
       (SELECT id FROM assignments WHERE CAST(:course AS integer) IS NULL OR course_id = :course)""",
    """DELETE FROM extensions WHERE owner = 'p' || CAST(:person AS integer) AND assignment_id IN
       (SELECT id FROM assignments WHERE CAST(:course AS integer) IS NULL OR course_id = :course)""",
    """DELETE FROM contributions WHERE person_id = :person AND stance <> 'written' AND assignment_id IN
       (SELECT id FROM assignments WHERE CAST(:course AS integer) IS NULL OR course_id = :course)""",
    """UPDATE contributions SET person_id = NULL WHERE person_id = :person AND assignment_id IN
       (SELECT id FROM assignments WHERE CAST(:course AS integer) IS NULL OR course_id = :course)""",
    """DELETE FROM drafts WHERE owner = 'p' || CAST(:person AS integer) AND assignment_id IN
       (SELECT id FROM assignments WHERE CAST(:course AS integer) IS NULL OR course_id = :course)""",
    """UPDATE drafts SET saved_by = NULL WHERE saved_by = :person AND assignment_id IN
       (SELECT id FROM assignments WHERE CAST(:course AS integer) IS NULL OR course_id = :course)""",
    "DELETE FROM memberships WHERE person_id = :person AND (CAST(:course AS integer) IS NULL OR course_id = :course)",
)
_STILL_NAMED = """
    SELECT EXISTS (SELECT FROM submissions WHERE person_id = :person)
        OR EXISTS (SELECT FROM overrides WHERE made_by = :person OR person_id = :person)
        OR EXISTS (SELECT FROM extensions WHERE made_by = :person)
        OR EXISTS (SELECT FROM late_policies WHERE made_by = :person)
        OR EXISTS (SELECT FROM choices WHERE made_by = :person)
        OR EXISTS (SELECT FROM adjustments WHERE made_by = :person OR person_id = :person)
        OR EXISTS (SELECT FROM regrade_requests WHERE answered_by = :person OR person_id = :person)
        OR EXISTS (SELECT FROM gradings WHERE made_by = :person OR person_id = :person)
        OR EXISTS (SELECT FROM given_marks WHERE made_by = :person OR person_id = :person)
        OR EXISTS (SELECT FROM rubric_items WHERE made_by = :person)
        OR EXISTS (SELECT FROM comment_bank WHERE made_by = :person)
        OR EXISTS (SELECT FROM runs WHERE requested_by = :person)
        OR EXISTS (SELECT FROM trials WHERE begun_by = :person OR ended_by = :person)
        OR EXISTS (SELECT FROM audit_events WHERE person_id = :person)
        OR EXISTS (SELECT FROM webhooks WHERE created_by = :person)
        OR EXISTS (SELECT FROM lti_platforms WHERE created_by = :person)
        OR EXISTS (SELECT FROM lti_contexts WHERE linked_by = :person)
        OR EXISTS (SELECT FROM lti_links WHERE bound_by = :person)
"""


class Handed(NamedTuple):
    """What an owner the person belongs to handed in; `is_shared` when it is others' too, who keep it."""

    assignment: int
    owner: str
    submissions: tuple[UUID, ...]
    is_shared: bool


def staff_courses(work: Work, person: PersonId) -> list[tuple[int, str]]:
    """(id, slug) of the courses in which the person decides about others now."""
    rows = work.session.execute(
        text("""SELECT c.id, c.slug FROM memberships m JOIN courses c ON c.id = m.course_id
                WHERE m.person_id = :person AND m.role <> 'student' AND m.left_at IS NULL ORDER BY c.slug"""),
        {"person": person},
    )
    return [(row[0], row[1]) for row in rows]


def handed_in(work: Work, person: PersonId, course: int | None) -> list[Handed]:
    """The person's own work, and that of the teams they are or were in."""
    rows = work.session.execute(
        text("""
            WITH owners AS (
                SELECT 'p' || CAST(:person AS integer) AS owner
                UNION SELECT 't' || team_id FROM memberships WHERE person_id = :person AND team_id IS NOT NULL
                UNION SELECT s.owner FROM gradebook_entries e JOIN submissions s ON s.id = e.submission_id
                      WHERE e.person_id = :person
                UNION SELECT owner FROM submissions WHERE person_id = :person
            )
            SELECT s.assignment_id, s.owner, array_agg(s.id),
                s.owner LIKE 't%' AND (
                    EXISTS (SELECT FROM memberships m WHERE 't' || m.team_id = s.owner AND m.person_id <> :person)
                    OR EXISTS (SELECT FROM gradebook_entries e JOIN submissions o ON o.id = e.submission_id
                               WHERE o.owner = s.owner AND e.person_id <> :person)
                    OR bool_or(s.person_id <> :person))
            FROM submissions s JOIN assignments a ON a.id = s.assignment_id
            WHERE s.owner IN (SELECT owner FROM owners) AND (CAST(:course AS integer) IS NULL OR a.course_id = :course)
            GROUP BY s.assignment_id, s.owner ORDER BY 1, 2
        """),
        {"person": person, "course": course},
    )
    return [Handed(row[0], row[1], tuple(row[2]), row[3]) for row in rows]


def delete_in_courses(work: Work, person: PersonId, course: int | None) -> None:
    """Entries, overrides, adjustments, gradings, marks, regrade requests, extensions, drafts and memberships."""
    for statement in _IN_COURSES:
        work.session.execute(text(statement), {"person": person, "course": course})


def delete_sign_ins(work: Work, person: PersonId, email: str) -> None:
    for statement in _OF_THE_PERSON:
        values = {"person": person, "email": email}
        work.session.execute(text(statement), {name: values[name] for name in values if f":{name}" in statement})


def free_audit(work: Work, subjects: Sequence[str], words: Sequence[str]) -> None:
    """Who did what and when stays; what it was done to, where that is the person, and what was said about it, go."""
    work.session.execute(
        text("""UPDATE audit_events SET subject = concat(split_part(subject, ':', 1), ':', 'erased'), detail = ''
                WHERE subject = ANY(CAST(:subjects AS text[])) OR subject LIKE ANY(CAST(:gradebooks AS text[]))"""),
        {
            "subjects": [subject for subject in subjects if "%" not in subject],
            "gradebooks": [subject for subject in subjects if "%" in subject],
        },
    )
    work.session.execute(
        text("UPDATE audit_events SET detail = '' WHERE lower(detail) LIKE ANY(CAST(:words AS text[]))"),
        {"words": [f"%{_escaped(word.lower())}%" for word in words]},
    )


def free_shared(work: Work, chosen: Sequence[UUID], person: PersonId, clean: Callable[[str], str]) -> None:
    """Others' submissions no longer say who handed them in or chose them, nor name the person in our words."""
    if not chosen:
        return
    mine = list(work.session.scalars(select(SubmissionRow).where(SubmissionRow.id.in_(chosen))))
    choices = list(work.session.scalars(select(ChoiceRow).where(ChoiceRow.submission_id.in_(chosen))))
    if any(row.person_id == person for row in mine) or any(choice.made_by == person for choice in choices):
        stand_in = PersonRow(email=f"erased-{mine[0].id}@erased.invalid", name=ERASED)
        work.session.add(stand_in)
        work.session.flush()
        work.session.execute(
            text("UPDATE people SET disabled_at = clock_timestamp() WHERE id = :id"), {"id": stand_in.id}
        )
        for row in mine:
            if row.person_id == person:
                row.person_id, row.idempotency_key = stand_in.id, None
        for choice in choices:
            if choice.made_by == person:
                choice.made_by = stand_in.id
    for row in mine:
        row.file_name = clean(row.file_name)
    for choice in choices:
        choice.reason = clean(choice.reason)
    for made in work.session.scalars(select(FingerprintRow).where(FingerprintRow.submission_id.in_(chosen))):
        made.pieces, made.problem = _cleaned(made.pieces, clean), clean(made.problem)
    for shown in work.session.scalars(select(SubmissionSheetsRow).where(SubmissionSheetsRow.submission_id.in_(chosen))):
        shown.sheets, shown.problem, shown.note = (
            [_text_cleaned(sheet, clean) for sheet in shown.sheets], clean(shown.problem), clean(shown.note),
        )  # fmt: skip
    runs = list(work.session.scalars(select(RunRow).where(RunRow.submission_id.in_(chosen))))
    for run in runs:
        run.message, run.notes, run.facts = clean(run.message), _cleaned(run.notes, clean), _cleaned(run.facts, clean)
    identities = [run.id for run in runs]
    for result in work.session.scalars(select(CheckResultRow).where(CheckResultRow.run_id.in_(identities))):
        result.message, result.detail, result.output = (
            clean(result.message), clean(result.detail), clean(result.output),
        )  # fmt: skip
    _free_decisions(work, mine, clean)
    subjects = [f"submission:{identity}" for identity in chosen]
    for told in work.session.scalars(select(AuditEventRow).where(AuditEventRow.subject.in_(subjects))):
        told.detail = clean(told.detail)
    for stage in work.session.scalars(select(StageRow).where(StageRow.run_id.in_(identities))):
        stage.problem = clean(stage.problem)
    work.session.flush()


def free_extensions(work: Work, owners: Sequence[str], clean: Callable[[str], str]) -> None:
    """Why teams that others are in were given more time no longer names the person."""
    for given in work.session.scalars(select(ExtensionRow).where(ExtensionRow.owner.in_(owners))):
        given.reason = clean(given.reason)
    work.session.flush()


def free_items(work: Work, assignments: Sequence[int], clean: Callable[[str], str]) -> None:
    """Rubrics and kept comments of these assignments no longer name the person."""
    for line in work.session.scalars(select(RubricRow).where(RubricRow.assignment_id.in_(assignments))):
        line.label = clean(line.label)
    for comment in work.session.scalars(select(CommentRow).where(CommentRow.assignment_id.in_(assignments))):
        comment.text = clean(comment.text)
    subjects = [f"rubric:{assignment}" for assignment in assignments]
    for told in work.session.scalars(select(AuditEventRow).where(AuditEventRow.subject.in_(subjects))):
        told.detail = clean(told.detail)
    work.session.flush()


def free_drafts(work: Work, owners: Sequence[str], clean: Callable[[str], str]) -> None:
    """What teams that others are in are writing, and say about who did what, no longer names the person."""
    for said in work.session.scalars(select(ContributionRow).where(ContributionRow.owner.in_(owners))):
        said.text = clean(said.text)
    for draft in work.session.scalars(select(DraftRow).where(DraftRow.owner.in_(owners))):
        draft.answers = {name: clean(text) for name, text in draft.answers.items()}
    work.session.flush()


def _free_decisions(work: Work, mine: Sequence[SubmissionRow], clean: Callable[[str], str]) -> None:
    """What was asked about a team's work, answered, changed with a reason, and said when it was graded."""
    for assignment, owner in {(row.assignment_id, row.owner) for row in mine}:
        of_owner = {"assignment_id": assignment, "owner": owner}
        for adjustment in work.session.scalars(select(AdjustmentRow).filter_by(**of_owner)):
            adjustment.reason = clean(adjustment.reason)
        for request in work.session.scalars(select(RegradeRow).filter_by(**of_owner)):
            request.reason, request.answer = clean(request.reason), clean(request.answer)
        for mark in work.session.scalars(select(GivenMarkRow).filter_by(**of_owner)):
            mark.reason = clean(mark.reason)
    submissions = [row.id for row in mine]
    for grading in work.session.scalars(select(GradingRow).where(GradingRow.submission_id.in_(submissions))):
        grading.comment = clean(grading.comment)


def rename_teams(work: Work, owners: Sequence[str], clean: Callable[[str], str]) -> None:
    """Teams called after the person."""
    rows = work.session.execute(
        text("SELECT id, name FROM teams WHERE 't' || id = ANY(:owners)"), {"owners": list(owners)}
    )
    for identity, name in rows.all():
        if clean(name) != name:
            values = {"id": identity, "name": f"Team {identity}"}
            work.session.execute(text("UPDATE teams SET name = :name WHERE id = :id"), values)


def delete_empty_teams(work: Work, owners: Sequence[str]) -> None:
    """Teams in which nobody is left and of which nothing is, with their extensions and drafts."""
    gone = work.session.execute(
        text("""DELETE FROM teams t WHERE 't' || t.id = ANY(:owners)
                AND NOT EXISTS (SELECT FROM memberships WHERE team_id = t.id)
                AND NOT EXISTS (SELECT FROM submissions WHERE owner = 't' || t.id) RETURNING 't' || t.id"""),
        {"owners": list(owners)},
    )
    values = {"owners": list(gone.scalars())}
    for table in ("extensions", "drafts", "contributions"):
        work.session.execute(text(f"DELETE FROM {table} WHERE owner = ANY(CAST(:owners AS text[]))"), values)  # noqa: S608


def teams_of(work: Work, person: PersonId) -> list[str]:
    rows = work.session.execute(
        text("SELECT 't' || team_id FROM memberships WHERE person_id = :person AND team_id IS NOT NULL"),
        {"person": person},
    )
    return list(rows.scalars())


def delete_or_free_person(work: Work, person: PersonId) -> bool:
    """True when the row is gone; else it is nobody's any more, and what refers to it still says who did what."""
    if not work.session.execute(text(_STILL_NAMED), {"person": person}).scalar():
        work.session.execute(text("DELETE FROM people WHERE id = :person"), {"person": person})
        return True
    work.session.execute(
        text("""UPDATE people SET email = 'erased-' || id || '@erased.invalid', name = :name, student_number = NULL,
                password_hash = NULL, oidc_subject = NULL, disabled_at = clock_timestamp() WHERE id = :person"""),
        {"person": person, "name": ERASED},
    )
    return False


def _cleaned(plain: Any, clean: Callable[[str], str]) -> Any:
    if isinstance(plain, str):
        return clean(plain)
    if isinstance(plain, list):
        return [_cleaned(inner, clean) for inner in plain]
    if isinstance(plain, dict):
        return {clean(key): _cleaned(inner, clean) for key, inner in plain.items()}
    return plain


def _text_cleaned(sheet: dict[str, Any], clean: Callable[[str], str]) -> dict[str, Any]:
    """A sheet freed of the person; its pictures are, like the file itself, the others' to keep."""
    outputs = [output | {"text": clean(output["text"])} for output in sheet["outputs"]]
    return sheet | {"path": clean(sheet["path"]), "text": clean(sheet["text"]), "outputs": outputs}


def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
