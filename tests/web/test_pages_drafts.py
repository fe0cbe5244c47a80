"""Drafts on the pages without scripts: saved by a button, there again, in conflict shown side by side."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from grader.storage.models import AssignmentRow
from tests.web.conftest import text_of
from tests.web.test_pages_answers import ADA, BOB, PAGE, TINA, UPLOAD, ada, asking, field

__all__ = ["ada", "asking"]
DRAFT = f"{PAGE}/draft"


def version_in(page):
    return re.search(r'name="draft_version" value="(\d+)"', page)[1]


def test_a_draft_is_saved_by_a_button_is_there_again_and_goes_when_it_is_handed_in(site, asking, ada):
    assert "A draft is not handed in and is never graded; staff do not see it." in text_of(ada.get(PAGE).text)
    sent = {"answer:A.count": "lots and lots", "answer:B.kernel": "[[1, 0],\n [x, 2]]", "draft_version": "0"}
    assert ada.submit(DRAFT, **sent).headers["Location"] == f"{PAGE}#answers"
    page = site.browser(ADA, asking).get(PAGE).text
    assert field(page, "A.count")[1] == "lots and lots"
    assert field(page, "B.kernel")[1] == "[[1, 0],\n [x, 2]]"
    assert (version_in(page), "by you; it is not handed in" in text_of(page)) == ("1", True)
    for name in (BOB, TINA):
        assert "lots and lots" not in site.browser(name, asking).get(PAGE).text
    assert ada.hand_in(UPLOAD, b"x = 1\n", draft_version="1", **{"answer:why": "so"}).status_code == 303
    after = ada.get(PAGE).text
    assert field(after, "A.count")[1] == ""
    assert "Filled in from your submission 1." in text_of(after)


def test_of_two_windows_the_second_sees_what_the_first_saved_and_then_decides(ada):
    ada.submit(DRAFT, draft_version="0", **{"answer:why": "first", "answer:A.count": "1"})
    refused = ada.submit(DRAFT, draft_version="0", **{"answer:why": "second", "answer:A.count": "1"})
    assert refused.status_code == 409
    text = text_of(refused.text)
    assert "You have saved another version of this draft in another window" in text
    assert "There it says: why first" in text
    assert field(refused.text, "why")[1] == "second"
    assert field(ada.get(PAGE).text, "why")[1] == "first"
    # Looking at answers or a refused upload must not make an old form a new one.
    looked = ada.submit(f"{PAGE}/answers", draft_version="0", **{"answer:why": "second"})
    assert version_in(looked.text) == "0"
    upload = ada.hand_in(UPLOAD, b"%PDF", file="a.pdf", draft_version="0", **{"answer:why": "second"})
    assert (upload.status_code, version_in(upload.text)) == (422, "0")
    assert ada.submit(DRAFT, draft_version=version_in(refused.text), **{"answer:why": "second"}).status_code == 303
    assert field(ada.get(PAGE).text, "why")[1] == "second"
    assert ada.submit(DRAFT, draft_version="2", discard="1").status_code == 303
    assert field(ada.get(PAGE).text, "why")[1] == ""


def test_a_script_gets_the_version_or_what_the_other_one_has(ada):
    def post(**fields):
        headers = {"Accept": "application/json", "X-CSRF-Token": ada.csrf}
        return ada.post(DRAFT, headers=headers, data=fields)

    told = post(draft_version="0", **{"answer:why": "<b>"}).json()
    assert told["version"] == 1
    refused = post(draft_version="0", **{"answer:A.count": "2"})
    assert refused.status_code == 409
    assert (refused.json()["version"], refused.json()["others"]) == (1, {"why": "<b>", "A.count": ""})
    assert post(draft_version="1", **{"answer:nobody": "2"}).json()["code"] == "bad-answers"
    assert ada.post(DRAFT, data={"draft_version": "1"}).status_code == 403


def test_a_draft_that_can_no_longer_be_handed_in_is_shown(site, asking, ada):
    ada.submit(DRAFT, draft_version="0", **{"answer:why": "kept words"})
    with site.services.database.begin() as work:
        due = datetime.now(UTC) - timedelta(days=9)
        work.session.query(AssignmentRow).filter_by(slug="tiny").update({"due_at": due})
    text = text_of(ada.get(PAGE).text)
    assert "Your draft It was not handed in, and is neither graded nor seen by staff. why kept words" in text
    refused = ada.submit(DRAFT, draft_version="1", **{"answer:why": "later words"})
    assert refused.status_code == 403
    assert "was due" in text_of(refused.text)
    assert "later words" in refused.text
