"""Written answers on the pages, without scripts: asked for, looked at, kept when an upload is refused, shown again."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta

import pytest

from grader.domain.course import Role
from grader.storage.models import AssignmentRow
from tests import builders
from tests.asking import IDS, SECRETS, a_packed_spec
from tests.web.conftest import text_of
from tests.web.scene import a_small_scene

ADA, BOB, TINA = "Ada Lovelace", "Bob Noyce", "Tina Assistant"
PAGE, UPLOAD = "/assignments/tiny", "/assignments/tiny/submissions"
FINE = {"answer:A.count": "271829", "answer:B.kernel": "[[1, 0],\n [x, 2]]"}


@pytest.fixture
def asking(site, tmp_path):
    """The tiny assignment, which asks for answers of every kind."""
    blob = site.services.blobs.put(a_packed_spec(tmp_path)).sha256
    definition = builders.a_definition(limits={"archive_bytes": 200_000})
    made = a_small_scene(site.services.database, site.services.blobs, blob=blob, definition=definition)
    made.person(ADA)
    made.person(BOB)
    made.person(TINA, Role.TA)
    return made


@pytest.fixture
def ada(site, asking):
    return site.browser(ADA, asking)


def field(page, name):
    """(attributes, value) of a question's field."""
    found = re.search(
        rf'<(input|textarea)([^>]*name="answer:{re.escape(name)}"[^>]*)>(?:\n([^<]*)</textarea>)?', page, re.DOTALL
    )
    assert found, f"no field for {name}"
    attributes = dict(re.findall(r'([a-z-]+)="([^"]*)"', found[2]))
    value = found[3] if found[1] == "textarea" else attributes["value"]
    return attributes, html.unescape(value)


def said(page, name):
    """What stands below a question's field."""
    described = field(page, name)[0]["aria-describedby"].split()
    return text_of(re.search(rf'<p[^>]*id="{described[1]}"[^>]*>(.*?)</p>', page, re.DOTALL)[1])


def test_there_is_a_labelled_field_for_each_question_and_nothing_of_what_is_accepted(ada):
    page = ada.get(PAGE).text
    for name in IDS:
        attributes, value = field(page, name)
        assert value == ""
        assert f'<label for="{attributes["id"]}"><code>{name}</code>' in page
        for described in attributes["aria-describedby"].split():
            assert f'id="{described}"' in page
        assert attributes["maxlength"] == "4000"
    assert not [secret for secret in SECRETS if secret in page]
    text = text_of(page)
    assert "How many weights are there?" in text
    assert "A number such as 12345." in text
    assert "names: NF, NC, NIC, K, H, W, S." in text
    assert "Part A" in text
    # Titles are text, whatever they hold.
    assert "The output&#39;s &lt;shape&gt;" in page


def test_an_assignment_that_asks_nothing_has_no_fields(site, scene):
    page = site.browser(ADA, scene).get(PAGE).text
    assert "answer:" not in page
    assert "Written answers" not in page


def test_the_fields_come_before_the_file_so_that_a_refused_upload_keeps_them(ada):
    page = ada.get(PAGE).text
    assert page.index('name="csrf"') < page.index('name="answer:A.count"') < page.index('name="file"')


def test_answers_are_handed_in_with_the_file_and_shown_to_their_owner_and_staff_alone(site, asking, ada):
    answer = ada.hand_in(UPLOAD, b"x = 1\n", **FINE | {"answer:why": "<b>so</b>"})
    assert answer.status_code == 303
    where = answer.headers["Location"]
    for name in (ADA, TINA):
        page = site.browser(name, asking).get(where).text
        text = text_of(page)
        assert "Written answers" in text
        assert "A.count How many weights are there? 271829" in text
        assert "[[1, 0], [x, 2]]" in text
        assert "&lt;b&gt;so&lt;/b&gt;" in page
        assert "<b>so</b>" not in page
    assert site.browser(BOB, asking).get(where).status_code == 404
    claim = asking.claim()
    assert claim.answers_sha256 in ada.get(f"{where}/receipt").text


def test_a_submission_without_answers_says_nothing_of_them(ada):
    where = ada.hand_in(UPLOAD, b"x = 1\n").headers["Location"]
    assert "Written answers" not in ada.get(where).text


def test_what_cannot_be_read_is_said_by_field_and_everything_typed_stays(ada):
    answer = ada.hand_in(UPLOAD, b"x = 1\n", **FINE | {"answer:A.formula": "9 * foo", "answer:B.shape": "3 by 4"})
    assert answer.status_code == 422
    page = answer.text
    for name, value in (("A.formula", "9 * foo"), ("B.shape", "3 by 4")):
        attributes, kept = field(page, name)
        assert (kept, attributes["aria-invalid"]) == (value, "true")
    assert "'foo' at character 5 is not known" in html.unescape(said(page, "A.formula"))
    for name in ("A.count", "B.kernel"):
        attributes, kept = field(page, name)
        assert kept.replace("\r\n", "\n") == FINE[f"answer:{name}"]
        assert "aria-invalid" not in attributes
    assert "Nothing has been handed in" in text_of(page)


def test_a_file_that_is_refused_keeps_what_was_typed(ada):
    answer = ada.hand_in(UPLOAD, b"%PDF-1.4", file="report.pdf", **FINE)
    assert answer.status_code == 422
    assert "report.pdf is a PDF document" in text_of(answer.text)
    assert field(answer.text, "A.count")[1] == "271829"


def test_a_file_too_large_for_its_length_keeps_what_was_typed(ada, asking):
    limit = asking.assignment.spec.definition.limits.archive_bytes
    answer = ada.hand_in(UPLOAD, b"#" * (limit + 2**21), **FINE)
    assert answer.status_code == 413
    assert field(answer.text, "A.count")[1] == "271829"


def test_a_used_up_day_shows_what_was_typed_to_be_copied(site, ada):
    with site.services.database.begin() as work:
        work.session.query(AssignmentRow).filter_by(slug="tiny").update({"uploads_per_day": 1})
    ada.hand_in(UPLOAD, b"x = 1\n")
    answer = ada.hand_in(UPLOAD, b"x = 2\n", idempotency_key="two", **FINE)
    assert answer.status_code == 429
    assert "What you wrote" in text_of(answer.text)
    assert "271829" in answer.text
    assert 'id="upload"' not in answer.text


def test_a_closed_assignment_shows_what_was_typed_to_be_copied(site, ada):
    with site.services.database.begin() as work:
        due = datetime.now(UTC) - timedelta(days=9)
        work.session.query(AssignmentRow).filter_by(slug="tiny").update({"due_at": due})
    answer = ada.hand_in(UPLOAD, b"x = 1\n", **FINE)
    assert answer.status_code == 403
    assert "271829" in answer.text


class TestLooking:
    def test_a_browser_without_scripts_gets_the_page_with_what_is_read_and_what_is_not(self, ada):
        sent = {"answer:A.count": "many", "answer:A.formula": "3nf*NC", "answer:B.shape": "[3, 32, 32]"}
        answer = ada.submit(f"{PAGE}/answers", **sent)
        assert answer.status_code == 200
        assert "'many'" in html.unescape(said(answer.text, "A.count"))
        assert said(answer.text, "A.formula") == "Read as 3·NC·NF."
        assert said(answer.text, "B.shape") == "Read as 3 x 32 x 32."
        assert field(answer.text, "A.formula")[1] == "3nf*NC"
        assert "Nothing has been handed in" in text_of(answer.text)

    def test_a_script_gets_an_object_for_the_fields_it_sent(self, ada):
        answer = ada.post(
            f"{PAGE}/answers",
            headers={"Accept": "application/json", "X-CSRF-Token": ada.csrf},
            data={"answer:A.formula": "2 nf", "answer:B.kernel": "[[1], [2, 3]]", "answer:nobody": "1"},
        )
        told = answer.json()
        assert told["A.formula"] == {"problem": "", "read_as": "2·NF"}
        assert "not equally long" in told["B.kernel"]["problem"]
        assert set(told) == {"A.formula", "B.kernel"}

    @pytest.mark.parametrize(
        ("name", "right", "wrong"),
        [("A.count", "271828", "271829"), ("why", "abracadabra", "no"), ("B.shape", "7x11x13", "1x1")],
    )
    def test_right_and_wrong_look_the_same(self, ada, name, right, wrong):
        pages = [ada.submit(f"{PAGE}/answers", **{f"answer:{name}": value}) for value in (right, wrong)]
        first, second = (re.sub("Read as .*", "", said(page.text, name)) for page in pages)
        assert first == second

    def test_it_needs_the_sessions_token_and_the_course(self, site, asking, ada):
        assert ada.post(f"{PAGE}/answers", data={"answer:why": "so"}).status_code == 403
        with site.services.database.begin() as work:
            builders.an_assignment(work, builders.a_course(work), slug="theirs")
        assert ada.submit("/assignments/theirs/answers").status_code == 404

    def test_text_that_only_looks_like_an_answer_is_no_fault_of_ours(self, ada):
        for value in ("\x00", "\u202e9\x07NF", "9" * 4001, "(" * 4000, "\ufffd", "²" * 500):
            for name in IDS:
                assert ada.submit(f"{PAGE}/answers", **{f"answer:{name}": value}).status_code == 200


class TestAgain:
    def test_the_next_upload_begins_with_the_answers_of_the_one_before(self, ada):
        ada.hand_in(UPLOAD, b"x = 1\n", **FINE)
        page = ada.get(PAGE).text
        assert "Filled in from your submission 1." in text_of(page)
        assert field(page, "A.count")[1] == "271829"
        assert field(page, "B.kernel")[1] == "[[1, 0],\n [x, 2]]"

    def test_nobody_sees_anothers(self, site, asking, ada):
        ada.hand_in(UPLOAD, b"x = 1\n", **FINE)
        for name in (BOB, TINA):
            page = site.browser(name, asking).get(PAGE).text
            assert "271829" not in page
            assert "Filled in" not in page

    def test_the_same_file_with_other_answers_is_another_submission(self, ada):
        first = ada.hand_in(UPLOAD, b"x = 1\n", idempotency_key="a", **FINE).headers["Location"]
        again = ada.hand_in(UPLOAD, b"x = 1\n", idempotency_key="b", **FINE).headers["Location"]
        other = ada.hand_in(UPLOAD, b"x = 1\n", idempotency_key="c", **{"answer:why": "so"}).headers["Location"]
        assert again == f"{first}?again=1"
        assert other not in (first, again)
