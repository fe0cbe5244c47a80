"""Pages and outputs as a grader sees them: a column, a list to jump, opened at the question; text stays text."""

from __future__ import annotations

import re

import pytest

from grader.domain.sheets import Output, Picture, Sheet, SheetKind, Sheets
from grader.service import sheets
from grader.storage.repositories import sheets as repository
from grader.web.sheets import sheets_view
from tests import builders
from tests.web.conftest import text_of
from tests.web.scene import a_png

ADA, TINA = "Ada Lovelace", "Tina Assistant"
EVIL = "<script>alert(1)</script>"
PARTS = [
    {"id": "A", "title": "Part A", "points": 3, "checks": 3, "manual": [
        {"id": "A.curve", "title": "What does the curve show?", "points": 3, "look": "report"},
        {"id": "A.why", "title": "Why?", "look": "why does it"},
        {"id": "A.else", "title": "Anything else?"},
    ]},
    {"id": "B", "title": "Part B", "points": 2, "checks": 1},
]  # fmt: skip
MADE = Sheets(
    sheets=(
        Sheet(kind=SheetKind.PAGE, path="report.pdf", place=1, text=f"Text {EVIL}", outputs=(Output(picture=0),)),
        Sheet(kind=SheetKind.TEXT, path=f"{EVIL}.ipynb", place=1, text=f"## Why does it fall?\n{EVIL}"),
        Sheet(
            kind=SheetKind.CODE, path=f"{EVIL}.ipynb", place=2, text=f"print('{EVIL}')  # plot",
            outputs=(Output(text=EVIL), Output(picture=1), Output(text="JavaScript is not shown.", is_note=True)),
        ),
        Sheet(kind=SheetKind.CODE, path="x.py", place=0, text="x = 1\n"),
    ),
    pictures=(
        Picture(kind="png", width=288, height=96, content=a_png(1)),
        Picture(kind="png", width=288, height=96, content=a_png(2)),
    ),
    note="Of report.pdf only the first 1 pages of 9 are shown.",
)  # fmt: skip


def read_by_a_person(scene, content=b"x = 1\n"):
    """An assignment with items for a person in the scene's course, and Ada's hand-in for it."""
    with scene.database.begin() as work:
        definition = builders.a_definition(slug="read", part=PARTS)
        offered = builders.an_assignment(work, scene.course, slug="read", definition=definition)
    return scene.hand_in(ADA, content, assignment=offered)


def make(scene, found=MADE):
    with scene.database.begin() as work:
        wanted = sheets.claim(work, worker="one")
    assert sheets.keep(scene.database, scene.blobs, wanted, found, "test")


@pytest.fixture
def handed(scene):
    return read_by_a_person(scene)


@pytest.fixture
def tina(site, scene):
    return site.browser(TINA, scene)


@pytest.fixture
def ines(site, scene):
    return site.browser("Ines Instructor", scene)


def test_a_grader_sees_pages_and_cells_in_a_column_with_a_list_to_jump(tina, scene, handed):
    path = f"/submissions/{handed.id}/sheets"
    assert f'href="{path}"' in tina.get(f"/submissions/{handed.id}").text
    assert "are being made" in tina.get(path).text
    make(scene)
    html = tina.get(path).text
    text = text_of(html)
    assert "only the first 1 pages of 9" in text
    assert "JavaScript is not shown." in text
    anchors = re.findall(r'<section class="sheet[^"]*" id="(sheet-\d+)"', html)
    assert anchors == ["sheet-0", "sheet-1", "sheet-2", "sheet-3"]
    assert all(f'href="#{anchor}"' in html for anchor in anchors)
    assert text.count(f"{EVIL}".replace("<", "&lt;").replace(">", "&gt;")) >= 5
    assert "<script>alert" not in html
    pictures = re.findall(r'<img src="(/sheet-pictures/[^"]+)" width="288" height="96"', html)
    assert len(pictures) == 2
    answer = tina.get(pictures[0])
    assert (answer.content, answer.headers["content-type"]) == (a_png(1), "image/png")
    assert answer.headers["cache-control"].startswith("private")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_question_opens_where_its_spec_says(tina, scene, handed):
    make(scene)
    path = f"/submissions/{handed.id}/sheets"
    html = tina.get(path).text
    assert 'href="?item=A.curve#sheet-0"' in html
    assert 'href="?item=A.why#sheet-1"' in html
    assert "?item=A.else" not in html
    assert "Anything else?" in html
    assert "is-here" not in html
    opened = tina.get(f"{path}?item=A.why").text
    assert re.search(r'<section class="sheet sheet-text is-here" id="sheet-1"', opened)
    assert tina.get(f"{path}?item=<b>").status_code == 200


def test_files_are_called_what_they_are_where_nobody_should_know_whose_they_are(scene, handed):
    make(scene)
    with scene.database.begin() as work:
        found = repository.of_submission(work, handed.id)
        definition = builders.a_definition(part=PARTS)
    open_, blind = (sheets_view(found, definition, is_blind=one, item="A.why") for one in (False, True))
    assert [path for path, _ in open_.files] == ["report.pdf", f"{EVIL}.ipynb", "x.py"]
    assert [path for path, _ in blind.files] == ["Report", "Notebook", "Python file"]
    assert (open_.note, blind.note) == (MADE.note, "Not everything can be shown here; the download holds it all.")
    assert blind.opens_at == "sheet-1"
    assert [sheet.name for sheet in blind.sheets] == ["page 1", "cell 1", "cell 2", ""]


def test_they_stand_beside_the_form_where_an_item_is_graded(tina, ines, scene, handed):
    scene.grade()
    make(scene)
    path = f"/assignments/read/grading/A.why/{handed.id}"
    blind = tina.get(path).text
    assert 'href="#sheet-1"' in blind
    assert len(re.findall(r'<img src="/sheet-pictures/', blind)) == 2
    assert "report.pdf" not in blind
    assert "Notebook" in text_of(blind)
    ines.submit("/assignments/read/grading/settings", is_blind="no")
    assert "report.pdf" in tina.get(path).text


def test_a_student_sees_their_own_and_staff_of_other_courses_nothing(site, scene, handed):
    make(scene)
    path = f"/submissions/{handed.id}/sheets"
    ada = site.browser(ADA, scene)
    assert f'href="{path}"' in ada.get(f"/submissions/{handed.id}").text
    html = ada.get(path).text
    assert "sheet-3" in html
    assert "Make them" not in html
    assert ada.submit(path).status_code == 403
    picture = re.search(r"/sheet-pictures/[^\"]+", html)[0]
    assert ada.get(picture).status_code == 200
    for name in ("Bob Noyce", "Otto Other", "Stan Stranger"):
        other = site.browser(name, scene)
        assert other.get(path).status_code == 404
        assert other.get(picture).status_code == 404
        assert other.submit(path).status_code == 404
    assert site.browser().get(picture).status_code in (303, 401)


def test_staff_have_them_made_and_are_told_what_could_not_be_shown(site, scene, tina):
    handed = scene.hand_in(ADA)
    path = f"/submissions/{handed.id}/sheets"
    assert "no pages and outputs" in tina.get(path).text
    assert tina.submit(path).headers["location"] == path
    make(scene, Sheets(problem="Reading it took too much memory."))
    text = text_of(tina.get(path).text)
    assert "It could not be shown. Reading it took too much memory." in text
    assert "Make them again" in text
    assert tina.submit(path).status_code == 303
    make(scene)
    assert "sheet-3" in tina.get(path).text
