"""Sheets are wanted, made under a lease, kept, and shown to whoever may read the submission."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from grader.domain.course import Role, Scope
from grader.domain.errors import NeedsRole, NeedsScope, NoLongerKept, NotYours, UnknownAssignment
from grader.domain.sheets import Output, Picture, Sheet, SheetKind, Sheets, SheetsState
from grader.domain.submission import Upload
from grader.service import audit, sheets, submissions
from grader.storage.blobs import Blobs
from grader.storage.models import PersonRow
from grader.storage.repositories import care, personal
from grader.storage.repositories import sheets as repository
from tests import builders

PARTS = [
    {"id": "A", "title": "Part A", "points": 3, "checks": 3, "manual": [{"id": "A.why", "title": "Why?"}]},
    {"id": "B", "title": "Part B", "points": 2, "checks": 1},
]
MADE = Sheets(
    sheets=(
        Sheet(kind=SheetKind.PAGE, path="report.pdf", place=1, text="Why it falls", outputs=(Output(picture=0),)),
        Sheet(
            kind=SheetKind.CODE, path="a.ipynb", place=2, text="plot()",
            outputs=(Output(text="1"), Output(picture=1), Output(text="left out", is_note=True)),
        ),
    ),
    pictures=(
        Picture(kind="png", width=3, height=2, content=b"the page"),
        Picture(kind="jpeg", width=5, height=4, content=b"the plot"),
    ),
    note="Only the first page.",
)  # fmt: skip


class World:
    """A course with an assignment that a person reads, one without, and a course of strangers."""

    def __init__(self, database, blobs):
        self.database, self.blobs = database, blobs
        with database.begin() as work:
            course, other = builders.a_course(work), builders.a_course(work)
            definition = builders.a_definition(slug="read", part=PARTS)
            self.read = builders.an_assignment(work, course, definition=definition)
            self.automatic = builders.an_assignment(work, course)
            self.student = builders.a_reader(builders.a_person(work, course), course)
            self.classmate = builders.a_reader(builders.a_person(work, course), course)
            self.ta = builders.a_reader(builders.a_person(work, course, Role.TA), course, role=Role.TA)
            self.stranger = builders.a_reader(builders.a_person(work, other, Role.TA), other, role=Role.TA)

    def hand_in(self, assignment=None, content=b"x = 1\n"):
        stored = self.blobs.put(content)
        upload = Upload(name="work.py", sha256=stored.sha256, size_bytes=stored.size_bytes)
        with self.database.begin() as work:
            return submissions.receive(work, self.student, assignment or self.read, upload).id

    def claim(self, **options):
        with self.database.begin() as work:
            return sheets.claim(work, worker="one", **options)

    def seen(self, submission, reader=None):
        with self.database.begin() as work:
            reader = reader or self.student
            return sheets.of_submission(work, reader, submissions.find(work, reader, submission))

    def want(self, submission, reader=None):
        with self.database.begin() as work:
            reader = reader or self.ta
            return sheets.want(work, reader, submissions.find(work, reader, submission))

    def make(self, made=MADE):
        return sheets.keep(self.database, self.blobs, self.claim(), made, "m-1")

    def run(self, statement, **values):
        with self.database.begin() as work:
            return work.session.execute(text(statement), values)


@pytest.fixture
def world(database, tmp_path):
    return World(database, Blobs(str(tmp_path / "blobs")))


class TestMaking:
    def test_they_are_wanted_on_receipt_where_a_person_reads(self, world):
        automatic, read = world.hand_in(world.automatic), world.hand_in()
        assert world.seen(automatic).state is None
        assert world.seen(read).state is SheetsState.WANTED
        wanted = world.claim()
        assert (str(wanted.submission), wanted.file, wanted.attempt) == (read, "work.py", 1)
        assert wanted.definition.part[0].manual
        assert world.seen(read).state is SheetsState.MAKING
        assert world.claim() is None

    def test_what_was_made_is_kept_with_its_pictures(self, world):
        submission = world.hand_in()
        assert world.make()
        seen = world.seen(submission)
        assert (seen.state, seen.note, seen.sheets) == (SheetsState.MADE, MADE.note, MADE.sheets)
        assert [(one.kind, one.width, one.height) for one in seen.pictures] == [("png", 3, 2), ("jpeg", 5, 4)]
        assert [world.blobs.get(one.sha256) for one in seen.pictures] == [b"the page", b"the plot"]
        assert seen.picture(1).kind == "jpeg"
        assert seen.picture(None) is None

    def test_what_cannot_be_made_has_failed_with_a_word_and_can_be_wanted_again(self, world):
        submission = world.hand_in()
        world.make(Sheets(problem="The zip file is damaged."))
        assert (world.seen(submission).state, world.seen(submission).problem) == ("failed", "The zip file is damaged.")
        assert world.want(submission).state is SheetsState.WANTED
        world.make()
        assert world.want(submission).state is SheetsState.WANTED
        assert world.seen(submission).sheets == MADE.sheets, "what was there is shown until there is something new"
        assert world.make(Sheets(sheets=MADE.sheets[:1], pictures=MADE.pictures[:1]))
        assert len(world.seen(submission).pictures) == 1
        with world.database.begin() as work:
            told = [row[2] for row in audit.trail(work, world.ta, f"submission:{submission}")]
        assert told == ["want sheets", "want sheets"]

    def test_a_worker_that_dies_loses_nothing_and_one_that_comes_late_writes_nothing(self, world):
        submission = world.hand_in()
        late = world.claim()
        world.run("UPDATE submission_sheets SET lease_until = clock_timestamp()")
        again = world.claim()
        assert (again.submission, again.attempt) == (late.submission, 2)
        assert not sheets.keep(world.database, world.blobs, late, MADE, "m-1")
        assert world.seen(submission).state is SheetsState.MAKING
        assert sheets.keep(world.database, world.blobs, again, MADE, "m-1")

    def test_who_takes_workers_along_has_failed_after_three_tries(self, world):
        submission = world.hand_in()
        for attempt in (1, 2, 3):
            assert world.claim().attempt == attempt
            world.run("UPDATE submission_sheets SET lease_until = clock_timestamp()")
        assert world.claim() is None
        assert world.seen(submission).state is SheetsState.FAILED
        assert "not the submission's fault" in world.seen(submission).problem

    def test_our_fault_is_tried_again_later_and_stopping_costs_no_try(self, world):
        submission = world.hand_in()
        with world.database.begin() as work:
            sheets.put_back(work, sheets.claim(work, worker="one"))
        first = world.claim()
        assert first.attempt == 1
        with world.database.begin() as work:
            sheets.give_up(work, first, "SandboxLost: away")
        assert world.claim() is None
        assert world.seen(submission, world.ta).problem == "SandboxLost: away"
        assert world.seen(submission).problem == ""
        for attempt in (2, 3):
            world.run("UPDATE submission_sheets SET not_before = clock_timestamp()")
            found = world.claim()
            assert found.attempt == attempt
            with world.database.begin() as work:
                sheets.give_up(work, found, "SandboxLost: away")
        assert world.seen(submission).state is SheetsState.FAILED

    def test_all_of_an_assignment_are_wanted_by_whoever_runs_the_service(self, world):
        handed = [world.hand_in(world.automatic, f"x = {number}\n".encode()) for number in range(3)]

        def wanted(making="m-1", **options):
            with world.database.begin() as work:
                return sheets.want_all(work, world.automatic.slug, making, **options)[1]

        assert wanted() == 3
        assert wanted() == 0
        world.make()
        world.make(Sheets(problem="No."))
        assert str(world.claim(assignment=world.automatic.id).submission) == handed[2]
        assert world.claim(assignment=world.read.id) is None
        assert wanted() == 0
        assert wanted(again=True) == 2
        world.make()
        assert wanted("m-2") == 1
        with world.database.begin() as work, pytest.raises(UnknownAssignment):
            sheets.want_all(work, "nowhere", "m-1")

    def test_whether_somebody_waits_to_be_graded_is_known(self, world):
        from grader.domain.grading import Queue

        world.hand_in()
        with world.database.begin() as work:
            assert not sheets.keeps_waiting(work, [Queue.CPU], over_s=60)
            assert not sheets.keeps_waiting(work, [Queue.GPU], over_s=0)
            assert sheets.keeps_waiting(work, [Queue.CPU, Queue.GPU], over_s=0)


class TestLooking:
    def test_staff_and_the_student_see_them_and_nobody_else(self, world):
        submission = world.hand_in()
        world.make()
        picture = world.seen(submission).pictures[0]
        for reader in (world.student, world.ta):
            assert world.seen(submission, reader).sheets == MADE.sheets
            with world.database.begin() as work:
                assert sheets.picture_for(work, reader, picture.id) == ("png", picture.sha256)
        for reader in (world.classmate, world.stranger):
            with world.database.begin() as work, pytest.raises(NotYours):
                sheets.picture_for(work, reader, picture.id)
            with pytest.raises(NotYours):
                world.seen(submission, reader)
        for other in (str(uuid4()), "nothing", ""):
            with world.database.begin() as work, pytest.raises(NotYours, match="no such picture"):
                sheets.picture_for(work, world.ta, other)

    def test_only_staff_who_may_grade_want_them(self, world):
        submission = world.hand_in(world.automatic)
        with pytest.raises(NeedsRole):
            world.want(submission, world.student)
        with world.database.begin() as work:
            found = submissions.find(work, world.ta, submission)
            reads = type(world.ta)(person=world.ta.person, roles=world.ta.roles, scopes=frozenset({Scope.READ}))
            with pytest.raises(NeedsScope):
                sheets.want(work, reads, found)
        world.run("UPDATE submissions SET removed_at = clock_timestamp()")
        with pytest.raises(NoLongerKept):
            world.want(submission)
        assert world.seen(submission).state is None


class TestLettingGo:
    @pytest.mark.parametrize("how", [care.delete, care.empty])
    def test_retention_takes_sheets_along_and_names_their_bytes(self, world, how):
        gone, kept = world.hand_in(), world.hand_in(content=b"y = 2\n")
        world.make()
        world.make(Sheets(sheets=MADE.sheets[:1], pictures=(Picture(kind="png", width=1, height=1, content=b"other"),)))
        ours = {one.sha256 for one in world.seen(gone).pictures}
        with world.database.begin() as work:
            assert care.digests_of(work, [UUID(gone)]) > ours
            assert care.named_among(work, list(ours)) == ours
            how(work, [UUID(gone)])
        with world.database.begin() as work:
            assert care.named_among(work, list(ours)) == set()
            left = work.session.execute(text("SELECT submission_id FROM submission_sheets")).scalars().all()
            assert [str(one) for one in left] == [kept]
            assert work.session.execute(text("SELECT count(*) FROM sheet_pictures")).scalar() == 1

    def test_what_is_let_go_while_it_is_made_is_not_kept(self, world):
        submission = world.hand_in()
        wanted = world.claim()
        with world.database.begin() as work:
            care.empty(work, [UUID(submission)])
        assert not sheets.keep(world.database, world.blobs, wanted, MADE, "m-1")
        with world.database.begin() as work:
            assert repository.want(work, [UUID(submission)], again=True) == 0

    def test_older_code_that_knows_nothing_of_them_can_delete_a_submission(self, world):
        submission = UUID(world.hand_in(world.automatic))
        with world.database.begin() as work:
            row = builders.a_submission(work, world.read, work.session.get_one(PersonRow, world.student.id))
            repository.want(work, [row.id, submission])
            work.session.execute(text("DELETE FROM submissions WHERE id = :id"), {"id": row.id})
            found = work.session.execute(text("SELECT submission_id FROM submission_sheets")).scalars().all()
        assert found == [submission]

    def test_a_student_who_asks_gets_theirs(self, world):
        submission = world.hand_in()
        world.make()
        with world.database.begin() as work:
            mine = personal.rows_about(work, world.student.id)
            others = personal.rows_about(work, world.classmate.id)
        assert [str(row["submission_id"]) for row in mine["sheets"]] == [submission]
        assert [row["kind"] for row in mine["sheet_pictures"]] == ["png", "jpeg"]
        assert others["sheets"] == others["sheet_pictures"] == []
