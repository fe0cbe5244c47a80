"""After an erasure nothing in the whole database names the person: looked for in a dump of it."""

from __future__ import annotations

import json
import os
import subprocess
import time
import zipfile

import pytest
from sqlalchemy import text

from grader.answers.asked import AskedQuestion
from grader.cli.host.programs import postgres_tool
from grader.domain.adjustment import WHOLE, Target, TargetKind
from grader.domain.contribution import Stance
from grader.domain.course import Role
from grader.domain.errors import LeaseLost
from grader.domain.submission import Upload
from grader.service import (
    accounts,
    adjustments,
    audit,
    choices,
    contributions,
    drafts,
    extensions,
    given_marks,
    gradings,
    items,
    overrides,
    regrades,
    runs,
    submissions,
)
from grader.storage import dump
from grader.storage.blobs import Blobs
from grader.storage.models import PersonRow
from tests.builders import a_course, a_definition, a_person, a_reader, a_team, an_assignment
from tests.service.test_queue_stages import a_report, claim, finish, grade_all

ADA = "ada.lovelace@example.org"
TRACES = ("lovelace", "ada.lovelace", "n-1815")


def text_of(url: str, tmp_path) -> str:
    """The whole database as SQL."""
    with dump.snapshot(url) as seen:
        dump.dump(postgres_tool("pg_dump", at_least=18), url, tmp_path / "all.dump", of=seen)
    program = postgres_tool("pg_restore", at_least=18)
    return subprocess.run(
        [program, "-f", "-", tmp_path / "all.dump"], capture_output=True, text=True, check=True
    ).stdout


PARTS = [
    {"id": "A", "title": "Part A", "points": 3, "checks": 3},
    {"id": "B", "title": "Part B", "points": 2, "checks": 1, "manual": [{"id": "B.why", "title": "Why?", "points": 4}]},
]
SCALE = {
    "step": [{"share": 0, "value": 0, "label": "none"}], "by_person": [{"share": 0, "value": 5, "label": "creative"}],
}  # fmt: skip


class Term:
    """A course with Ada, who works alone and in a team with Bob, and a TA who decides about them."""

    def __init__(self, database, blobs: Blobs) -> None:
        self.database, self.blobs = database, blobs
        with database.begin() as work:
            self.course = a_course(work, slug="dl")
            self.other = a_course(work, slug="nlp")
            team = a_team(work, self.course, name="Lovelace and friend")
            ada = a_person(work, self.course, email=ADA, name="Ada Lovelace", student_number="N-1815", team_id=team.id,
                           password_hash="secret-hash-of-ada", oidc_subject="https://idp lovelace-sub")  # fmt: skip
            bob = a_person(work, self.course, team_id=team.id)
            self.ta = a_reader(a_person(work, self.course, role=Role.TA), self.course, role=Role.TA)
            spec = blobs.put(b"a spec").sha256
            self.alone = an_assignment(work, self.course, blob=spec, definition=a_definition(part=PARTS, scale=SCALE))
            self.together = an_assignment(
                work,
                self.course,
                blob=spec,
                definition=a_definition(team_size=[1, 2], contribution=True, part=PARTS, scale=SCALE),
            )
            self.elsewhere = an_assignment(work, self.other, blob=spec)
            work.session.execute(
                text("INSERT INTO memberships (course_id, person_id, role) VALUES (:c, :p, 'student')"),
                {"c": self.other.id, "p": ada.id},
            )
            self.ada, self.bob = a_reader(ada, self.course, self.other), a_reader(bob, self.course)
            for statement in (
                "INSERT INTO api_tokens (person_id, name, digest, scopes) VALUES (:p, 'lovelace laptop', 'd', '{}')",
                "INSERT INTO web_sessions (digest, person_id, csrf, expires_at) VALUES ('s', :p, 'c', now() + interval '1 day')",
                f"INSERT INTO sign_in_attempts (key) SELECT 'email:{ADA}' FROM people WHERE id = :p",
            ):
                work.session.execute(text(statement), {"p": ada.id})
        self.own = self.hand_in(self.ada, self.alone, b"alone", name="ada_lovelace.py")
        self.teams = self.hand_in(self.ada, self.together, b"together", name="ada_lovelace2.py")
        self.same = self.hand_in(self.bob, self.alone, b"alone")
        self.far = self.hand_in(self.ada, self.elsewhere, b"elsewhere")
        grade_all(database)
        with database.begin() as work:
            others = "(SELECT id FROM runs WHERE submission_id <> :bobs)"
            said = "'File ada_lovelace.py of Ada Lovelace, N-1815'"
            for statement in (
                f"UPDATE check_results SET output = {said}, detail = {said} WHERE run_id IN {others}",
                f"""UPDATE runs SET message = {said}, facts = '{{"gate": {{"cells": ["by Ada Lovelace"]}}}}'
                    WHERE id IN {others}""",
            ):
                # A colon in JSON is no parameter.
                work.session.execute(text(statement.replace('":', '"\\:')), {"bobs": self.same})
            overrides.override(work, self.ta, self.alone, self.ada.id, score=5, reason="Ada Lovelace was ill")
            for offered in (self.alone, self.together):
                extensions.give(work, self.ta, offered, self.ada.id, extra_days=1, reason="Ada Lovelace was ill")
            work.session.execute(text("UPDATE assignments SET counting = 'chosen'"))
            choices.choose(work, self.ada, self.own)
            choices.choose(work, self.ada, self.teams)
            choices.choose(work, self.ta, self.teams, reason="Lovelace asked")
            for assignment, more in ((self.alone, {}), (self.together, {}), (self.together, {"for_member": True})):
                adjustments.adjust(
                    work, self.ta, assignment, self.ada.id, target=WHOLE, points=1, reason="Ada Lovelace asked", **more
                )
            for asker, submission, more in (
                (self.ada, self.own, {}),
                (self.ada, self.teams, {"points": 2.0}),
                (self.bob, self.teams, {}),
            ):
                target = WHOLE if asker is self.ada else Target(kind=TargetKind.PART, id="A")
                request = regrades.ask(
                    work, asker, submissions.find(work, asker, submission), target=target, reason="For Ada Lovelace"
                )
                words = "Ada Lovelace is right"
                regrades.answer(work, self.ta, request.id, granted=True, words=words, for_member=bool(more), **more)
            for assignment, submission, more in (
                (self.alone, self.own, {}), (self.together, self.teams, {}),
                (self.together, self.teams, {"member": self.ada.id}),
            ):  # fmt: skip
                said = {"free_points": 2, "comment": "Ada Lovelace says why", **more}
                gradings.grade(work, self.ta, assignment, "B.why", submission, **said)
                given_marks.give(work, self.ta, assignment, self.ada.id, value=5, reason="Ada Lovelace, of course")
                items.keep_comment(work, self.ta, assignment, "B.why", "As Ada Lovelace says")
                items.add_line(work, self.ta, assignment, "B.why", label="as Lovelace", points=1)
                gradings.open_piece(work, self.ta, assignment, "B.why", submission, claim=True)
            for assignment in (self.alone, self.together, self.elsewhere):
                asked = [AskedQuestion(id="why", title="", kind="text")]
                drafts.save(work, self.ada, assignment, asked, {"why": "Ada Lovelace wrote it"}, version=0)
            contributions.write(work, self.ada, self.together, "Ada Lovelace did it all")
            about = contributions.of_reader(work, self.bob, self.together).id
            for reader, words in ((self.bob, "Ada Lovelace exaggerates"), (self.ada, "Lovelace here: I do not")):
                contributions.say(
                    work, reader, submissions.find(work, reader, self.teams), about=about, stance=Stance.DISPUTED,
                    text=words,
                )  # fmt: skip
            runs.rerun(work, self.ta, submissions.find(work, self.ta, self.own))
            audit.note(work, self.ada, "issue token", "token:1", f"for {ADA}")

    def hand_in(self, reader, assignment, content: bytes, name: str = "work.py") -> str:
        stored, answers = self.blobs.put(content), self.blobs.put(b"answers of " + content)
        upload = Upload(name=name, sha256=stored.sha256, size_bytes=stored.size_bytes, answers_sha256=answers.sha256)
        with self.database.begin() as work:
            return submissions.receive(work, reader, assignment, upload).id

    def entries(self) -> set[tuple[int, int]]:
        with self.database.begin() as work:
            rows = work.session.execute(text("SELECT assignment_id, person_id FROM gradebook_entries"))
            return {tuple(row) for row in rows}


@pytest.fixture
def term(place, database):
    return Term(database, Blobs(str(place.blobs)))


def age_all(place, hours: float) -> None:
    for path in place.blobs.rglob("*"):
        if path.is_file():
            os.utime(path, (time.time() - hours * 3600,) * 2)


def test_after_an_erasure_nothing_names_the_person(term, place, grader, tmp_path):
    before = text_of(place.url, tmp_path).lower()
    assert all(trace in before for trace in (*TRACES, "secret-hash-of-ada", term.own))
    digests = {name: Blobs(str(place.blobs)).put(name.encode()).sha256 for name in ("alone", "elsewhere", "together")}
    assert grader("erase-student", ADA, "--reason", "case 12", "--dry-run")[0] == 0
    assert text_of(place.url, tmp_path).lower().count("lovelace") == before.count("lovelace")
    age_all(place, 2)
    status, _, err = grader("erase-student", ADA, "--reason", "case 12")
    assert status == 0, err
    after = text_of(place.url, tmp_path).lower()
    for trace in (*TRACES, "secret-hash-of-ada", term.own, term.far, digests["elsewhere"]):
        assert trace not in after, [line for line in after.splitlines() if trace in line][:3]
    store = Blobs(str(place.blobs))
    # Bob handed in the same bytes; the team's work is his too.
    assert store.get(digests["alone"]) == b"alone"
    assert store.get(digests["together"]) == b"together"
    assert not store.has(digests["elsewhere"])
    assert term.entries() == {(term.alone.id, term.bob.id), (term.together.id, term.bob.id)}
    with term.database.begin() as work:
        kept = submissions.find(work, term.bob, term.teams)
        assert kept.person.name == "Erased person"
        assert submissions.latest_run(work, term.bob, kept).state == "graded"
        told = work.session.execute(
            text("SELECT action, person_id, subject, detail FROM audit_events ORDER BY id")
        ).all()
        extended = list(work.session.execute(text("SELECT owner, reason FROM extensions")))
        chosen = list(work.session.execute(text("SELECT made_by = :ada, reason FROM choices"), {"ada": term.ada.id}))
    assert [(owner[0], reason) for owner, reason in extended] == [("t", "erased was ill")]
    assert [tuple(row) for row in chosen] == [(False, ""), (False, "erased asked")]
    assert ("override score", term.ta.id, "gradebook:erased", "") in [tuple(row) for row in told]
    with term.database.begin() as work:
        kept_rows = work.session.execute(text("SELECT owner LIKE 't%', person_id, reason FROM adjustments")).all()
        asked = work.session.execute(text("SELECT person_id, reason, answer FROM regrade_requests")).all()
    assert [tuple(row) for row in kept_rows] == [(True, None, "erased asked")]
    assert [tuple(row) for row in asked] == [(term.bob.id, "For erased", "erased is right")]
    with term.database.begin() as work:
        graded = work.session.execute(text("SELECT person_id, comment FROM gradings")).all()
        marks = work.session.execute(text("SELECT person_id, reason FROM given_marks")).scalars().all()
        kept_words = work.session.execute(text("SELECT text FROM comment_bank")).scalars().all()
    assert [tuple(row) for row in graded] == [(None, "erased says why")]
    assert marks == [None, None]
    assert set(kept_words) == {"As erased says"}
    with term.database.begin() as work:
        drafted = [tuple(row) for row in work.session.execute(text("SELECT owner, answers, saved_by FROM drafts"))]
    assert [(owner[0], answers, by) for owner, answers, by in drafted] == [("t", {"why": "erased wrote it"}, None)]
    with term.database.begin() as work:
        said = work.session.execute(text("SELECT stance, person_id, text FROM contributions ORDER BY id")).all()
    assert [tuple(row) for row in said] == [
        ("written", None, "erased did it all"), ("disputed", term.bob.id, "erased exaggerates"),
    ]  # fmt: skip
    assert told[-1].action == "erase student"
    assert "case 12" in told[-1].detail
    assert grader("erase-student", ADA, "--reason", "again")[0] == 2
    # Whatever the dump holds about others is as it was.
    assert term.same in after


def test_what_one_course_holds_goes_and_the_rest_stays(term, place, grader):
    status, _, err = grader("erase-student", ADA, "--course", "dl", "--reason", "case 13")
    assert status == 0, err
    assert term.entries() == {
        (term.alone.id, term.bob.id), (term.together.id, term.bob.id), (term.elsewhere.id, term.ada.id),
    }  # fmt: skip
    with term.database.begin() as work:
        assert accounts.find_person(work, ADA).name == "Ada Lovelace"
        assert submissions.find(work, term.bob, term.teams).person.name == "Erased person"
        assert submissions.find(work, term.ada, term.far).file == "work.py"
        courses = work.session.execute(
            text("SELECT course_id FROM memberships WHERE person_id = :p"), {"p": term.ada.id}
        ).scalars()
        assert list(courses) == [term.other.id]


def test_a_worker_that_grades_it_meanwhile_loses_its_lease(term, grader, database):
    term.hand_in(term.ada, term.alone, b"a new one")
    held = [claim(database) for _ in range(2)]
    assert grader("erase-student", ADA, "--reason", "case 14")[0] == 0
    for one in held:
        with pytest.raises(LeaseLost):
            finish(database, one.lease, a_report())
    assert claim(database) is None


def test_staff_and_reasons_with_names_are_refused(term, grader, place, database):
    with database.begin() as work:
        ta = work.session.get(PersonRow, term.ta.id).email
    assert "staff of dl" in grader("erase-student", ta, "--reason", "x")[2]
    assert "must not name" in grader("erase-student", ADA, "--reason", "asked by Lovelace")[2]
    assert grader("erase-student", "nobody@example.org", "--reason", "x")[0] == 2
    assert grader("erase-student", ADA, "--course", "none", "--reason", "x")[0] == 2
    with dump.care(place.url):
        assert "under way" in grader("erase-student", ADA, "--reason", "x")[2]


def test_an_export_holds_all_there_is_and_no_secret(term, grader, tmp_path):
    target = tmp_path / "ada.zip"
    status, _, err = grader("export-student", ADA, target)
    assert status == 0, err
    assert target.stat().st_mode & 0o077 == 0
    with zipfile.ZipFile(target) as archive:
        names = set(archive.namelist())
        plain = json.loads(archive.read("person.json"))
        assert archive.read(f"submissions/{term.own}/ada_lovelace.py") == b"alone"
        assert archive.read(f"submissions/{term.own}/answers.json") == b"answers of alone"
    assert {row["id"] for row in plain["submissions"]} == {term.own, term.teams, term.far}
    assert f"submissions/{term.same}/work.py" not in names
    assert plain["person"][0]["email"] == ADA
    assert plain["overrides"][0]["reason"] == "Ada Lovelace was ill"
    assert [row["reason"] for row in plain["extensions"]] == ["Ada Lovelace was ill"] * 2
    assert [row["made_by_me"] for row in plain["choices"]] == [True, True, False]
    assert [row["for_the_team"] for row in plain["adjustments"]] == [False, True, False, False]
    assert [(row["asked_by_me"], row["state"], row["answer"]) for row in plain["regrades"]] == [
        (mine, "granted", "Ada Lovelace is right") for mine in (True, True, False)
    ]
    assert [(row["comment"], row["for_everybody"]) for row in plain["gradings"]] == [
        ("Ada Lovelace says why", everybody) for everybody in (True, True, False)
    ]
    assert [row["for_the_team"] for row in plain["given_marks"]] == [False, True, True]
    assert {(row["assignment"], row["answers"]["why"], row["saved_by_me"]) for row in plain["drafts"]} == {
        (offered.slug, "Ada Lovelace wrote it", True) for offered in (term.alone, term.together, term.elsewhere)
    }
    assert [(row["stance"], row["said_by_me"], row["text"]) for row in plain["contributions"]] == [
        ("written", True, "Ada Lovelace did it all"), ("disputed", True, "Lovelace here: I do not"),
    ]  # fmt: skip
    assert {row["course"] for row in plain["memberships"]} == {"dl", "nlp"}
    for part in ("runs", "results", "events", "gradebook", "tokens", "sessions", "sign_in_attempts", "audit", "stages"):
        assert plain[part], part
    told = json.dumps(plain)
    assert "secret-hash-of-ada" not in told
    assert "seed" not in told
    assert grader("export-student", ADA, target)[0] == 2
