"""Sheets of reports and notebooks, made in a real sandbox; what is hostile costs at most itself."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import math
import struct
import zipfile
import zlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from grader.domain.assignment import FileRules, Limits
from grader.domain.errors import NoSandbox
from grader.domain.sheets import SheetKind, opens_at
from grader.engine import sheets
from grader.engine.probe import sheets as inside
from grader.engine.wire.frames import WireError
from grader.engine.wire.messages import Kind, Message
from grader.engine.wire.values import TensorData
from tests.engine.pdf_files import endless_pdf, pdf

TENSORS = st.builds(
    lambda shape: TensorData("uint8", shape, bytes(math.prod(shape)), "array"),
    st.tuples(*[st.integers(0, 4)] * 3) | st.just((2, 2)),
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.binary(max_size=9) | TENSORS
    | st.sampled_from(["page", "a.pdf"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["text", "is_note", "picture"]), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip

OUTPUTS = st.lists(
    st.fixed_dictionaries({"text": st.text() | ANYTHING, "is_note": st.booleans() | ANYTHING})
    | st.fixed_dictionaries({"picture": TENSORS | ANYTHING}),
    max_size=3,
)
BODIES = st.fixed_dictionaries({}, optional=dict.fromkeys(("kind", "path", "place", "text", "note"), ANYTHING)) | (
    st.fixed_dictionaries({}, optional={"outputs": OUTPUTS, "text": st.text()})
)


def notebook(*cells):
    return json.dumps({"cells": cells, "nbformat": 4, "nbformat_minor": 5, "metadata": {}}).encode()


def code(source, *outputs):
    return {"cell_type": "code", "source": source, "outputs": outputs, "metadata": {}}


def displayed(**data):
    return {"output_type": "display_data", "data": {name.replace("_", "/"): held for name, held in data.items()}}


def encoded(image, kind="PNG", **options):
    packed = io.BytesIO()
    image.save(packed, kind, **options)
    return base64.b64encode(packed.getvalue()).decode()


def zipped(**files):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "."), content)
    return packed.getvalue()


def made(backend, content, name="handin.zip", **options):
    found = sheets.make(backend, name, content, limits=Limits(), rules=FileRules(), **options)
    assert found is None or all(
        picture.content.startswith({"png": b"\x89PNG", "jpeg": b"\xff\xd8"}[picture.kind]) for picture in found.pictures
    )
    return found


def opened(picture):
    image = Image.open(io.BytesIO(picture.content))
    assert image.size == (picture.width, picture.height)
    return image.convert("RGB")


def said(found):
    return " ".join(output.text for sheet in found.sheets for output in sheet.outputs)


class TestHandIns:
    def test_pages_come_as_pictures_with_their_text_and_cells_with_what_they_showed(self, usable_bwrap):
        blue = Image.new("RGBA", (40, 20), (0, 0, 255, 255))
        see_through = Image.new("RGBA", (10, 10), (255, 0, 0, 0))
        cells = [
            {"cell_type": "markdown", "source": "# Part 1\nWhy does it fall?"},
            code("print(1)\nplot()", {"output_type": "stream", "text": ["1\n", "2\n"]},
                 displayed(image_png=encoded(blue), text_plain="<Figure>"),
                 displayed(image_png=encoded(see_through))),
            code("1/0", {"output_type": "error", "ename": "ZeroDivisionError", "evalue": "no",
                         "traceback": ["\x1b[31mZeroDivisionError\x1b[0m: no"]}),
            {"cell_type": "markdown", "source": "![](attachment:a.png)",
             "attachments": {"a.png": {"image/png": encoded(blue)}}},
            {"cell_type": "markdown", "source": f"![x](data:image/jpeg;base64,{encoded(blue.convert('RGB'), 'JPEG')})"},
        ]  # fmt: skip
        report = pdf(("Question 1", "Question 2: the curve"))
        found = made(usable_bwrap, zipped(report__pdf=report, work__ipynb=notebook(*cells), notes__txt="by hand"))
        assert (found.problem, found.note) == ("", "")
        kinds = [(sheet.kind.value, sheet.path, sheet.place) for sheet in found.sheets]
        assert kinds == [
            ("page", "report.pdf", 1), ("page", "report.pdf", 2), ("text", "work.ipynb", 1), ("code", "work.ipynb", 2),
            ("code", "work.ipynb", 3), ("text", "work.ipynb", 4), ("text", "work.ipynb", 5), ("text", "notes.txt", 0),
        ]  # fmt: skip
        page, cell, failed = found.sheets[1], found.sheets[3], found.sheets[4]
        assert page.text == "Question 2: the curve"
        shown = opened(found.pictures[page.outputs[0].picture])
        assert shown.size == (1000, 1414) or shown.height == 1414
        assert shown.getpixel((5, 5)) == (255, 255, 255)
        assert shown.convert("L").getextrema()[0] < 60, "the page is empty"
        assert cell.outputs[0].text == "1\n2\n"
        assert opened(found.pictures[cell.outputs[1].picture]).getpixel((3, 3)) == (0, 0, 255)
        assert opened(found.pictures[cell.outputs[2].picture]).getpixel((3, 3)) == (255, 255, 255)
        assert failed.outputs[0].text == "ZeroDivisionError: no"
        assert found.sheets[6].text == "![x](picture)"
        assert all(len(found.sheets[number].outputs) == 1 for number in (5, 6))
        assert opens_at(found.sheets, "report") == 0
        assert opens_at(found.sheets, "why DOES it") == 2
        assert opens_at(found.sheets, "the curve") == 1
        assert opens_at(found.sheets, "nowhere") is None

    def test_a_photograph_is_turned_made_smaller_and_kept_as_jpeg(self, usable_bwrap):
        photograph = Image.effect_noise((2400, 1200), 90).convert("RGB")
        exif = Image.Exif()
        exif[0x0112] = 6
        held = encoded(photograph, "JPEG", exif=exif)
        found = made(usable_bwrap, notebook(code("x", displayed(image_jpeg=held))), "work.ipynb")
        picture = found.pictures[0]
        assert (picture.kind, picture.width, picture.height) == ("jpeg", 707, 1414)

    def test_markup_is_text_or_left_out_with_a_word(self, usable_bwrap):
        held = [
            displayed(text_html="<b>5</b><script>alert('seen')</script><img src=x onerror=alert(2)>"),
            displayed(**{"image_svg+xml": "<svg onload=alert(3)>"}, text_plain="drawing"),
            displayed(application_javascript="alert(4)"),
        ]
        found = made(usable_bwrap, notebook(code("x", *held)), "work.ipynb")
        assert [output.text.strip() for output in found.sheets[0].outputs] == [
            "HTML, shown as its text:", "5", "drawing", "A drawing (SVG) is not shown.", "JavaScript is not shown.",
        ]  # fmt: skip

    def test_pictures_beside_the_code_are_shown_and_what_is_damaged_says_so(self, usable_bwrap):
        packed = io.BytesIO()
        Image.new("RGB", (20, 10), (255, 0, 0)).save(packed, "PNG")
        files = {f"plots/p{number:02}__png": packed.getvalue() for number in range(26)}
        content = zipped(work__py="x = 1\n", a__jpg=b"no picture", **files)
        found = made(usable_bwrap, content)
        assert "of 27 picture files only the first 24" in found.note.lower()
        assert len(found.pictures) == 23
        assert opened(found.pictures[0]).getpixel((1, 1)) == (255, 0, 0)
        assert "cannot be read" in said(found)
        stored = io.BytesIO()
        with zipfile.ZipFile(stored, "w") as archive:
            archive.writestr("x.py", "x = 1\n")
            archive.writestr("notes.txt", "by hand")
        found = made(usable_bwrap, stored.getvalue().replace(b"by hand", b"by Hand"))
        assert [sheet.path for sheet in found.sheets] == ["x.py", "notes.txt"]
        assert "damaged in the archive" in said(found)

    def test_a_notebook_of_the_third_format_and_a_cut_one_are_shown(self, usable_bwrap):
        blue = encoded(Image.new("RGB", (9, 9), (0, 0, 255)))
        old = {"worksheets": [{"cells": [{"cell_type": "code", "input": "plot()", "outputs": [
            {"output_type": "display_data", "png": blue}, {"output_type": "pyout", "text": "3"}]}]}], "nbformat": 3}  # fmt: skip
        found = made(usable_bwrap, json.dumps(old).encode(), "old.ipynb")
        assert (len(found.pictures), found.sheets[0].outputs[1].text) == (1, "3")
        cut = made(usable_bwrap, notebook(code("first"), code("second"))[:-60], "cut.ipynb")
        assert [sheet.text for sheet in cut.sheets] == ["first"]

    def test_it_is_let_go_of_when_told_to(self, usable_bwrap):
        assert made(usable_bwrap, b"x = 1\n", "x.py", goes_on=lambda: False) is None


class TestHostileFiles:
    def test_thousands_of_pages_huge_pages_and_no_pages(self, usable_bwrap):
        files = {
            "z__pdf": pdf(("One",), box="0 0 60 60", times=5000),
            "b__pdf": b"%PDF-1.7\nnothing",
            "x__py": "x = 1\n",
        }
        boxes = ("0 0 1e9 1e9", "0 0 14400 0.001", "0 0 0 0", "-5 -5 -90000 70000")
        files |= {f"c{number}__pdf": pdf(("Wide",), box=box) for number, box in enumerate(boxes)}
        found = made(usable_bwrap, zipped(**files))
        pages = [sheet for sheet in found.sheets if sheet.kind is SheetKind.PAGE]
        assert len(pages) == inside.PAGES
        assert [sheet.path for sheet in pages[:4]] == ["c0.pdf", "c1.pdf", "c2.pdf", "c3.pdf"]
        assert "of 5,000 are shown" in found.note
        assert "damaged" in said(found)
        assert all(max(one.width, one.height) <= sheets.SIDE for one in found.pictures)

    def test_a_page_that_is_never_drawn_costs_itself_and_what_comes_after(self, usable_bwrap, monkeypatch):
        # Enough for the first page on a machine that does much else; and time, not memory, is to end the other.
        monkeypatch.setattr(sheets, "PATIENCE_S", 6.0)
        monkeypatch.setattr(sheets, "_PROFILE", replace(sheets._PROFILE, memory_bytes=6 * 2**30))
        found = made(usable_bwrap, zipped(a__pdf=endless_pdf(), x__py="x = 1\n"))
        assert [(sheet.kind.value, sheet.text) for sheet in found.sheets] == [
            ("page", "Question 1"),
            ("code", "x = 1\n"),
        ]
        assert found.note == "The rest is not shown: reading it took too long."

    def test_bombs_in_pictures(self, usable_bwrap):
        def chunk(name, content):
            return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

        side = 30_000
        rows = zlib.compress(bytes((side // 8 + 1) * side), 9)
        bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0))
        bomb += chunk(b"IDAT", rows) + chunk(b"IEND", b"")
        lying = base64.b64encode(bomb).decode()
        held = [displayed(image_png=one) for one in (lying, "!!!!", "", encoded(Image.new("L", (3, 3))))]
        found = made(usable_bwrap, notebook(code("x", *held)), "work.ipynb")
        assert [output.picture for output in found.sheets[0].outputs] == [None, None, None, 0]
        assert said(found).count("A picture cannot be read.") == 3

    @pytest.mark.parametrize(
        "content",
        [
            notebook(code("x", *[{"output_type": "stream", "text": "y" * 50}] * 100_000)),
            notebook(*[code("x = 1")] * 4_000),
            notebook(code("x", displayed(text_plain="z" * 5_000_000))),
            notebook(code(["x"], {"output_type": ["display_data"], "data": [1]}, 7, None, displayed(image_png={"a": 1}))),
            b'{"cells":' + b"[" * 100_000,
            notebook(3, None, {}, {"cell_type": "code", "outputs": {"a": 1}, "source": 9}, code("kept")),
        ],
        ids=["outputs", "cells", "text", "odd", "nested", "odder"],
    )  # fmt: skip
    def test_too_much_and_the_wrong_things_in_a_notebook(self, usable_bwrap, content):
        found = made(usable_bwrap, content, "work.ipynb")
        assert found.problem == ""
        assert found.sheets
        assert sum(len(sheet.text) for sheet in found.sheets) + len(said(found)) <= sheets.CHARACTERS
        assert all(len(sheet.outputs) <= sheets.OUTPUTS for sheet in found.sheets)


class TestHostileSandboxes:
    def under(self, monkeypatch, program):
        monkeypatch.setattr(sheets, "_PROFILE", replace(sheets._PROFILE, program=program))

    def test_one_that_sends_other_shapes_ends_in_a_sentence(self, usable_bwrap, monkeypatch):
        odd = (
            "import grader.engine.probe.sheets as s\n"
            "good = {'kind': 'code', 'path': 'x.py', 'place': 0, 'text': 'seen', 'outputs': []}\n"
            "wide = s.TensorData('uint8', (2, 10000, 3), bytes(60000), 'array')\n"
            "s.Maker.sheets = lambda self: iter([good, good | {'outputs': [{'picture': wide}]}, good])\n"
            "s.serve()"
        )
        self.under(monkeypatch, odd)
        found = made(usable_bwrap, b"x = 1\n", "x.py")
        assert [sheet.text for sheet in found.sheets] == ["seen"]
        assert found.note == "The rest is not shown: reading it gave an answer that cannot be used."
        self.under(monkeypatch, "import os; os.write(1, b'G' * 5000)")
        assert made(usable_bwrap, b"x = 1\n", "x.py").problem == "Reading it gave an answer that cannot be used."

    def test_one_that_takes_all_memory_or_time_is_said_to(self, usable_bwrap, monkeypatch):
        monkeypatch.setattr(sheets, "_PROFILE", replace(sheets._PROFILE, memory_bytes=192 * 2**20))
        self.under(monkeypatch, "kept = [bytearray(2**24) for _ in range(999)]")
        assert made(usable_bwrap, b"x = 1\n", "x.py").problem == "Reading it took too much memory."
        self.under(monkeypatch, "import time; time.sleep(99)")
        monkeypatch.setattr(sheets, "PATIENCE_S", 0.5)
        assert made(usable_bwrap, b"x\n", "x.py").problem == "Reading it took too long."

    def test_sandboxes_that_cannot_are_refused_before_any_submission_is(self, usable_bwrap, monkeypatch):
        sheets.require_maker(usable_bwrap)
        without = "import sys; sys.modules['pypdfium2'] = None\nfrom grader.engine.probe.sheets import serve; serve()"
        self.under(monkeypatch, without)
        with pytest.raises(NoSandbox, match="cannot make pictures of reports"):
            sheets.require_maker(usable_bwrap)

    GOOD = {"kind": "page", "path": "a.pdf", "place": 1, "text": "x", "outputs": []}  # noqa: RUF012

    def took(self, *bodies, kind=Kind.EVENT, serial=1):
        found = sheets._Found({"a.pdf"})
        for body in bodies:
            found.take(Message(kind, serial, body))
        return found.sheets()

    def pixels(self, *shape, dtype="uint8"):
        size = {"uint8": 1, "float32": 4}[dtype]
        count = 1
        for side in shape:
            count *= side
        return {"picture": TensorData(dtype, shape, bytes(size * count), "array")}

    @settings(max_examples=200, deadline=None)
    @given(BODIES)
    def test_whatever_comes_is_a_sheet_or_a_violation(self, body):
        for whole, kind in ((self.GOOD | body, Kind.EVENT), (body, Kind.OK)):
            with contextlib.suppress(WireError):
                self.took(whole, kind=kind)

    def test_an_answer_of_the_right_form_is_taken(self):
        found = self.took(self.GOOD | {"outputs": [self.pixels(4, 6, 3), {"text": "w", "is_note": True}]})
        assert (found.pictures[0].width, found.pictures[0].height, found.pictures[0].kind) == (6, 4, "png")
        assert found.sheets[0].outputs[1].is_note

    @pytest.mark.parametrize(
        "change",
        [
            {"kind": "html"}, {"kind": ["page"]}, {"path": "b.pdf"}, {"path": 3}, {"place": -1}, {"place": True},
            {"place": 10**9}, {"text": b"x"}, {"outputs": {}}, {"more": 1}, {"outputs": [3]}, {"outputs": [{}]},
            {"outputs": [{"text": "x"}]}, {"outputs": [{"text": 3, "is_note": False}]},
            {"outputs": [{"text": "x", "is_note": 1}]}, {"outputs": [{"picture": b"PNG"}]},
            {"outputs": [{"picture": "x", "text": "x"}]}, {"outputs": [{"text": "x", "is_note": False}] * 61},
        ],
    )  # fmt: skip
    def test_an_answer_of_another_form_is_not(self, change):
        with pytest.raises(WireError):
            self.took(self.GOOD | change)

    @pytest.mark.parametrize("shape", [(4, 4), (4, 4, 4), (0, 4, 3), (1501, 1, 3), (1, 1501, 3), (1, 4, 4, 3)])
    def test_nor_are_pixels_of_another_shape(self, shape):
        with pytest.raises(WireError):
            self.took(self.GOOD | {"outputs": [self.pixels(*shape)]})

    def test_nor_of_another_type_nor_too_much_nor_another_end(self, monkeypatch):
        with pytest.raises(WireError):
            self.took(self.GOOD | {"outputs": [self.pixels(4, 4, 3, dtype="float32")]})
        with pytest.raises(WireError):
            self.took(*[self.GOOD] * (sheets.SHEETS + 1))
        with pytest.raises(WireError):
            self.took(*[self.GOOD | {"text": "x" * 40_000}] * 63)
        with pytest.raises(WireError):
            self.took(*[self.GOOD | {"outputs": [self.pixels(1, 1, 3)] * 8}] * 26)
        monkeypatch.setattr(sheets, "ENCODED_BYTES", 100)
        with pytest.raises(WireError):
            self.took(*[self.GOOD | {"outputs": [self.pixels(9, 9, 3)]}] * 3)
        for kind, serial, body in ((Kind.READY, 1, self.GOOD), (Kind.EVENT, 2, self.GOOD), (Kind.OK, 1, {"note": 3})):
            with pytest.raises(WireError):
                self.took(body, kind=kind, serial=serial)
