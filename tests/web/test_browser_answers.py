"""Written answers in a real Chromium: read while they are written, refused by field, handed in with the file."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from grader.storage.models import AssignmentRow, SpecVersionRow
from tests.asking import a_packed_spec
from tests.web.axe import wrong_at_any_size
from tests.web.desk import ADA, PATIENCE_MS, shows

pytestmark = pytest.mark.browser

FILE = {"name": "cnn.py", "mimeType": "", "buffer": b"x = 1\n"}


@pytest.fixture
def asking(desk, tmp_path):
    blob = desk.scene.blobs.put(a_packed_spec(tmp_path)).sha256
    with desk.scene.database.begin() as work:
        row = work.session.query(AssignmentRow).filter_by(slug="tiny").one()
        work.session.query(SpecVersionRow).filter_by(id=row.spec_version_id).update({"blob_sha256": blob})
    return desk


def said(page, name):
    return page.locator(f"#{page.get_by_label(name).get_attribute('id')}-said")


def test_an_answer_is_read_as_soon_as_it_is_written_and_a_refusal_points_at_its_field(asking):
    page = asking.page(ADA)
    page.goto("/assignments/tiny")
    formula, count = page.get_by_label("A.formula"), page.get_by_label("A.count")
    formula.fill("9 * foo")
    page.keyboard.press("Tab")
    expect(said(page, "A.formula")).to_contain_text("'foo' at character 5", timeout=PATIENCE_MS)
    expect(formula).to_have_attribute("aria-invalid", "true")
    formula.fill("3 nf nc")
    page.keyboard.press("Tab")
    expect(said(page, "A.formula")).to_have_text("Read as 3·NC·NF.", timeout=PATIENCE_MS)
    expect(formula).not_to_have_attribute("aria-invalid", "true")

    page.set_input_files("#file", FILE)
    # What was looked at may be written over before it is sent: the server says it again, by field.
    page.evaluate("document.querySelector('[name=\"answer:A.count\"]').value = 'many'")
    page.get_by_role("button", name="Hand in").click()
    shows(page, "A.count: The answer cannot be read")
    expect(said(page, "A.count")).to_contain_text("'many'", timeout=PATIENCE_MS)
    expect(count).to_be_focused()
    assert formula.input_value() == "3 nf nc"

    count.fill("271829")
    page.get_by_role("button", name="Hand in").click()
    page.wait_for_url("**/submissions/*")
    shows(page, re.compile(r"A\.count.*271829", re.DOTALL))
    assert [text for text in asking.complaints if "422" not in text] == []


def test_the_button_looks_at_all_fields_and_hands_nothing_in(asking):
    page = asking.page(ADA)
    page.goto("/assignments/tiny")
    page.get_by_label("B.shape").fill("3 by 4")
    page.get_by_label("why").fill("so")
    # Enter in a field looks; it does not hand in.
    page.keyboard.press("Enter")
    expect(said(page, "B.shape")).to_contain_text("not a whole number", timeout=PATIENCE_MS)
    expect(page.get_by_label("B.shape")).to_be_focused()
    assert page.url.endswith("/assignments/tiny")
    shows(page, "Nothing has been handed in")


def test_it_all_works_without_scripts(asking):
    page = asking.page(ADA, java_script_enabled=False)
    page.goto("/assignments/tiny")
    page.get_by_label("A.formula").fill("9 * foo")
    page.get_by_role("button", name="Can these be read?").click()
    expect(said(page, "A.formula")).to_contain_text("'foo' at character 5", timeout=PATIENCE_MS)
    page.get_by_label("A.formula").fill("9 nf")
    page.get_by_label("B.kernel").fill("[[1, 0],\n[x, 2]]")
    page.set_input_files("#file", FILE)
    page.get_by_role("button", name="Hand in").click()
    page.wait_for_url("**/submissions/*")
    shows(page, "9 nf")
    page.goto("/assignments/tiny")
    assert page.get_by_label("B.kernel").input_value() == "[[1, 0],\n[x, 2]]"


def test_axe_finds_nothing_serious_and_nothing_scrolls_sideways(asking):
    page = asking.page(ADA, reduced_motion="reduce")
    page.goto("/assignments/tiny")
    page.get_by_label("A.formula").fill("9 * foo " + "x" * 300)
    page.get_by_label("why").fill("w" * 500)
    page.get_by_role("button", name="Can these be read?").click()
    expect(page.get_by_label("A.formula")).to_have_attribute("aria-invalid", "true", timeout=PATIENCE_MS)
    page.get_by_label("A.formula").fill("9")
    page.set_input_files("#file", FILE)
    found = wrong_at_any_size(page)
    page.get_by_role("button", name="Hand in").click()
    page.wait_for_url("**/submissions/*")
    assert found + wrong_at_any_size(page) == []
