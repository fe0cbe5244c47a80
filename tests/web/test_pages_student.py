"""The pages as students see them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from grader.domain.check import CheckStatus, Visibility
from grader.service import accounts
from grader.storage.models import AssignmentRow, SpecVersionRow
from tests import builders
from tests.web.conftest import text_of
from tests.web.scene import failed, hidden, passed

ADA = "Ada Lovelace"


@pytest.fixture
def ada(site, scene):
    return site.browser(ADA, scene)


def test_the_first_page_shows_what_is_due_and_how_it_stands(ada, scene):
    before = text_of(ada.get("/").text)
    assert "A tiny assignment" in before
    assert "Due in 7 days" in before
    assert "Nothing handed in yet" in before
    assert "20 uploads left today" in before
    scene.hand_in(ADA)
    scene.grade([failed(scene.plan[1]), *(passed(check) for check in scene.plan if check.id != "A.one")])
    after = text_of(ada.get("/").text)
    assert "Graded 4 / 5" in after
    assert "19 uploads left today" in after


def test_an_upload_by_the_form_gives_a_submission_that_waits(ada, scene):
    answer = ada.hand_in("/assignments/tiny/submissions", b"x = 1\n")
    assert answer.status_code == 303
    page = ada.get(answer.headers["Location"])
    text = text_of(page.text)
    assert "Waiting for its turn" in text
    assert "cannot be lost" in text
    sha256 = __import__("hashlib").sha256(b"x = 1\n").hexdigest()
    assert sha256 in text
    assert 'data-over="no"' in page.text


def test_a_script_gets_the_address_of_the_page(ada, scene):
    answer = ada.post(
        "/assignments/tiny/submissions",
        headers={"Accept": "application/json", "X-CSRF-Token": ada.csrf},
        files={"file": ("cnn.py", b"x = 1\n")},
    )
    assert answer.status_code == 201
    assert ada.get(answer.json()["page"]).status_code == 200


def test_the_same_bytes_again_lead_to_the_same_submission_and_say_so(ada, scene):
    first = ada.hand_in("/assignments/tiny/submissions", b"x = 1\n", idempotency_key="one")
    second = ada.hand_in("/assignments/tiny/submissions", b"x = 1\n", idempotency_key="two")
    assert second.headers["Location"] == first.headers["Location"] + "?again=1"
    assert "handed in before" in text_of(ada.get(second.headers["Location"]).text)


def test_an_upload_without_the_sessions_token_is_refused_and_leaves_nothing(ada, scene):
    answer = ada.hand_in("/assignments/tiny/submissions", b"x = 1\n", csrf="wrong")
    assert answer.status_code == 403
    assert "Nothing has been handed in" in text_of(ada.get("/assignments/tiny").text)


def test_what_cannot_be_taken_is_said_beside_the_form(ada, scene):
    answer = ada.hand_in("/assignments/tiny/submissions", b"%PDF-1.4", file="report.pdf")
    assert answer.status_code == 422
    assert "report.pdf is a PDF document" in text_of(answer.text)
    assert 'id="upload"' in answer.text


def test_the_page_says_before_the_upload_what_it_costs(site, scene, ada):
    with site.services.database.begin() as work:
        late = builders.a_definition(late={"extension_days_per_term": 4})
        version = work.session.query(SpecVersionRow).filter_by(version=scene.assignment.spec.version)
        version.update({"definition": late.model_dump(mode="json")})
        due = datetime.now(UTC) - timedelta(days=1, hours=3)
        work.session.query(AssignmentRow).filter_by(slug="tiny").update({"due_at": due})
    assert "An upload now will use 2 of your 4 late days." in text_of(ada.get("/assignments/tiny").text)
    ada.hand_in("/assignments/tiny/submissions", b"x = 1\n")
    assert "2 days late, which you have already used late days for" in text_of(ada.get("/assignments/tiny").text)


def test_a_closed_assignment_has_no_form(site, scene, ada):
    with site.services.database.begin() as work:
        due = datetime.now(UTC) - timedelta(days=2)
        work.session.query(AssignmentRow).filter_by(slug="tiny").update({"due_at": due})
    page = ada.get("/assignments/tiny").text
    assert "takes no more submissions" in text_of(page)
    assert 'id="upload"' not in page
    assert ada.hand_in("/assignments/tiny/submissions", b"x = 1\n").status_code == 403


def test_used_uploads_say_when_the_next_is_possible(site, scene, ada):
    with site.services.database.begin() as work:
        work.session.query(AssignmentRow).filter_by(slug="tiny").update({"uploads_per_day": 1})
    ada.hand_in("/assignments/tiny/submissions", b"x = 1\n")
    assert "The next is possible" in text_of(ada.get("/assignments/tiny").text)
    assert ada.hand_in("/assignments/tiny/submissions", b"x = 2\n", idempotency_key="two").status_code == 429


def test_checks_come_in_one_after_the_other(ada, scene):
    receipt = scene.hand_in(ADA)
    claim = scene.claim()
    lease = scene.pass_gate(claim)
    scene.record(lease, [passed(scene.plan[0]), failed(scene.plan[1], "Two is not one.", output="hello from ada\n")])
    html = ada.get(f"/submissions/{receipt.id}/card").text
    text = text_of(html)
    assert html.lstrip().startswith("<div id=")
    assert "Being graded" in text
    assert "2 of 4 checks done" in text
    assert "Two is not one." in text
    assert "hello from ada" in text
    assert re.search(r"Waiting Two", text)
    assert 'data-over="no"' in html


def test_a_graded_submission_shows_score_mark_and_every_sign_in_words(ada, scene):
    receipt = scene.hand_in(ADA)
    results = [
        passed(scene.plan[0]),
        failed(scene.plan[1], status=CheckStatus.TIMEOUT),
        passed(scene.plan[2]),
        failed(scene.plan[3], status=CheckStatus.ERROR),
    ]
    scene.grade(results, pictures=True, notes=("The archive has another name.",))
    html = ada.get(f"/submissions/{receipt.id}").text
    text = text_of(html)
    assert "2 / 5 points" in text
    assert "none" in text  # the mark's label
    for word in ("Passed", "Timed out", "Error"):
        assert word in text
    assert "The archive has another name." in text
    assert "2 checks did not pass" in text
    assert 'data-over="yes"' in html


def test_a_curve_is_drawn_with_its_goal_and_said_in_words_and_a_picture_is_served(ada, scene):
    receipt = scene.hand_in(ADA)
    scene.grade(pictures=True)
    html = ada.get(f"/submissions/{receipt.id}").text
    assert 'class="goal"' in html
    assert 'class="band"' in html
    assert "held-out cross-entropy over step, from 3.68" in html
    assert "the goal is below 1.9" in html
    (address,) = re.findall(r'<img src="(/artifacts/[^"]+)" alt="Grey input, your colours, the truth"', html)
    picture = ada.get(address)
    assert picture.headers["Content-Type"] == "image/png"
    assert picture.content.startswith(b"\x89PNG")


def test_a_run_that_failed_by_our_fault_reads_as_still_being_graded(ada, scene):
    receipt = scene.hand_in(ADA)
    scene.fail("The sandbox could not be started: no space left on device.")
    for path in (f"/submissions/{receipt.id}", "/assignments/tiny", "/"):
        text = text_of(ada.get(path).text)
        assert "eing graded" in text
        assert "fault" not in text
        assert "no space left" not in text


def test_a_rejected_submission_says_why_and_that_it_costs_nothing(ada, scene):
    receipt = scene.hand_in(ADA)
    scene.reject("The zip file is empty; put your notebook into it.")
    text = text_of(ada.get(f"/submissions/{receipt.id}").text)
    assert "Nothing could be graded" in text
    assert "The zip file is empty" in text
    assert "does not count against your uploads" in text


@pytest.mark.parametrize("visibility", [Visibility.STAFF, Visibility.AFTER_DUE])
def test_what_is_not_shown_is_not_in_the_page(site, visibility):
    from tests.web.scene import Scene, a_small_scene

    plan = list(builders.a_plan())
    plan[2] = hidden(plan[2], visibility)
    scene: Scene = a_small_scene(site.services.database, site.services.blobs, plan=tuple(plan))
    scene.person(ADA)
    ada = site.browser(ADA, scene)
    receipt = scene.hand_in(ADA)
    secret = failed(plan[2], "a message that tells", output="an output that tells", detail="a detail that tells")
    from dataclasses import replace

    scene.grade([passed(plan[0]), passed(plan[1]), replace(secret, visibility=visibility), passed(plan[3])])
    for path in (f"/submissions/{receipt.id}", f"/submissions/{receipt.id}/card", "/assignments/tiny", "/"):
        html = ada.get(path).text
        assert "that tells" not in html
        assert not re.search(r"\b3 / 5\b", text_of(html))
        assert "5 points" not in text_of(html) or path == "/assignments/tiny"
    text = text_of(ada.get(f"/submissions/{receipt.id}").text)
    if visibility is Visibility.STAFF:
        assert "A.two" not in text
        assert "Not shown Hidden checks" in text
        assert not re.search(r"\bTwo\b", text)
    else:
        assert "Shown later Two" in text


def test_the_detail_for_staff_and_the_facts_are_not_in_a_students_page(ada, scene):
    receipt = scene.hand_in(ADA)
    scene.grade([passed(scene.plan[0]), *(failed(check, detail="expected 41.5 exactly") for check in scene.plan[1:])])
    html = ada.get(f"/submissions/{receipt.id}").text
    for word in ("41.5", "bwrap", "worker-1", "For staff", "Run again", "Seed"):
        assert word not in html


def test_a_classmate_and_a_stranger_find_nothing(site, scene):
    receipt = scene.hand_in(ADA)
    scene.grade(pictures=True)
    picture = re.search(r"/artifacts/[0-9a-f-]+", site.browser(ADA, scene).get(f"/submissions/{receipt.id}").text)[0]
    for name in ("Bob Noyce", "Stan Stranger", "Otto Other"):
        browser = site.browser(name, scene)
        for path in ("", "/card", "/receipt", "/file", "/code", "/runs"):
            answer = browser.get(f"/submissions/{receipt.id}{path}")
            assert answer.status_code == 404, (name, path)
            assert "Lovelace" not in answer.text
        assert browser.get(picture).status_code == 404
        assert browser.submit(f"/submissions/{receipt.id}/rerun").status_code == 404


def test_made_up_addresses_are_pages_that_say_so(ada):
    for path in (
        "/nowhere",
        "/submissions/x",
        "/submissions/%00",
        "/assignments/%00",
        "/assignments/none",
        "/courses/'",
    ):
        answer = ada.get(path)
        assert answer.status_code == 404, path
        assert "There is nothing here" in text_of(answer.text)
        assert "Traceback" not in answer.text


def test_a_receipt_can_be_printed_and_the_file_comes_back_as_an_attachment(ada, scene):
    receipt = scene.hand_in(ADA, b"print(1)\n", 'évil "name".py')
    text = text_of(ada.get(f"/submissions/{receipt.id}/receipt").text)
    assert receipt.sha256 in text
    assert receipt.id in text
    assert "1815" in text
    file = ada.get(f"/submissions/{receipt.id}/file")
    assert file.content == b"print(1)\n"
    assert file.headers["Content-Disposition"].startswith("attachment")
    assert "sandbox" in file.headers["Content-Security-Policy"]


def test_students_reach_no_page_of_the_staff(site, scene, ada):
    bob = scene.people["Bob Noyce"].id
    for path in (
        "/courses/deep", "/courses/deep/roster", "/courses/deep/gradebook",
        "/courses/deep/gradebook/export", "/assignments/tiny/gradebook", "/assignments/tiny/gradebook/export",
        "/assignments/tiny/statistics", "/assignments/tiny/rerun", f"/assignments/tiny/people/{bob}",
        "/assignments/tiny/similarity", "/assignments/tiny/similarity/1", "/assignments/tiny/trials/1",
        "/assignments/tiny/trials/1/csv",
    ):  # fmt: skip
        answer = ada.get(path)
        assert answer.status_code == 403, path
        assert "Noyce" not in answer.text
    for path in ("/assignments/tiny/rerun", f"/assignments/tiny/people/{bob}/override", "/courses/deep/roster",
                 "/assignments/tiny/trials", "/assignments/tiny/trials/1/publish", "/assignments/tiny/trials/1/drop"):  # fmt: skip
        fields = {
            "submissions": "all",
            "score": "5",
            "reason": "x",
            "content": "email,name\nx@example.org,X\n",
            "apply": "1",
        }
        assert ada.submit(path, **fields).status_code == 403, path


def test_a_token_is_made_shown_once_and_revoked(site, scene, ada):
    made = ada.submit("/tokens", name="My laptop", scope=["read", "submit"], days="30")
    secret = re.search(r"grd_[A-Za-z0-9_\-]+", made.text)[0]
    with site.services.database.begin() as work:
        from grader.service import tokens

        assert tokens.reader_of(work, secret).person.name == ADA
    again = ada.get("/tokens").text
    assert "My laptop" in again
    assert secret not in again
    number = re.search(r"/tokens/(\d+)/revoke", again)[1]
    assert site.browser("Bob Noyce", scene).submit(f"/tokens/{number}/revoke").status_code == 404
    assert ada.submit(f"/tokens/{number}/revoke").status_code == 303
    with site.services.database.begin() as work:
        assert tokens.reader_of(work, secret) is None


@pytest.mark.parametrize("fields", [{"name": "", "scope": ["read"]}, {"name": "x"}, {"name": "x", "scope": ["root"]}])
def test_a_token_that_says_nothing_is_not_made(ada, fields):
    answer = ada.submit("/tokens", **({"days": "30"} | fields))
    assert answer.status_code == 422
    assert "grd_" not in answer.text


def test_a_form_larger_than_any_of_ours_is_cut_off(ada):
    assert ada.submit("/tokens", name="x" * 3_000_000).status_code == 413


def test_every_form_that_changes_something_needs_the_token_of_the_session(site, scene):
    receipt = scene.hand_in(ADA)
    ines = site.browser("Ines Instructor", scene)
    bob = scene.people["Bob Noyce"].id
    for path in (
        "/sign-out", "/tokens", "/tokens/1/revoke", f"/submissions/{receipt.id}/rerun", "/assignments/tiny/rerun",
        f"/assignments/tiny/people/{bob}/override", f"/assignments/tiny/people/{bob}/withdraw", "/courses/deep/roster",
        "/assignments/tiny/trials", "/assignments/tiny/trials/1/publish", "/assignments/tiny/trials/1/drop",
    ):  # fmt: skip
        for csrf in ("", "wrong", site.browser(ADA, scene).csrf):
            answer = ines.post(path, data={"csrf": csrf, "score": "1", "reason": "x", "name": "x", "scope": "read"})
            assert answer.status_code == 403, path
            assert "expired" in text_of(answer.text)
    with site.services.database.begin() as work:
        reader = accounts.reader_for(work, scene.people["Ines Instructor"].id)
        from grader.service import submissions

        found = submissions.find(work, reader, receipt.id)
        assert len(submissions.runs_of(work, reader, found)) == 1
