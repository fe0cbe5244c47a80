"""`grader sheets` on real hand-ins in real sandboxes; what is made is restored, exported and let go with the rest."""

from __future__ import annotations

import json
import zipfile

import pytest
from sqlalchemy import text

from grader.domain.course import Role
from grader.domain.sheets import SheetsState
from grader.service import sheets, submissions
from grader.storage.blobs import Blobs
from grader.storage.database import Database
from tests import builders
from tests.engine.pdf_files import pdf
from tests.engine.test_sheets_made import code, displayed, notebook, zipped


@pytest.fixture
def term(place):
    """An assignment with a good hand-in, a hostile one and one that is no archive."""
    database, blobs = Database(place.url), Blobs(str(place.blobs))
    with database.begin() as work:
        course = builders.a_course(work)
        offered = builders.an_assignment(work, course, blob=blobs.put(b"a spec").sha256)
        staff = builders.a_reader(builders.a_person(work, course, Role.TA), course, role=Role.TA)
        student = builders.a_person(work, course, email="ada@example.org")

        def hand_in(content, name):
            stored = blobs.put(content)
            row = builders.a_submission(work, offered, student, sha256=stored.sha256, file_name=name)
            return str(row.id)

        work_done = notebook(code("plot()", displayed(text_plain="a curve")))
        made = {
            "good": hand_in(zipped(report__pdf=pdf(("Question 1", "Question 2")), work__ipynb=work_done), "good.zip"),
            "nested": hand_in(b'{"cells":' + b"[" * 300_000, "nested.ipynb"),
            "broken": hand_in(b"PK\x03\x04 not really", "broken.zip"),
        }
    yield database, offered, staff, made
    database.close()


def seen(database, staff, submission):
    with database.begin() as work:
        return sheets.of_submission(work, staff, submissions.find(work, staff, submission))


def test_sheets_are_made_once_and_go_where_the_submission_goes(grader, term, place, tmp_path):
    database, offered, staff, made = term
    status, out, err = grader("sheets", "--assignment", offered.slug, "--sandbox", "bwrap", "--json")
    assert status == 0, err
    told = json.loads(out)
    assert told == {
        "assignment": offered.slug, "wanted": 3, "made_now": 3,
        "states": {"wanted": 0, "making": 0, "made": 2, "failed": 1},
    }  # fmt: skip
    good = seen(database, staff, made["good"])
    assert [sheet.text for sheet in good.sheets] == ["Question 1", "Question 2", "plot()"]
    assert len(good.pictures) == 2
    assert seen(database, staff, made["broken"]).state is SheetsState.FAILED
    assert "damaged" in str(seen(database, staff, made["nested"])) or seen(database, staff, made["nested"]).sheets
    again = grader("sheets", "--assignment", offered.slug, "--sandbox", "bwrap")
    assert again[1].startswith(f"Made the sheets of 0 submissions of {offered.slug}; 2 have sheets, of 1 none could")

    exported = tmp_path / "ada.zip"
    assert grader("export-student", "ada@example.org", exported)[0] == 0
    with zipfile.ZipFile(exported) as archive:
        page = archive.read(f"sheets/{made['good']}/0.png")
        assert json.loads(archive.read("person.json"))["sheets"]
    assert page == Blobs(str(place.blobs)).get(good.pictures[0].sha256)

    folder = tmp_path / "backups"
    assert grader("backup", folder)[0] == 0
    copied = {path.name.split(".")[0] for path in (folder / "blobs").rglob("*") if path.is_file()}
    assert {picture.sha256 for picture in good.pictures} <= copied

    assert grader("erase-student", "ada@example.org", "--reason", "case 1")[0] == 0
    with database.begin() as work:
        left = work.session.execute(text("SELECT count(*) FROM submission_sheets")).scalar()
        pictures = work.session.execute(text("SELECT count(*) FROM sheet_pictures")).scalar()
    assert (left, pictures) == (0, 0)


def test_an_unknown_assignment_is_said_in_a_sentence(grader, term):
    status, out, err = grader("sheets", "--assignment", "nowhere")
    assert (status, out) == (2, "")
    assert "no assignment called nowhere" in err
    assert grader("sheets")[0] == 2
