"""What fuzzing found, one test each: see docs/fuzzing.md. Inputs small enough are kept in corpus/ instead."""

from __future__ import annotations

import struct
import tracemalloc

import pytest

from grader.answers.formulas import UnreadableFormula, parse
from grader.answers.given import BadAnswers, read_answers
from grader.domain.assignment import FileRules, Limits
from grader.domain.errors import ProtocolViolation
from grader.domain.ids import Sha256
from grader.engine.student.replies import FileFacts, checked
from grader.engine.wire.frames import WireError
from grader.engine.wire.values import ValueLimits, decode
from grader.formats.cells import safe
from grader.intake.archive import Entry, Listing, list_upload
from grader.intake.files import match
from grader.kit.text import plain
from tests.fuzz.targets.bounds import within
from tests.fuzz.targets.written import ANSWER_S


@pytest.mark.parametrize("empty", [b"\x90", b"\x80"], ids=["lists", "tables"])
def test_a_header_of_empty_containers_is_refused_before_they_are_all_made(empty):
    part = b"\xdc" + struct.pack(">H", 4_000) + empty * 4_000
    header = b"\xdc" + struct.pack(">H", 40) + part * 40
    tracemalloc.start()
    try:
        with pytest.raises(WireError, match="entries"):
            decode(header, b"", limits=ValueLimits(entries=5_000))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000


@pytest.mark.parametrize("field", ["path", "note"])
def test_bytes_are_no_text_in_a_reply(field):
    with pytest.raises(ProtocolViolation):
        checked(FileFacts, {"path": "a.py", "status": "loaded", field: b"\x1b[31m"})


@pytest.mark.parametrize(
    "text",
    ["+".join(["(1+K+H+W)^6*(1+K+H+W)^6"] * 24), "+".join(["(1+K+H+W)^12"] * 45), "(1+K+H+W)^12" + "+K/7" * 145],
)
def test_a_formula_that_is_all_work_is_refused_soon(text):
    with within(2 * ANSWER_S), pytest.raises(UnreadableFormula, match="larger than any answer"):
        parse(text)


def test_a_key_of_many_parts_does_not_keep_the_server_busy():
    with within(1.0), pytest.raises(BadAnswers, match="a key has more than 32 parts"):
        read_answers(".".join(["a"] * 20_000) + " = 1")


def test_a_number_of_thousands_of_digits_is_said_in_our_words():
    with pytest.raises(BadAnswers, match="a whole number in it is too long"):
        read_answers(f"a = {'9' * 5000}")


@pytest.mark.parametrize("name", [" .", "\u200e.", "..", " .. ", "..."])
def test_an_upload_named_by_dots_alone_has_a_name_all_the_same(name):
    listing = list_upload(name, b'{"cells": []}', Limits())
    assert [entry.base_name for entry in listing.entries] == ["upload"]


@pytest.mark.parametrize("cell", ["\ufe66cmd()", "\ufe62 1", "\u3000=1", "\u2003@x", "\u200a-1", "\uff1d1"])
def test_small_and_wide_signs_and_any_blank_before_them_are_guarded(cell):
    assert safe(cell) == f"'{cell}"


def test_the_arabic_letter_mark_is_as_hidden_as_the_other_marks():
    assert plain("a\u061cb") == "ab"


def test_files_are_sorted_in_time_as_their_number():
    entries = tuple(Entry(path=f"work/{'x' * 60}{number}.py", size=1, compressed=1) for number in range(8_000))
    listing = Listing(name="work.zip", kind="zip", sha256=Sha256("0" * 64), size=1, entries=entries)
    with within(0.6):
        assert len(match(listing, FileRules()).entries) == 8_000
