"""A spec version tried on the pages: from the form to the report, published by an instructor; and in a real browser."""

from __future__ import annotations

import re

import pytest

from tests import builders
from tests.web.conftest import text_of
from tests.web.desk import shows
from tests.web.scene import failed, passed

ADA, TINA = "Ada Lovelace", "Tina Assistant"


def lost(scene, *checks):
    return [failed(one, "No.") if one.id in checks else passed(one) for one in scene.plan]


def another_version(scene) -> str:
    with scene.database.begin() as work:
        return builders.an_assignment(work, builders.a_course(work)).spec.version


def test_a_version_is_tried_and_published(site, scene):
    receipt = scene.hand_in(ADA)
    scene.grade(lost(scene, "A.two"))
    version = another_version(scene)
    tina, ines, ada = (site.browser(name, scene) for name in (TINA, "Ines Instructor", ADA))
    form = tina.get("/assignments/tiny/rerun").text
    assert f'<option value="{version}">' in form
    refused = tina.submit("/assignments/tiny/trials", version=version, submissions="counting", reason="")
    assert refused.status_code == 422 and "why this version is tried" in text_of(refused.text)
    began = tina.submit("/assignments/tiny/trials", version=version, submissions="counting", reason="A two <was> wrong")
    where = began.headers["Location"]
    assert "0 of 1 submission tried" in text_of(tina.get(where).text)
    seen = ada.get(f"/submissions/{receipt.id}").text
    scene.grade()
    assert re.sub(r'value="[^"]+"', "", ada.get(f"/submissions/{receipt.id}").text) == re.sub(
        r'value="[^"]+"', "", seen
    )
    text = text_of(tina.get(where).text)
    assert "A.two failed 0 to passed 2" in text and "A two &lt;was&gt; wrong" in text
    assert "Instructors publish a trial" in text
    assert "A.two" in tina.get(f"{where}/csv").text
    assert tina.submit(f"{where}/publish", reason="x").status_code == 403
    assert ines.submit(f"{where}/publish", reason="as seen").headers["Location"] == where
    assert "It is published" in text_of(ines.get(where).text)
    assert "5 / 5 points" in text_of(ada.get(f"/submissions/{receipt.id}").text)
    assert ines.submit(f"{where}/drop", reason="x").status_code == 409


@pytest.mark.browser
def test_what_a_trial_shows_in_a_browser(desk):
    scene = desk.scene
    scene.hand_in(ADA)
    scene.grade(lost(scene, "A.two"))
    version = another_version(scene)
    ines = desk.page("Ines Instructor")
    ines.goto("/assignments/tiny/rerun")
    ines.get_by_label("Spec version", exact=True).select_option(version)
    ines.get_by_label("Reason").fill("A two took (H, W) for (W, H)")
    ines.get_by_role("button", name="Try it").click()
    ines.wait_for_url("**/trials/*")
    shows(ines, "0 of 1 submission tried")
    scene.grade()
    ines.get_by_role("link", name="Look again").click()
    shows(ines, "failed 0 to passed 2")
    ines.get_by_role("region", name="Publish").get_by_label("Reason").fill("as seen")
    ines.get_by_role("button", name="Publish").click()
    shows(ines, "It is published")
    assert desk.complaints == []
