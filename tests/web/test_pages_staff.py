"""The pages as a course's staff see them, and as other courses' staff do not."""

from __future__ import annotations

import csv
import io
import re

import pytest

from grader.domain.course import Role
from grader.domain.run import RunFacts
from grader.domain.statistics import FEWEST_RUNS
from grader.storage.models import MembershipRow
from tests import builders
from tests.web.conftest import text_of
from tests.web.scene import failed, passed

ADA, BOB = "Ada Lovelace", "Bob Noyce"


@pytest.fixture
def tina(site, scene):
    return site.browser("Tina Assistant", scene)


@pytest.fixture
def ines(site, scene):
    return site.browser("Ines Instructor", scene)


@pytest.fixture
def graded(scene):
    """Ada's submission with one unit check lost."""
    receipt = scene.hand_in(ADA)
    results = [
        failed(check, "Two is not one.", detail="seed 7") if check.id == "A.one" else passed(check)
        for check in scene.plan
    ]
    scene.grade(results)
    return receipt


def names_in(html):
    return re.findall(r'<th scope="row"><a href="/assignments/tiny/people/\d+">([^<]+)</a>', html)


def test_the_first_page_leads_to_the_courses_i_teach_and_to_no_others(tina):
    html = tina.get("/").text
    assert 'href="/courses/deep"' in html
    assert "Another Course" not in html


def test_a_course_page_counts_what_was_handed_in(tina, graded):
    text = text_of(tina.get("/courses/deep").text)
    assert "A tiny assignment" in text
    assert "1 of 2" in text


def test_other_courses_staff_see_none_of_it(site, scene, graded):
    otto = site.browser("Otto Other", scene)
    ada = scene.people[ADA].id
    for path in (
        "/courses/deep", "/courses/deep/roster", "/courses/deep/gradebook",
        "/courses/deep/gradebook/export", "/assignments/tiny", "/assignments/tiny/gradebook",
        "/assignments/tiny/gradebook/export", "/assignments/tiny/statistics", "/assignments/tiny/rerun",
        f"/assignments/tiny/people/{ada}", f"/submissions/{graded.id}", f"/submissions/{graded.id}/code",
        f"/submissions/{graded.id}/runs", "/assignments/tiny/similarity", "/assignments/tiny/similarity/1",
    ):  # fmt: skip
        answer = otto.get(path)
        assert answer.status_code == 404, path
        assert "Lovelace" not in answer.text
        assert "tiny assignment" not in answer.text
    for path in (
        "/assignments/tiny/rerun",
        f"/assignments/tiny/people/{ada}/override",
        f"/submissions/{graded.id}/rerun",
    ):
        assert otto.submit(path, score="1", reason="x").status_code == 404, path


def test_the_gradebook_has_a_row_for_everybody(tina, graded):
    html = tina.get("/assignments/tiny/gradebook").text
    assert names_in(html) == [ADA, BOB]
    text = text_of(html)
    assert "2 students" in text
    assert "4 / 5" in text
    assert "Nothing handed in" in text
    assert f"/submissions/{graded.id}" in html


def test_the_gradebook_sorts_filters_and_searches_by_its_address(tina, graded):
    base = "/assignments/tiny/gradebook"
    assert names_in(tina.get(f"{base}?sort=name&descending=1").text) == [BOB, ADA]
    assert names_in(tina.get(f"{base}?state=missing").text) == [BOB]
    assert names_in(tina.get(f"{base}?section=morning").text) == [ADA]
    assert names_in(tina.get(f"{base}?search=1815").text) == [ADA]
    assert names_in(tina.get(f"{base}?search=%25").text) == []
    assert "Nobody matches" in tina.get(f"{base}?search=nobody").text
    html = tina.get(f"{base}?sort=score&descending=1").text
    assert names_in(html) == [ADA, BOB]
    assert 'aria-sort="descending"' in html


@pytest.mark.parametrize("query", ["sort=evil", "limit=9999", "limit=x", "descending=maybe", "search=%00"])
def test_nonsense_in_the_address_does_no_harm(tina, graded, query):
    assert tina.get(f"/assignments/tiny/gradebook?{query}").status_code == 200


@pytest.mark.parametrize("query", ["cursor=nonsense", "state=nonsense"])
def test_nonsense_the_service_refuses_is_said_on_a_page(tina, graded, query):
    answer = tina.get(f"/assignments/tiny/gradebook?{query}")
    assert answer.status_code == 422
    assert "<h1>" in answer.text


def test_paging_shows_everybody_once(site, scene, tina):
    with site.services.database.begin() as work:
        for index in range(120):
            person = builders.a_person(work, name=f"Person {index:03}")
            work.session.add(MembershipRow(course_id=scene.course.id, person_id=person.id, role=Role.STUDENT.value))
    seen = []
    address = "/assignments/tiny/gradebook"
    for _ in range(3):
        html = tina.get(address).text
        seen += names_in(html)
        following = re.search(r'rel="next" href="([^"]+)"', html)
        address = following[1].replace("&amp;", "&") if following else None
        if address is None:
            break
    assert address is None
    assert len(seen) == 122
    assert len(set(seen)) == 122


@pytest.mark.parametrize("form", ["csv", "canvas", "moodle", "gradescope"])
def test_the_gradebook_downloads(tina, graded, form):
    answer = tina.get(f"/assignments/tiny/gradebook/export?form={form}")
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].startswith("attachment")
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert any("ada.lovelace@example.org" in row or "Ada Lovelace" in row or "1815" in row for row in rows)


def test_statistics_show_scores_and_pass_rates(tina, graded):
    html = tina.get("/assignments/tiny/statistics").text
    text = text_of(html)
    assert "1 of 2" in text
    assert "Students by score; most, 1, have" in html
    assert re.search(r"One A\.one\s+0%", text)
    assert re.search(r"Two A\.two\s+100%", text)


def test_statistics_name_checks_worth_a_look_and_what_full_marks_and_grading_took(tina, scene):
    for index in range(FEWEST_RUNS):
        scene.person(f"Person {index}")
        scene.hand_in(f"Person {index}", b"x = %d\n" % index)
        lost = {"A.two", "A.one"} if index < 5 else {"A.two"}
        scene.grade([failed(check) if check.id in lost else passed(check) for check in scene.plan])
    one = scene.hand_in("Person 9", b"y = 1\n")
    for verdict in (passed, failed):
        scene.grade([verdict(check) if check.id == "A.one" else passed(check) for check in scene.plan])
        tina.submit(f"/submissions/{one.id}/rerun")
    scene.grade([passed(check) for check in scene.plan])
    html = tina.get("/assignments/tiny/statistics").text
    text = text_of(html)
    assert "Two A.two, 1 of 10 pass" in text
    assert "Almost nobody passes it: is the check wrong" in text
    flaky = text.split("Different verdicts for the same submission", 1)[1]
    assert re.search(r"One A\.one\s+1\s+1\s+3\s+2", flaky)
    assert f'href="/submissions/{one.id}/runs"' in html
    assert re.search(r"Have had full marks\s+1\s+of 10 who handed in", text)
    assert "By uploads until full marks; most, 1, needed 2." in html
    assert re.search(r"train\s+13\s", text.split("What grading took", 1)[1])


def test_statistics_of_nothing_are_a_page_too(tina, scene):
    assert "Nothing is graded yet" in text_of(tina.get("/assignments/tiny/statistics").text)


def test_a_submission_as_staff_see_it(tina, graded):
    text = text_of(tina.get(f"/submissions/{graded.id}").text)
    for words in (
        "A.one · unit",
        "Detail for staff seed 7",
        "bwrap",
        "worker-1 slot 0",
        "412.0 MB",
        "loaded",
        "Run again",
    ):
        assert words in text, words


def test_staff_can_look_as_the_student_does(tina, graded):
    for path in (f"/submissions/{graded.id}", f"/submissions/{graded.id}/card"):
        text = text_of(tina.get(f"{path}?view=student").text)
        assert "seed 7" not in text
        assert "bwrap" not in text
        assert "Two is not one." in text


def test_a_rerun_makes_a_second_run_and_the_two_can_be_compared(tina, scene, graded):
    assert tina.submit(f"/submissions/{graded.id}/rerun").headers["Location"] == f"/submissions/{graded.id}"
    assert "Waiting for its turn" in text_of(tina.get(f"/submissions/{graded.id}").text)
    scene.grade([failed(check) if check.id == "A.two" else passed(check) for check in scene.plan])
    text = text_of(tina.get(f"/submissions/{graded.id}/runs").text)
    assert "The score went from 4 to 3." in text
    assert "2 checks differ, 2 came to the same." in text
    assert re.search(r"One A\.one Failed 0 / 1 Two is not one\. Passed 1 / 1 \+1", text)
    assert "rerun submission" in text_of(tina.get(f"/submissions/{graded.id}").text)


def test_one_run_alone_cannot_be_compared(tina, graded):
    assert "only one run" in text_of(tina.get(f"/submissions/{graded.id}/runs").text)
    assert tina.get(f"/submissions/{graded.id}/runs?older=nonsense").status_code == 404


def test_a_failed_run_is_told_to_staff_with_its_cause(tina, scene):
    receipt = scene.hand_in(ADA)
    scene.fail("The sandbox could not be started: no space left on device.")
    text = text_of(tina.get(f"/submissions/{receipt.id}").text)
    assert "failed by our fault" in text
    assert "no space left on device" in text
    assert "Failed by our fault" in text_of(tina.get("/assignments/tiny/gradebook").text)


def test_rerunning_all_tells_the_number_before_it_does_anything(tina, scene, graded):
    scene.hand_in(BOB, b"y = 2\n")
    scene.grade()
    assert "2 submissions would be graded again" in text_of(tina.get("/assignments/tiny/rerun").text)
    assert "4 / 5 points" in text_of(tina.get(f"/submissions/{graded.id}").text)
    assert tina.submit("/assignments/tiny/rerun").status_code == 303
    assert "Waiting for its turn" in text_of(tina.get(f"/submissions/{graded.id}").text)


def test_an_override_counts_is_explained_and_can_be_withdrawn(tina, scene, graded):
    person = f"/assignments/tiny/people/{scene.people[ADA].id}"
    assert tina.submit(f"{person}/override", score="4,5", reason="Oral exam").status_code == 303
    text = text_of(tina.get(person).text)
    assert "4.5 / 5 points" in text
    assert "Set by a person" in text
    assert "tina.assistant@example.org · override score · 4.5: Oral exam" in text
    assert "overridden" in text_of(tina.get("/assignments/tiny/gradebook").text)
    assert tina.submit(f"{person}/withdraw", reason="A mistake").status_code == 303
    assert "4 / 5 points" in text_of(tina.get(person).text)


@pytest.mark.parametrize(("score", "reason"), [("5", ""), ("much", "x"), ("nan", "x"), ("-1", "x"), ("inf", "x")])
def test_an_override_that_is_none_is_refused_beside_the_form(tina, scene, graded, score, reason):
    person = f"/assignments/tiny/people/{scene.people[ADA].id}"
    answer = tina.submit(f"{person}/override", score=score, reason=reason)
    assert answer.status_code == 422
    assert "4 / 5 points" in text_of(answer.text)


def test_a_student_who_handed_nothing_in_has_a_page_too(tina, scene):
    text = text_of(tina.get(f"/assignments/tiny/people/{scene.people[BOB].id}").text)
    assert "Nothing was handed in" in text
    assert tina.get("/assignments/tiny/people/999999").status_code == 404
    assert tina.get("/assignments/tiny/people/99999999999").status_code == 422


def test_python_is_shown_coloured_and_harmless(site, scene, tina):
    code = b"x = '</pre><script>alert(1)</script>'  # <b>\n"
    receipt = scene.hand_in(ADA, code)
    html = tina.get(f"/submissions/{receipt.id}/code").text
    assert "<script>alert" not in html
    assert "&lt;script&gt;" in html
    assert 'class="n"' in html


def test_a_notebook_is_shown_as_text_and_a_long_one_is_cut(scene, tina):
    notebook = b'{"cells": [{"source": "<img src=x onerror=alert(1)>"}]}' + b" " * 250_000 + b"THE END"
    receipt = scene.hand_in(ADA, notebook, "cnn.ipynb")
    html = tina.get(f"/submissions/{receipt.id}/code").text
    assert "<img src=x" not in html
    assert "THE END" not in html
    assert "Only the first 200 kB are shown" in html


def test_a_zip_is_listed_and_not_unpacked(scene, tina):
    import zipfile

    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("work/cnn.py", "print('inside')")
        archive.writestr("work/<b>.txt", "x")
    receipt = scene.hand_in(ADA, packed.getvalue(), "work.zip")
    html = tina.get(f"/submissions/{receipt.id}/code").text
    assert "work/cnn.py" in html
    assert "work/&lt;b&gt;.txt" in html
    assert "inside&#39;" not in html
    assert "unpacked only inside sandboxes" in html


ROSTER = "email,name,section\nada.lovelace@example.org,Ada Lovelace,morning\nnew@example.org,Nora New,evening\n"


def test_a_roster_is_shown_before_it_is_applied(ines):
    answer = ines.post(
        "/courses/deep/roster",
        data={"csrf": ines.csrf, "remove_missing": "1"},
        files={"roster": ("roster.csv", ROSTER.encode())},
    )
    text = text_of(answer.text)
    assert "1 person would join new@example.org" in text
    assert "1 person would leave the course bob.noyce@example.org" in text
    assert "Nora New" not in text_of(ines.get("/courses/deep/roster").text)
    content = re.search(r'name="content" value="([^"]*)"', answer.text, re.DOTALL)[1]
    done = ines.submit("/courses/deep/roster", content=content, apply="1", remove_missing="1")
    assert done.headers["Location"] == "/courses/deep/roster?done=1"
    after = text_of(ines.get("/courses/deep/roster?done=1").text)
    assert "The roster was applied" in after
    assert "Nora New" in after
    assert "Noyce" not in after


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "Choose a roster file"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"a,b\n1,2\n", "email"),
        (b"email,name\nx,y\n", "line 2"),
    ],
)
def test_a_roster_that_cannot_be_read_changes_nothing_and_says_why(ines, content, said):
    answer = ines.post("/courses/deep/roster", data={"csrf": ines.csrf}, files={"roster": ("r.csv", content)})
    assert answer.status_code == 422
    assert said.lower() in text_of(answer.text).lower()


def test_every_wrong_line_of_a_roster_is_shown_and_nothing_can_be_applied(ines):
    content = b"email,name,section\nada.lovelace@example.org,Ada Lovelace,noon\nnobody,B,\n,C,\n"
    answer = ines.post("/courses/deep/roster", data={"csrf": ines.csrf}, files={"roster": ("r.csv", content)})
    text = text_of(answer.text)
    assert answer.status_code == 422
    assert "2 lines have to be mended" in text
    assert "Line 3: “nobody”" in text and "Line 4 has no e-mail address" in text
    assert "ada.lovelace@example.org: section morning → noon" in text
    assert "Apply the roster" not in text


def test_assistants_read_the_roster_and_do_not_change_it(tina):
    assert "Import a roster" not in text_of(tina.get("/courses/deep/roster").text)
    assert tina.submit("/courses/deep/roster", content=ROSTER, apply="1").status_code == 403


def test_staff_see_the_newest_submissions_of_the_course_on_the_assignment(tina, graded):
    text = text_of(tina.get("/assignments/tiny").text)
    assert "Newest submissions" in text
    assert ADA in text


def test_what_looks_deliberate_is_shown_to_staff_and_never_to_the_student(site, scene, tina):
    receipt = scene.hand_in(ADA)
    scene.grade(facts=RunFacts(sandbox="bwrap", flags=("The sandbox sent a reply nobody had asked for (once)",)))
    text = text_of(tina.get(f"/submissions/{receipt.id}").text)
    assert "This looks deliberate; look at it yourself" in text
    assert "nobody had asked for" in text
    listed = tina.get(f"/assignments/tiny/people/{scene.people[ADA].id}").text
    assert "look at this" in text_of(listed)
    for page in (f"/submissions/{receipt.id}", f"/submissions/{receipt.id}/card", "/assignments/tiny"):
        own = site.browser(ADA, scene).get(page).text
        assert "deliberate" not in own and "look at this" not in own and "asked for" not in own
    eyes = tina.get(f"/submissions/{receipt.id}?view=student").text
    assert "deliberate" not in eyes
