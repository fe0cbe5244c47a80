"""A student asks for a regrade and staff answer with points, in a real browser."""

from __future__ import annotations

import pytest

from tests.web.desk import ADA, TINA, shows
from tests.web.scene import failed, passed

pytestmark = pytest.mark.browser


def test_a_lost_check_is_asked_about_answered_and_paid(desk):
    scene = desk.scene
    receipt = scene.hand_in(ADA)
    scene.grade([failed(one, "Two is not one.") if one.id == "A.two" else passed(one) for one in scene.plan])
    ada, tina = desk.page(ADA), desk.page(TINA)
    ada.goto(f"/submissions/{receipt.id}")
    ada.get_by_role("link", name="Ask for a regrade of Two").click()
    ada.get_by_label("Reason").fill("The task says otherwise.\nSee its second page.")
    ada.get_by_role("button", name="Ask").click()
    ada.wait_for_url("**/regrades/*")
    shows(ada, "See its second page.")

    tina.goto("/courses/deep")
    tina.get_by_role("link", name="Regrades").click()
    tina.get_by_role("link", name="Two (A.two)").click()
    tina.get_by_label("granted").check()
    tina.get_by_label("Words; the student reads them").fill("You are right, but for a sign.")
    tina.get_by_label("Points more").fill("1.5")
    tina.get_by_role("button", name="Answer").click()
    tina.wait_for_url("**/assignments/tiny/regrades")
    shows(tina, "Granted")

    ada.reload()
    shows(ada, "You are right, but for a sign.")
    ada.goto(f"/submissions/{receipt.id}")
    shows(ada, "4.5 / 5 points")
    shows(ada, "Adjusted by your course's staff; the run came to 3.")
    shows(ada, "1.5 / 2")
    tina.goto(f"/assignments/tiny/people/{scene.people[ADA].id}")
    shows(tina, "You are right, but for a sign.")
    tina.locator("summary", has_text="Withdraw").click()
    tina.get_by_role("region", name="Adjustments").get_by_label("Reason").fill("It was wrong after all.")
    tina.get_by_role("button", name="Withdraw it").click()
    shows(tina, "3 / 5 points")
    assert desk.complaints == []
