"""Sheets over HTTP: wanted by staff, made, read by staff and whose work it is, pictures with strict headers."""

from __future__ import annotations

import pytest

from grader.service import sheets
from tests.service.test_sheets_wanted import MADE

NOWHERE = "0198c0de-7d3c-7cc0-9d4f-0f3a5a1f6a10"


def made(world, submission, found=MADE):
    assert world.client("ta").post(f"/submissions/{submission}/sheets").status_code == 202
    with world.database.begin() as work:
        wanted = sheets.claim(work, worker="one")
    assert sheets.keep(world.database, world.serving.services.blobs, wanted, found, "test")


@pytest.fixture
def submission(world):
    return world.hand_in().json()["id"]


def test_staff_want_them_and_everybody_who_may_reads_them(world, submission):
    path = f"/submissions/{submission}/sheets"
    before = world.client("student").get(path).json()
    assert (before["state"], before["sheets"], before["wanted_at"]) == (None, [], None)
    wanted = world.client("ta").post(path)
    assert (wanted.status_code, wanted.json()["state"]) == (202, "wanted")
    assert world.client("ta").post(path).json()["state"] == "wanted"
    made(world, submission)
    for name in ("student", "ta", "instructor", "admin"):
        answer = world.client(name).get(path).json()
        assert (answer["state"], answer["failure"], answer["note"]) == ("made", "", "Only the first page.")
        page, cell = answer["sheets"]
        assert (page["kind"], page["path"], page["place"], page["text"]) == ("page", "report.pdf", 1, "Why it falls")
        assert [(one["text"], one["is_note"]) for one in cell["outputs"]] == [
            ("1", False), ("", False), ("left out", True),
        ]  # fmt: skip
        shown = cell["outputs"][1]["picture"]
        assert (shown["kind"], shown["width"], shown["height"]) == ("jpeg", 5, 4)


def test_pictures_come_with_strict_headers_and_are_kept_by_one_browser_alone(world, submission):
    made(world, submission)
    answer = world.client("student").get(f"/submissions/{submission}/sheets").json()
    for sheet, output, content, kind in ((0, 0, b"the page", "image/png"), (1, 1, b"the plot", "image/jpeg")):
        identity = answer["sheets"][sheet]["outputs"][output]["picture"]["id"]
        picture = world.client("student").get(f"/sheet-pictures/{identity}")
        assert (picture.content, picture.headers["content-type"]) == (content, kind)
        assert picture.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in picture.headers["content-security-policy"]
        assert picture.headers["cache-control"].startswith("private")
        stranger = world.client("classmate").get(f"/sheet-pictures/{identity}")
        nothing = world.client("classmate").get(f"/sheet-pictures/{NOWHERE}")
        assert stranger.status_code == nothing.status_code == 404
        assert stranger.json()["detail"] == nothing.json()["detail"]


def test_students_and_strangers_want_none_and_see_none_of_others(world, submission):
    path = f"/submissions/{submission}/sheets"
    made(world, submission)
    for name, wants, reads in (
        ("student", 403, 200), ("classmate", 404, 404), ("stranger", 404, 404), ("other instructor", 404, 404)
    ):  # fmt: skip
        assert world.client(name).post(path).status_code == wants, name
        assert world.client(name).get(path).status_code == reads, name


def test_a_failure_is_told_in_a_sentence(world, submission):
    from grader.domain.sheets import Sheets

    made(world, submission, Sheets(problem="The zip file is damaged."))
    answer = world.client("student").get(f"/submissions/{submission}/sheets").json()
    assert (answer["state"], answer["failure"]) == ("failed", "The zip file is damaged.")
