"""A grader reads a report and a notebook that a real sandbox made pictures of, in a real browser."""

from __future__ import annotations

import base64
import io

import pytest
from PIL import Image, ImageDraw

from grader.engine.sandbox.select import make as sandboxes
from grader.engine.sheets import MAKING, make
from grader.service import sheets
from tests.engine.pdf_files import pdf
from tests.engine.test_sheets_made import code, displayed, notebook, zipped
from tests.web.desk import TINA, shows
from tests.web.test_pages_sheets import EVIL, read_by_a_person

pytestmark = pytest.mark.browser


def a_plot():
    image = Image.new("RGB", (420, 260), "white")
    ImageDraw.Draw(image).line([(20, 20), (120, 160), (400, 230)], fill=(11, 93, 102), width=4)
    packed = io.BytesIO()
    image.save(packed, "PNG")
    return base64.b64encode(packed.getvalue()).decode()


def test_a_report_and_a_notebook_are_read_next_to_the_questions(desk):
    cells = [
        {"cell_type": "markdown", "source": "## Question 2\nWhy does it fall?\n\nBecause of the learning rate."},
        code("losses = train(model)\nplot(losses)", {"output_type": "stream", "text": "epoch 1: 2.31\nepoch 2: 1.07\n"},
             displayed(image_png=a_plot()), displayed(text_html=f"<b>bold</b>{EVIL}")),
    ]  # fmt: skip
    hand_in = zipped(report__pdf=pdf(("Question 1: what the curve shows", "Question 3")), work__ipynb=notebook(*cells))
    receipt = read_by_a_person(desk.scene, hand_in)
    with desk.scene.database.begin() as work:
        wanted = sheets.claim(work, worker="one")
    definition = wanted.definition
    made = make(sandboxes("bwrap"), "handin.zip", hand_in, limits=definition.limits, rules=definition.files)
    assert sheets.keep(desk.scene.database, desk.scene.blobs, wanted, made, MAKING)

    tina = desk.page(TINA, viewport={"width": 1280, "height": 900})
    tina.goto(f"/submissions/{receipt.id}")
    tina.get_by_role("link", name="Pages and outputs").click()
    tina.wait_for_url("**/sheets")
    page = tina.get_by_role("img", name="The page as a picture: report.pdf, page 1")
    page.scroll_into_view_if_needed()
    tina.wait_for_function("document.querySelector('.sheet img').naturalWidth >= 990")
    tina.get_by_role("link", name="Why?").click()
    tina.wait_for_url("**/sheets?item=A.why#sheet-2")
    shows(tina, "Because of the learning rate.")
    assert tina.evaluate("document.querySelector('#sheet-2').getBoundingClientRect().top") < 200
    shows(tina, "HTML, shown as its text:")
    assert desk.complaints == []
