"""Reports and written answers, as the sandbox reads them."""

from __future__ import annotations

import io
import zipfile

import pypdf
import pytest
from handing_in import cell, notebook


def _pdf(password: str | None = None) -> bytes:
    writer = pypdf.PdfWriter()
    writer.add_blank_page(100, 100)
    writer.add_blank_page(100, 100)
    if password:
        writer.encrypt(password, algorithm="RC4-128")
    packed = io.BytesIO()
    writer.write(packed)
    return packed.getvalue()


def test_a_pdf_is_counted_by_pages_and_says_when_it_is_only_pictures(hand_in):
    loaded = hand_in({"report/Practical2-Report.pdf": _pdf()})
    found = loaded.document("practical2-report.pdf")
    assert (found["kind"], found["readable"], found["pages"]) == ("pdf", True, 2)
    assert "pictures" in found["note"]


def test_a_pdf_with_a_password_says_so(hand_in):
    found = hand_in({"r.pdf": _pdf("secret")}).document("r.pdf")
    assert (found["readable"], found["encrypted"]) == (False, True)
    assert "without" in found["note"]


@pytest.mark.parametrize(
    "content", [b"", b"%PDF-1.4 nonsense", b"hello", b"PK\x03\x04", b"%PDF-1.7\n" + b"\xff" * 5000]
)
def test_a_document_that_is_none_says_so_and_raises_nothing(hand_in, content):
    found = hand_in({"r.pdf": content}).document("r.pdf")
    assert found["readable"] is False
    assert found["note"]


def test_text_and_word_documents_are_read(hand_in):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("word/document.xml", "<w:p><w:t>One &amp; two</w:t></w:p><w:p>Three</w:p>")
    loaded = hand_in({"r.docx": packed.getvalue(), "r.md": "# Answers ü", "r.html": "<p>Hi<script>bad()</script></p>"})
    assert loaded.document("r.docx")["text"] == "One & two\nThree\n"
    assert loaded.document("r.md")["text"] == "# Answers ü"
    assert loaded.document("r.html")["text"].strip() == "Hi"
    assert loaded.document("../../etc/passwd")["kind"] == "missing"


@pytest.mark.parametrize(
    "written",
    [
        cell('# answers\n"A3.weights" = "K^2"\n"A4" = 3\n'),
        cell('# Answers\n\n"A3.weights" = "K^2"\nA4 = 3\n', "markdown"),
        cell('## answers\n```toml\nA3.weights = "K^2"\nA4 = 3\n```\n', "markdown"),
        cell('```toml\n# answers\n"A3.weights" = "K^2"\nA4 = 3\n```\n', "markdown"),
        cell('# answers\n[A3]\nweights = "K^2"\n["x\nA4 = 3\n'),
    ],
)
def test_answers_in_a_cell_are_read(hand_in, written):
    loaded = hand_in({"cnn.ipynb": notebook("x = 1", written)})
    found = loaded.answers()
    assert found["answers"]["A3.weights"] == "K^2"
    assert found["answers"]["A4"] == 3
    assert found["source"] == "cnn.ipynb cell 2"
    assert loaded.error(1) == ""


def test_one_slip_costs_one_answer(hand_in):
    text = 'A1 = "yes"\nA2 = 3 x + 4\nnonsense\nA3 = [1, 2.5]\nA4: 7\n'
    found = hand_in({"hw/Answers.toml": text}).answers()
    assert found["answers"] == {"A1": "yes", "A2": "3 x + 4", "A3": [1, 2.5], "A4": "7"}
    assert len(found["notes"]) == 3
    assert found["source"] == "answers.toml"


def test_the_file_wins_over_the_cell_and_absence_is_said(hand_in):
    both = hand_in({"answers.toml": "A1 = 1", "a.ipynb": notebook("# answers\nA1 = 2\nA2 = 2")})
    assert both.answers()["answers"] == {"A1": 1, "A2": 2}


def test_what_came_beside_the_files_wins_over_both_question_by_question(hand_in):
    files = {"answers.toml": "A1 = 1\nA2 = 1", "a.ipynb": notebook("# answers\nA1 = 2\nA2 = 2\nA3 = 2")}
    found = hand_in(files, answers={"A1": [[3]], "A4": "3"}).answers()
    assert found["answers"] == {"A1": [[3]], "A2": 1, "A3": 2, "A4": "3"}
    assert found["source"] == "a.ipynb cell 1, answers.toml, beside the files"


def test_answers_in_the_files_however_many_push_none_of_those_beside_them_out(hand_in):
    text = "\n".join(f"q{number} = {number}" for number in range(1000))
    assert hand_in({"answers.toml": text}, answers={"A1": 3}).answers()["answers"]["A1"] == 3


def test_answers_beside_the_files_are_enough(hand_in):
    found = hand_in({"a.py": "x = 1"}, answers={"A1": 3}).answers()
    assert (found["answers"], found["notes"]) == ({"A1": 3}, [])


def test_no_answers_is_said(hand_in):
    found = hand_in({"a.py": "x = 1"}).answers()
    assert found["answers"] == {}
    assert "neither a file" in found["notes"][0]
