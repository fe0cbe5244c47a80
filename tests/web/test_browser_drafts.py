"""A draft in a real Chromium: kept a moment after typing, there on another machine, in conflict never written over."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.web.desk import ADA, PATIENCE_MS
from tests.web.test_browser_answers import FILE, asking

__all__ = ["asking"]
pytestmark = pytest.mark.browser


def test_what_is_typed_is_kept_elsewhere_too_and_two_who_write_see_each_other(asking):
    here, there = asking.page(ADA), asking.page(ADA)
    here.goto("/assignments/tiny")
    here.get_by_label("why").fill("first words")
    expect(here.locator("#draft-said")).to_contain_text("Draft saved on", timeout=PATIENCE_MS)
    there.goto("/assignments/tiny")
    assert there.get_by_label("why").input_value() == "first words"
    there.get_by_label("why").fill("other words")
    expect(there.locator("#draft-said")).to_contain_text("by you", timeout=PATIENCE_MS)
    there.get_by_role("button", name="Save draft").click()
    # What was open here began from an older version.
    here.get_by_label("why").fill("my words")
    conflict = here.locator("#draft-conflict")
    expect(conflict).to_contain_text("You have saved another version of this draft", timeout=PATIENCE_MS)
    expect(conflict).to_contain_text("other words")
    there.reload()
    assert there.get_by_label("why").input_value() == "other words"
    here.get_by_role("button", name="Keep what is here").click()
    expect(conflict).to_be_empty()
    expect(here.locator("#draft-said")).to_contain_text("Draft saved on", timeout=PATIENCE_MS)
    there.reload()
    assert there.get_by_label("why").input_value() == "my words"

    here.get_by_label("why").fill("last words")
    here.set_input_files("#file", FILE)
    here.get_by_role("button", name="Hand in").click()
    here.wait_for_url("**/submissions/*")
    there.reload()
    assert there.get_by_label("why").input_value() == "last words"
    expect(there.get_by_text("Filled in from your submission 1.")).to_be_visible()
    expect(there.locator("#draft-said")).to_be_empty()
    assert [text for text in asking.complaints if "409" not in text] == []
