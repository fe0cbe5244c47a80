"""What counts, recomputed from submissions and runs; rows by page; each role. On the real database."""

from __future__ import annotations

import base64
import json
import threading
from datetime import UTC, datetime, timedelta
from itertools import pairwise, product

import pytest
from sqlalchemy import select

from grader.domain.course import Role, Scope
from grader.domain.errors import BadRequest, NeedsRole, NeedsScope
from grader.domain.gradebook import GradebookQuery, GradebookSort
from grader.domain.grading import Counting, RunState
from grader.domain.ids import AssignmentId, Owner
from grader.service import assignments, courses, gradebook
from grader.storage.models import AssignmentRow, GradebookEntryRow, MembershipRow
from tests import builders

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def refresh(work, assignment, owner):
    gradebook.refresh(work, AssignmentId(assignment.id), Owner(owner))


def hand_in(work, assignment, person, hours, *, owner=None, score=None, run=None, **submission):
    """A submission received that many hours after the start, with its first run."""
    owner = owner or f"p{person.id}"
    values = {"received_at": START + timedelta(hours=hours), "owner": owner} | submission
    made = builders.a_submission(work, assignment, person, **values)
    return made, builders.a_run(work, assignment, made, score=score, **(run or {}))


def entry_of(work, assignment, person):
    work.session.expire_all()
    return work.session.get(GradebookEntryRow, (assignment.id, person.id))


@pytest.fixture
def work(database):
    with database.begin() as work:
        yield work


@pytest.fixture
def course(work):
    return builders.a_course(work)


@pytest.fixture
def student(work, course):
    return builders.a_person(work, course)


@pytest.fixture
def assignment(work, course):
    return builders.an_assignment(work, course)


class TestWhatCounts:
    def test_a_submission_counts_as_soon_as_it_is_there_without_a_score(self, work, course, student):
        assignment = builders.an_assignment(work, course, due_at=START - timedelta(hours=30))
        submission, run = hand_in(work, assignment, student, 1)
        refresh(work, assignment, f"p{student.id}")
        entry = entry_of(work, assignment, student)
        assert (entry.submission_id, entry.run_id, entry.state) == (submission.id, run.id, "waiting")
        assert (entry.score, entry.mark_value, entry.late_days, entry.submissions) == (None, None, 2, 1)
        assert entry.received_at == submission.received_at

    def test_nothing_handed_in_is_no_entry(self, work, assignment, student):
        refresh(work, assignment, f"p{student.id}")
        assert entry_of(work, assignment, student) is None

    def test_a_score_and_mark_come_from_the_run(self, work, assignment, student):
        hand_in(work, assignment, student, 1, score=4.0)
        refresh(work, assignment, f"p{student.id}")
        entry = entry_of(work, assignment, student)
        assert (entry.state, entry.score, entry.max_score) == ("graded", 4.0, 5.0)
        assert (entry.mark_value, entry.mark_label) == (1.0, "half")

    @pytest.mark.parametrize(("counting", "score"), [("last", 2.0), ("best", 4.0)])
    def test_the_last_or_the_best_counts_as_the_assignment_says(self, work, course, student, counting, score):
        assignment = builders.an_assignment(work, course, counting=counting)
        for hour, points in enumerate([3.0, 4.0, 2.0]):
            hand_in(work, assignment, student, hour, score=points)
        refresh(work, assignment, f"p{student.id}")
        entry = entry_of(work, assignment, student)
        assert (entry.score, entry.submissions) == (score, 3)

    def test_an_upload_that_is_not_graded_yet_does_not_hide_the_score_that_is_there(self, work, assignment, student):
        graded, _ = hand_in(work, assignment, student, 1, score=4.0)
        hand_in(work, assignment, student, 2)
        hand_in(work, assignment, student, 3, run={"state": "rejected"})
        hand_in(work, assignment, student, 4, run={"state": "failed"})
        refresh(work, assignment, f"p{student.id}")
        entry = entry_of(work, assignment, student)
        assert (entry.submission_id, entry.score, entry.submissions) == (graded.id, 4.0, 4)

    @pytest.mark.parametrize("state", ["waiting", "grading", "failed"])
    def test_a_rerun_without_a_result_does_not_hide_the_run_that_has_one(self, work, assignment, student, state):
        submission, first = hand_in(work, assignment, student, 1, score=4.0)
        builders.a_run(work, assignment, submission, state=state, reason="rerun")
        refresh(work, assignment, f"p{student.id}")
        entry = entry_of(work, assignment, student)
        assert (entry.run_id, entry.state, entry.score) == (first.id, "graded", 4.0)

    def test_a_rerun_with_a_result_takes_the_place_also_of_a_better_one(self, work, course, student):
        assignment = builders.an_assignment(work, course, counting="best")
        submission, _ = hand_in(work, assignment, student, 1, score=4.0)
        second = builders.a_run(work, assignment, submission, score=1.0, reason="rerun")
        refresh(work, assignment, f"p{student.id}")
        entry = entry_of(work, assignment, student)
        assert (entry.run_id, entry.score) == (second.id, 1.0)

    def test_a_rerun_that_is_rejected_takes_the_score_away(self, work, assignment, student):
        submission, _ = hand_in(work, assignment, student, 1, score=4.0)
        builders.a_run(work, assignment, submission, state="rejected", reason="rerun")
        refresh(work, assignment, f"p{student.id}")
        entry = entry_of(work, assignment, student)
        assert (entry.state, entry.score, entry.mark_value) == ("rejected", None, None)

    def test_doing_it_again_changes_nothing(self, work, assignment, student):
        hand_in(work, assignment, student, 1, score=4.0)
        refresh(work, assignment, f"p{student.id}")
        before = entry_of(work, assignment, student).run_id
        refresh(work, assignment, f"p{student.id}")
        assert entry_of(work, assignment, student).run_id == before

    def test_assignments_and_students_are_kept_apart(self, work, course, assignment, student):
        other, mate = builders.an_assignment(work, course), builders.a_person(work, course)
        hand_in(work, assignment, student, 1, score=4.0)
        hand_in(work, other, student, 1, score=1.0)
        hand_in(work, assignment, mate, 1, score=2.0)
        for one, person in product([assignment, other], [student, mate]):
            refresh(work, one, f"p{person.id}")
        scores = {(e.assignment_id, e.person_id): e.score for e in work.session.scalars(select(GradebookEntryRow))}
        assert scores == {(assignment.id, student.id): 4.0, (other.id, student.id): 1.0, (assignment.id, mate.id): 2.0}


class TestTeams:
    @pytest.fixture
    def team(self, work, course):
        return builders.a_team(work, course)

    @pytest.fixture
    def mates(self, work, course, team):
        return [builders.a_person(work, course, team_id=team.id) for _ in range(2)]

    def test_a_teams_score_counts_for_everybody_in_it(self, work, course, assignment, team, mates):
        outsider = builders.a_person(work, course)
        hand_in(work, assignment, mates[0], 1, owner=f"t{team.id}", score=4.0)
        refresh(work, assignment, f"t{team.id}")
        assert [entry_of(work, assignment, mate).score for mate in mates] == [4.0, 4.0]
        assert entry_of(work, assignment, outsider) is None

    def test_whoever_left_the_team_keeps_what_they_had_and_follows_its_reruns(self, work, assignment, team, mates):
        submission, _ = hand_in(work, assignment, mates[0], 1, owner=f"t{team.id}", score=4.0)
        refresh(work, assignment, f"t{team.id}")
        work.session.get(MembershipRow, (assignment.course_id, mates[1].id)).team_id = None
        builders.a_run(work, assignment, submission, score=3.0, reason="rerun")
        refresh(work, assignment, f"t{team.id}")
        assert entry_of(work, assignment, mates[1]).score == 3.0

    def test_teams_made_anew_do_not_change_the_assignment_before(self, work, course, assignment, team, mates):
        other = builders.a_team(work, course)
        rival = builders.a_person(work, course, team_id=other.id)
        theirs, _ = hand_in(work, assignment, rival, 1, owner=f"t{other.id}", score=1.0)
        hand_in(work, assignment, mates[0], 2, owner=f"t{team.id}", score=4.0)
        for owner in (team, other):
            refresh(work, assignment, f"t{owner.id}")
        work.session.get(MembershipRow, (course.id, mates[1].id)).team_id = other.id
        builders.a_run(work, assignment, theirs, score=2.0, reason="mass-rerun")
        for owner in (team, other):
            refresh(work, assignment, f"t{owner.id}")
        assert entry_of(work, assignment, mates[1]).score == 4.0
        assert entry_of(work, assignment, rival).score == 2.0

    def test_what_the_new_team_hands_in_counts_for_whoever_moved_to_it(self, work, course, assignment, team, mates):
        other = builders.a_team(work, course)
        hand_in(work, assignment, mates[0], 1, owner=f"t{team.id}", score=4.0)
        refresh(work, assignment, f"t{team.id}")
        work.session.get(MembershipRow, (course.id, mates[1].id)).team_id = other.id
        builders.a_submission(work, assignment, mates[1], owner=f"t{other.id}")
        refresh(work, assignment, f"t{other.id}")
        assert (entry_of(work, assignment, mates[1]).score, entry_of(work, assignment, mates[0]).score) == (None, 4.0)


def test_two_runs_of_one_owner_that_end_at_once_both_count(database):
    """Whoever comes second reads what the first one wrote: neither transaction leaves an entry without the other's run."""
    for _ in range(10):
        with database.begin() as work:
            course = builders.a_course(work)
            assignment = builders.an_assignment(work, course, counting="best")
            student = builders.a_person(work, course)
            made = [hand_in(work, assignment, student, hour)[1] for hour in range(2)]
        barrier = threading.Barrier(2)

        def end(run, score, assignment=assignment, student=student, barrier=barrier):
            with database.begin() as work:
                row = work.session.get(type(run), run.id)
                row.state, row.score = "graded", score
                work.session.flush()
                barrier.wait(20)
                refresh(work, assignment, f"p{student.id}")

        threads = [threading.Thread(target=end, args=(run, float(score))) for score, run in enumerate(made, start=1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with database.begin() as work:
            assert entry_of(work, assignment, student).score == 2.0


def rows_of(work, reader, assignment, **query):
    return gradebook.page(work, reader, assignment, GradebookQuery(**query))


@pytest.fixture
def ta(work, course):
    return builders.a_reader(builders.a_person(work, course, Role.TA), course, role=Role.TA)


class TestWhoReadsIt:
    @pytest.mark.parametrize(
        ("name", "allowed"),
        [("student", False), ("stranger", False), ("ta", True), ("instructor", True), ("admin", True)],
    )
    def test_staff_of_the_course_alone(self, work, course, assignment, name, allowed):
        other = builders.a_course(work)
        readers = {
            "student": builders.a_reader(builders.a_person(work, course), course),
            "stranger": builders.a_reader(builders.a_person(work, other, Role.INSTRUCTOR), other, role=Role.INSTRUCTOR),
            "ta": builders.a_reader(builders.a_person(work, course, Role.TA), course, role=Role.TA),
            "instructor": builders.a_reader(
                builders.a_person(work, course, Role.INSTRUCTOR), course, role=Role.INSTRUCTOR
            ),
            "admin": builders.a_reader(builders.a_person(work, is_admin=True)),
        }
        for read in (
            lambda: rows_of(work, readers[name], assignment),
            lambda: gradebook.rows(work, readers[name], assignment),
        ):
            if allowed:
                read()
            else:
                # At once, not when the first row is read.
                with pytest.raises(NeedsRole):
                    read()

    def test_a_token_that_may_not_read_does_not(self, work, course, assignment):
        person = builders.a_person(work, course, Role.TA)
        reader = builders.a_reader(person, course, role=Role.TA, scopes=frozenset({Scope.GRADE}))
        with pytest.raises(NeedsScope):
            rows_of(work, reader, assignment)
        with pytest.raises(NeedsScope):
            gradebook.rows(work, reader, assignment)


class TestRows:
    def test_every_student_who_has_not_left_has_a_row_and_staff_have_none(self, work, course, assignment, ta):
        present = builders.a_person(work, course, name="Ada", section="morning")
        gone = builders.a_person(work, course, name="Gus")
        work.session.get(MembershipRow, (course.id, gone.id)).left_at = START
        builders.a_person(work, builders.a_course(work), name="Elsewhere")
        page = rows_of(work, ta, assignment)
        (row,) = page.rows
        assert (page.total, page.next_cursor) == (1, "")
        assert (row.person.id, row.section, row.state, row.submission, row.score) == (
            present.id,
            "morning",
            None,
            None,
            None,
        )
        assert (row.max_score, row.mark, row.late_days, row.submissions, row.received_at) == (5.0, None, 0, 0, None)

    def test_a_row_holds_what_counts(self, work, course, ta):
        assignment = builders.an_assignment(work, course, due_at=START)
        team = builders.a_team(work, course, name="Team 5")
        person = builders.a_person(work, course, team_id=team.id, student_number="42")
        submission, run = hand_in(work, assignment, person, 1, score=4.0)
        refresh(work, assignment, f"p{person.id}")
        (row,) = rows_of(work, ta, assignment).rows
        assert (row.submission, row.run, row.state) == (str(submission.id), str(run.id), RunState.GRADED)
        assert (row.score, row.mark.value, row.mark.label, row.is_overridden) == (4.0, 1.0, "half", False)
        assert (row.person.student_number, row.team, row.late_days, row.submissions) == ("42", "Team 5", 1, 1)
        assert row.received_at == submission.received_at

    @pytest.mark.parametrize(
        ("search", "names"),
        [
            ("ada", ["Ada Lovelace"]),
            ("LOVE", ["Ada Lovelace"]),
            ("grace@", ["Grace Hopper"]),
            ("N-77", ["Grace Hopper"]),
            ("%", ["100% Bob"]),
            ("_", []),
            ("0%", ["100% Bob"]),
            ("çağ", ["Çağrı"]),
            ("nobody", []),
            ("'", []),
        ],
    )
    def test_search_finds_a_part_of_name_address_or_number_and_takes_no_sign_for_a_wildcard(
        self, work, course, assignment, ta, search, names
    ):
        builders.a_person(work, course, name="Ada Lovelace", email="countess@example.org")
        builders.a_person(work, course, name="Grace Hopper", email="grace@example.org", student_number="N-77")
        builders.a_person(work, course, name="100% Bob", email="bob@example.org")
        builders.a_person(work, course, name="Çağrı", email="c@example.org")
        page = rows_of(work, ta, assignment, search=search)
        assert ([row.person.name for row in page.rows], page.total) == (names, len(names))

    def test_section_and_state_are_filters(self, work, course, assignment, ta):
        for name, section, score in (("A", "x", 4.0), ("B", "x", None), ("C", "y", 4.0)):
            person = builders.a_person(work, course, name=name, section=section)
            hand_in(work, assignment, person, 1, score=score)
            refresh(work, assignment, f"p{person.id}")
        builders.a_person(work, course, name="D", section="y")

        def names(**query):
            page = rows_of(work, ta, assignment, **query)
            assert page.total == len(page.rows)
            return [row.person.name for row in page.rows]

        assert names(section="x") == ["A", "B"]
        assert names(state="graded") == ["A", "C"]
        assert names(state="waiting") == ["B"]
        assert names(state="missing") == ["D"]
        assert names(state="graded", section="y") == ["C"]

    def test_names_sort_as_people_would_whatever_the_servers_locale(self, work, course, assignment, ta):
        for name in ("Zoe", "çağrı", "adam", "Ünal", "Ömer", "Ivan", "İnci", "Deniz", "Ada"):
            builders.a_person(work, course, name=name)
        found = [row.person.name for row in gradebook.rows(work, ta, assignment)]
        assert found == ["Ada", "adam", "çağrı", "Deniz", "İnci", "Ivan", "Ömer", "Ünal", "Zoe"]


@pytest.fixture
def tied(work, course, assignment):
    """Thirty students with ties in every key, and some who lack it: no entry, or an entry without score."""
    for number in range(30):
        person = builders.a_person(work, course, name=f"Name {number % 4}", email=f"{number % 7}-{number}@example.org")
        if number % 5 == 0:
            continue
        score = None if number % 5 == 1 else float(number % 3) + 0.1
        for _ in range(1 + number % 2):
            hand_in(work, assignment, person, number % 3, score=score)
        refresh(work, assignment, f"p{person.id}")
    return list(work.session.scalars(select(MembershipRow.person_id).where(MembershipRow.role == "student")))


KEYS = {
    GradebookSort.NAME: lambda row: row.person.name,
    GradebookSort.EMAIL: lambda row: row.person.email,
    GradebookSort.SCORE: lambda row: row.score,
    GradebookSort.RECEIVED: lambda row: row.received_at,
    GradebookSort.SUBMISSIONS: lambda row: row.submissions,
}


class TestPaging:
    @pytest.mark.parametrize("descending", [False, True])
    @pytest.mark.parametrize("sort", list(GradebookSort))
    def test_every_row_comes_exactly_once_in_order(self, work, assignment, ta, tied, sort, descending):
        for limit in (1, 7, 30):
            seen, cursor = [], ""
            for _ in range(40):
                page = rows_of(work, ta, assignment, sort=sort, descending=descending, limit=limit, cursor=cursor)
                assert (page.total, len(page.rows) <= limit) == (30, True)
                seen += page.rows
                cursor = page.next_cursor
                if not cursor:
                    break
            assert sorted(row.person.id for row in seen) == sorted(tied)
            keys = [KEYS[sort](row) for row in seen]
            present = [key for key in keys if key is not None]
            # Whoever lacks the key comes last in either direction.
            assert keys == present + [None] * (len(keys) - len(present))
            assert present == sorted(present, reverse=descending)
            ties = [(key, row.person.id) for key, row in zip(keys, seen, strict=True)]
            assert all(a[1] < b[1] for a, b in pairwise(ties) if a[0] == b[0])

    def test_filters_hold_on_every_page(self, work, assignment, ta, tied):
        first = rows_of(work, ta, assignment, search="Name 1", limit=5)
        second = rows_of(work, ta, assignment, search="Name 1", limit=5, cursor=first.next_cursor)
        assert {row.person.name for row in (*first.rows, *second.rows)} == {"Name 1"}
        assert (first.total, len(first.rows), len(second.rows), second.next_cursor) == (8, 5, 3, "")

    def test_a_row_that_leaves_between_two_pages_moves_no_other(self, work, course, assignment, ta, tied):
        first = rows_of(work, ta, assignment, limit=10)
        work.session.get(MembershipRow, (course.id, first.rows[3].person.id)).left_at = START
        second = rows_of(work, ta, assignment, limit=30, cursor=first.next_cursor)
        assert len(second.rows) == 20
        assert not {row.person.id for row in first.rows} & {row.person.id for row in second.rows}

    @pytest.mark.parametrize(
        "cursor",
        [
            "zzz", "é", "=", "W10=", "bnVsbA==", "eyJhIjogMX0=", *(
                base64.urlsafe_b64encode(json.dumps(plain).encode()).decode()
                for plain in (
                    ["name", False, "x"], ["name", False, "x", 0], ["name", False, "x", 2**31], ["name", False, "x", "1"],
                    ["name", False, None, 1], ["name", False, 3, 1], ["name", False, "a\x00", 1], ["email", False, "x", 1],
                    ["name", True, "x", 1], ["name", False, "\ud800", 1], ["name", False, "x", 1, 1], 7,
                )
            ),
        ],
    )  # fmt: skip
    def test_a_cursor_that_no_page_gave_is_told(self, work, assignment, ta, cursor):
        with pytest.raises(BadRequest, match="cursor"):
            rows_of(work, ta, assignment, cursor=cursor)

    @pytest.mark.parametrize(
        ("sort", "key"),
        [
            ("score", "x"), ("score", True), ("score", [1]), ("received", 7), ("received", "yesterday"),
            ("received", "2026-03-01T00:00:00"), ("submissions", None), ("submissions", -1), ("submissions", 10**30),
            ("submissions", 1.5), ("email", None),
        ],
    )  # fmt: skip
    def test_a_key_that_no_row_has_is_told(self, work, assignment, ta, sort, key):
        cursor = base64.urlsafe_b64encode(json.dumps([sort, False, key, 1]).encode()).decode()
        with pytest.raises(BadRequest, match="cursor"):
            rows_of(work, ta, assignment, sort=GradebookSort(sort), cursor=cursor)

    @pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 201}, {"state": "nice"}, {"search": "\x00"}])
    def test_a_query_that_is_none_is_told(self, work, assignment, ta, query):
        with pytest.raises(BadRequest):
            rows_of(work, ta, assignment, **query)


def test_counting_another_way_rewrites_the_gradebook(work, course, assignment, student):
    for hour, points in enumerate([4.0, 2.0]):
        hand_in(work, assignment, student, hour, score=points)
    refresh(work, assignment, f"p{student.id}")
    assert entry_of(work, assignment, student).score == 2.0
    admin = builders.a_reader(builders.a_person(work, is_admin=True))
    found = courses.course_of(work, admin, course.slug)
    assignments.offer(work, found, assignment.spec, slug=assignment.slug, counting=Counting.BEST)
    assert entry_of(work, assignment, student).score == 4.0
    assert work.session.get(AssignmentRow, assignment.id).counting == "best"
