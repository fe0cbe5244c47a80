"""Reading every row that is about one person. No digest of a secret and no seed of hidden inputs is among it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from grader.domain.ids import PersonId
from grader.storage.database import Work
from grader.storage.repositories import erasing

_QUERIES = {
    "person": """SELECT id, email, name, student_number, oidc_subject, is_admin, created_at, disabled_at,
                 password_hash IS NOT NULL AS has_password FROM people WHERE id = :person""",
    "memberships": """SELECT c.slug AS course, c.title, c.term, m.role, m.section, t.name AS team, m.left_at
                      FROM memberships m JOIN courses c ON c.id = m.course_id LEFT JOIN teams t ON t.id = m.team_id
                      WHERE m.person_id = :person ORDER BY c.slug""",
    "tokens": """SELECT name, scopes, created_at, expires_at, last_used_at, revoked_at FROM api_tokens
                 WHERE person_id = :person ORDER BY id""",
    "sessions": "SELECT created_at, expires_at FROM web_sessions WHERE person_id = :person ORDER BY created_at",
    "sign_in_attempts": """SELECT a.at FROM sign_in_attempts a JOIN people p ON a.key = 'email:' || p.email
                           WHERE p.id = :person ORDER BY a.at""",
    "gradebook": """SELECT a.slug AS assignment, e.submission_id, e.run_id,
                    e.own_submission_id, e.state, e.score, e.max_score, e.mark_value,
                    e.mark_label, e.late_days, e.beyond_days, e.penalty, e.items_points, e.items_waiting,
                    e.score_without_items, e.given_mark, e.submissions, e.received_at, e.updated_at
                    FROM gradebook_entries e JOIN assignments a ON a.id = e.assignment_id
                    WHERE e.person_id = :person ORDER BY a.slug""",
    "overrides": """SELECT a.slug AS assignment, o.score, o.reason, o.made_at, o.withdrawn_at FROM overrides o
                    JOIN assignments a ON a.id = o.assignment_id WHERE o.person_id = :person ORDER BY o.id""",
    "extensions": """SELECT a.slug AS assignment, x.owner, x.due_at, x.extra_days, x.reason, x.made_at, x.withdrawn_at
                     FROM extensions x JOIN assignments a ON a.id = x.assignment_id
                     WHERE x.owner = 'p' || CAST(:person AS integer) OR (x.assignment_id, x.owner) IN
                           (SELECT assignment_id, owner FROM submissions WHERE id = ANY(:submissions))
                        OR x.owner IN (SELECT 't' || team_id FROM memberships WHERE person_id = :person)
                     ORDER BY x.id""",
    "choices": """SELECT a.slug AS assignment, h.submission_id, h.reason, h.made_at, h.made_by = :person AS made_by_me
                  FROM choices h JOIN assignments a ON a.id = h.assignment_id
                  WHERE h.submission_id = ANY(:submissions) ORDER BY h.id""",
    "adjustments": """SELECT a.slug AS assignment, d.target, d.target_id, d.title, d.points, d.reason, d.made_at,
                      d.withdrawn_at, d.person_id IS NULL AND d.owner LIKE 't%' AS for_the_team
                      FROM adjustments d JOIN assignments a ON a.id = d.assignment_id
                      WHERE d.person_id = :person OR (d.person_id IS NULL AND EXISTS (
                          SELECT FROM submissions s WHERE s.id = ANY(:submissions)
                          AND s.assignment_id = d.assignment_id AND s.owner = d.owner))
                      ORDER BY d.id""",
    "gradings": """SELECT a.slug AS assignment, g.submission_id, g.item, g.applied, g.free_points, g.comment, g.made_at,
                   g.withdrawn_at, g.person_id IS NULL AS for_everybody, g.made_by = :person AS made_by_me
                   FROM gradings g JOIN assignments a ON a.id = g.assignment_id
                   WHERE g.person_id = :person OR g.made_by = :person
                      OR (g.person_id IS NULL AND g.submission_id = ANY(:submissions)) ORDER BY g.id""",
    "grading_claims": "SELECT submission_id, item, until FROM grading_claims WHERE person_id = :person ORDER BY until",
    "given_marks": """SELECT a.slug AS assignment, m.value, m.reason, m.made_at, m.withdrawn_at,
                      m.person_id IS NULL AND m.owner LIKE 't%' AS for_the_team
                      FROM given_marks m JOIN assignments a ON a.id = m.assignment_id
                      WHERE m.person_id = :person OR (m.person_id IS NULL AND EXISTS (
                          SELECT FROM submissions s WHERE s.id = ANY(:submissions)
                          AND s.assignment_id = m.assignment_id AND s.owner = m.owner)) ORDER BY m.id""",
    "rubric_items": """SELECT a.slug AS assignment, r.item, r.key, r.label, r.points, r.is_removed, r.made_at
                       FROM rubric_items r JOIN assignments a ON a.id = r.assignment_id
                       WHERE r.made_by = :person ORDER BY r.id""",
    "comment_bank": """SELECT a.slug AS assignment, c.item, c.text, c.made_at, c.removed_at FROM comment_bank c
                       JOIN assignments a ON a.id = c.assignment_id WHERE c.made_by = :person ORDER BY c.id""",
    "regrades": """SELECT a.slug AS assignment, r.submission_id, r.person_id = :person AS asked_by_me, r.target,
                   r.target_id, r.title, r.reason, r.state, r.asked_at, r.answered_at, r.answer
                   FROM regrade_requests r JOIN assignments a ON a.id = r.assignment_id
                   WHERE r.person_id = :person OR r.submission_id = ANY(:submissions) ORDER BY r.id""",
    "trials": """SELECT a.slug AS assignment, t.state, t.begun_by = :person AS begun_by_me,
                 CASE WHEN t.begun_by = :person THEN t.reason ELSE '' END AS reason, t.begun_at,
                 CASE WHEN t.ended_by = :person THEN t.ended_reason ELSE '' END AS ended_reason, t.ended_at
                 FROM trials t JOIN assignments a ON a.id = t.assignment_id
                 WHERE t.begun_by = :person OR t.ended_by = :person ORDER BY t.id""",
    "submissions": """SELECT s.id, a.slug AS assignment, s.owner, s.person_id = :person AS handed_in_by_me, s.number,
                      s.file_name, s.sha256, s.size_bytes, s.answers_sha256, s.late_days, s.idempotency_key,
                      s.received_at, s.removed_at, s.is_own
                      FROM submissions s JOIN assignments a ON a.id = s.assignment_id
                      WHERE s.id = ANY(:submissions) ORDER BY s.received_at, s.id""",
    "drafts": """SELECT a.slug AS assignment, d.owner, d.version, d.answers, d.saved_by = :person AS saved_by_me,
                 d.saved_at FROM drafts d JOIN assignments a ON a.id = d.assignment_id
                 WHERE d.owner = 'p' || CAST(:person AS integer) OR d.saved_by = :person
                    OR d.owner IN (SELECT 't' || team_id FROM memberships WHERE person_id = :person)
                 ORDER BY a.slug, d.owner""",
    "contributions": """SELECT a.slug AS assignment, c.owner, c.id, c.about_id, c.stance, c.text, c.said_at,
                        c.person_id = :person AS said_by_me
                        FROM contributions c JOIN assignments a ON a.id = c.assignment_id
                        WHERE c.person_id = :person OR (c.stance = 'written' AND (c.assignment_id, c.owner) IN
                              (SELECT assignment_id, owner FROM submissions WHERE id = ANY(:submissions)))
                        ORDER BY c.id""",
    "runs": """SELECT r.id, r.submission_id, v.version AS spec_version, r.reason, r.state, r.score, r.max_score,
               r.mark_value, r.mark_label, r.message, r.notes, r.facts, r.created_at, r.started_at, r.finished_at,
               r.parts FROM runs r JOIN spec_versions v ON v.id = r.spec_version_id
               WHERE r.submission_id = ANY(:submissions) AND NOT r.is_trial ORDER BY r.created_at, r.id""",
    "stages": """SELECT run_id, stage, state, attempts, problem, created_at, started_at, finished_at FROM run_stages
                  WHERE run_id IN (SELECT id FROM runs WHERE submission_id = ANY(:submissions) AND NOT is_trial)
                 ORDER BY run_id, created_at""",
    "results": """SELECT * FROM check_results
                  WHERE run_id IN (SELECT id FROM runs WHERE submission_id = ANY(:submissions) AND NOT is_trial)
                  ORDER BY run_id, position""",
    "artifacts": """SELECT * FROM artifacts
                    WHERE run_id IN (SELECT id FROM runs WHERE submission_id = ANY(:submissions) AND NOT is_trial)
                    ORDER BY run_id, check_id, name""",
    "events": "SELECT * FROM progress_events WHERE submission_id = ANY(:submissions) ORDER BY id",
    "sheets": """SELECT submission_id, state, problem, note, sheets, wanted_at, made_at FROM submission_sheets
                 WHERE submission_id = ANY(:submissions) ORDER BY wanted_at, submission_id""",
    "sheet_pictures": """SELECT id, submission_id, number, kind, width, height, blob_sha256 FROM sheet_pictures
                         WHERE submission_id = ANY(:submissions) ORDER BY submission_id, number""",
    "fingerprints": """SELECT submission_id, pieces, problem, is_cut, made_at FROM fingerprints
                       WHERE submission_id = ANY(:submissions) ORDER BY made_at, submission_id""",
    # Whose the other submission is would be about somebody else.
    "similar_pairs": """SELECT s.id AS submission_id, a.slug AS compared_for, p.shared,
                        CASE WHEN s.id = p.one_id THEN p.one_total ELSE p.other_total END AS total
                        FROM similar_pairs p JOIN submissions s ON s.id IN (p.one_id, p.other_id)
                        JOIN assignments a ON a.id = p.assignment_id
                        WHERE s.id = ANY(:submissions) ORDER BY p.id, s.id""",
    "webhooks": """SELECT c.slug AS course, w.url, w.created_at, w.removed_at FROM webhooks w
                   JOIN courses c ON c.id = w.course_id WHERE w.created_by = :person ORDER BY w.id""",
    "mail_refusals": "SELECT kind FROM mail_refusals WHERE person_id = :person ORDER BY kind",
    "notices": """SELECT n.kind, c.slug AS course, a.slug AS assignment, n.submission_id, n.about, n.created_at
                  FROM notices n JOIN courses c ON c.id = n.course_id LEFT JOIN assignments a ON a.id = n.assignment_id
                  WHERE n.person_id = :person OR n.submission_id = ANY(:submissions) ORDER BY n.created_at, n.id""",
    "deliveries": """SELECT d.id, n.kind, d.channel, d.state, d.attempts, d.problem, d.created_at, d.ended_at
                     FROM deliveries d JOIN notices n ON n.id = d.notice_id
                     WHERE d.person_id = :person ORDER BY d.created_at, d.id""",
    "lti_people": """SELECT p.name AS platform, p.issuer, u.subject, u.how, u.linked_at FROM lti_people u
                     JOIN lti_platforms p ON p.id = u.platform_id WHERE u.person_id = :person ORDER BY u.linked_at""",
    "lti_platforms": "SELECT name, issuer, created_at FROM lti_platforms WHERE created_by = :person ORDER BY id",
    "lti_contexts": """SELECT p.name AS platform, x.title, c.slug AS course, x.linked_at FROM lti_contexts x
                       JOIN lti_platforms p ON p.id = x.platform_id LEFT JOIN courses c ON c.id = x.course_id
                       WHERE x.linked_by = :person ORDER BY x.id""",
    "lti_links": """SELECT l.title, a.slug AS assignment FROM lti_links l
                    LEFT JOIN assignments a ON a.id = l.assignment_id WHERE l.bound_by = :person ORDER BY l.id""",
    "lti_scores": """SELECT p.name AS platform, a.slug AS assignment, s.sent_score, s.sent_max, s.sent_at
                     FROM lti_scores s JOIN lti_links l ON l.id = s.link_id JOIN lti_contexts x ON x.id = l.context_id
                     JOIN lti_platforms p ON p.id = x.platform_id LEFT JOIN assignments a ON a.id = l.assignment_id
                     WHERE s.person_id = :person ORDER BY s.link_id""",
    "audit": """SELECT at, action, subject, detail, person_id = :person AS done_by_me FROM audit_events
                WHERE person_id = :person OR subject = 'person:' || CAST(:person AS integer)
                   OR subject LIKE 'gradebook:%:' || CAST(:person AS integer)
                   OR subject = ANY(SELECT 'submission:' || s FROM unnest(CAST(:submissions AS uuid[])) s)
                ORDER BY id""",
}


def rows_about(work: Work, person: PersonId) -> dict[str, list[dict[str, Any]]]:
    """By what they are; work of teams the person is or was in is among the submissions."""
    handed = [submission for one in erasing.handed_in(work, person, None) for submission in one.submissions]
    values = {"person": person, "submissions": handed}
    found = {}
    for name, query in _QUERIES.items():
        used = {key: value for key, value in values.items() if f":{key}" in query}
        found[name] = [dict(row) for row in work.session.execute(text(query), used).mappings()]
    return found
