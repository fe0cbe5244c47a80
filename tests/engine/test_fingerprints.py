"""Fingerprints of real hand-ins, made in a real sandbox: copies in disguise are found, unrelated work is not."""

from __future__ import annotations

import ast
import builtins
import io
import json
import keyword
import random
import re
import zipfile

import pytest

from grader.domain.assignment import FileRules, Limits
from grader.domain.errors import NoSandbox
from grader.domain.similarity import Compared, matches, own_values, pairs
from grader.engine.fingerprints import CHARACTERS, checked, of_starter, take
from grader.engine.handins import entries_of, hand_in, reference_hand_in, starter_hand_in
from grader.engine.probe import fingerprint as inside
from grader.specs.load import load_spec
from tests.engine.plain_sandbox import PlainBackend

PRACTICAL, SEGMENTATION, HOMEWORK = "cmp784-practical2", "cse251b-pa3", "cse891-hw2"
SPECS = {slug: load_spec(slug) for slug in (PRACTICAL, SEGMENTATION, HOMEWORK, "csc2516-pa2")}
TRIPLE = [5, 1, 1]


def cells_of(hand_in_):
    """Names and sources of a zipped notebook, and how to make a notebook of other sources."""
    with zipfile.ZipFile(io.BytesIO(hand_in_.content)) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".ipynb"))
        notebook = json.loads(archive.read(name))
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]


def notebook_of(sources):
    cells = [{"cell_type": "code", "source": source, "outputs": [], "metadata": {}} for source in sources]
    return json.dumps({"cells": cells, "nbformat": 4, "nbformat_minor": 5, "metadata": {}}).encode()


def own_names(sources):
    """What the sources themselves define, and could call otherwise."""
    found = set()
    for source in sources:
        try:
            tree = ast.parse(inside.without_magics(source).source)
        except SyntaxError:
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.add(node.id)
            elif isinstance(node, ast.arg):
                found.add(node.arg)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                found.add(node.attr)
    given = {*keyword.kwlist, *dir(builtins), "self", "args", "weight", "bias", "kernel_size", "padding", "stride"}
    return sorted(name for name in found - given if len(name) > 2)


def renamed(source, names):
    for number, name in enumerate(names):
        source = re.sub(rf"\b{name}\b(?!\s*=[^=\n]*[,)])", f"thing_{number}", source)
    return source


def commented(source):
    lines = [line.split("  #")[0] for line in source.split("\n") if not line.strip().startswith("#")]
    return "\n\n".join(f"{line}  # note {number}" if line.endswith(")") else line for number, line in enumerate(lines))


def fingerprint(backend, hand_in_, slug):
    assignment = SPECS[slug].assignment
    found = take(backend, hand_in_.name, hand_in_.content, limits=assignment.limits, rules=assignment.files)
    assert found.problem == ""
    return found


def compared(name, found):
    return Compared(submission=name, owner=name, people=frozenset({hash(name)}), is_here=True, values=found.values)


@pytest.fixture
def world(usable_bwrap):
    """A real sandbox; the reference of a real spec and its starter."""
    spec = SPECS[PRACTICAL]
    starter = of_starter(usable_bwrap, spec.folder / "starter", spec.assignment.files.code_suffixes)
    assert starter.problem == ""
    return usable_bwrap, starter.values


class TestRealWork:
    def test_copies_in_disguise_are_found_and_unrelated_work_and_the_starter_are_not(self, world):
        backend, given = world
        spec = SPECS[PRACTICAL]
        reference = reference_hand_in(spec)
        sources = cells_of(reference)
        shuffled = random.Random(4).sample(sources, len(sources))
        disguises = {
            "renamed": [renamed(source, own_names(sources)) for source in sources],
            "reordered": shuffled,
            "commented": [commented(source) for source in sources],
            "everything": [commented(renamed(source, own_names(sources))) for source in shuffled],
        }
        assert disguises["renamed"] != sources, "nothing was renamed"
        files = {name: notebook_of(changed) for name, changed in disguises.items()}
        mutant = next(entry for entry in entries_of(spec, "mutant") if entry.replace and entry.name.startswith("un"))
        handed = {
            "reference": fingerprint(backend, reference, PRACTICAL),
            "mutant": fingerprint(backend, hand_in(spec, "mutant", mutant), PRACTICAL),
            "starter": fingerprint(backend, starter_hand_in(spec), PRACTICAL),
            "another course": fingerprint(backend, reference_hand_in(SPECS["csc2516-pa2"]), "csc2516-pa2"),
            "another topic": fingerprint(backend, reference_hand_in(SPECS[HOMEWORK]), HOMEWORK),
            "segmentation": fingerprint(backend, reference_hand_in(SPECS[SEGMENTATION]), SEGMENTATION),
        } | {
            name: take(backend, f"{name}.ipynb", content, limits=spec.assignment.limits, rules=spec.assignment.files)
            for name, content in files.items()
        }
        assert len(handed["reference"].values - given) > 80
        found = {frozenset((one.one, one.other)): one.share for one in pairs(
            [compared(name, one) for name, one in handed.items()], given
        )}  # fmt: skip
        copies = ("mutant", *disguises)
        shares = {name: round(found.get(frozenset(("reference", name)), 0.0), 2) for name in copies}
        assert min(shares.values()) > 0.7, shares
        assert all(one in ("reference", *copies) for pair in found for one in pair), found

    def test_what_the_starter_holds_is_in_no_pair_however_many_have_it(self, world):
        backend, given = world
        starter = fingerprint(backend, starter_hand_in(SPECS[PRACTICAL]), PRACTICAL)
        assert len(starter.values) > 300
        assert starter.values <= given
        assert pairs([compared("one", starter), compared("other", starter)], given) == []

    def test_matches_name_the_cells_and_lines_of_both_texts(self, world):
        backend, given = world
        sources = cells_of(reference_hand_in(SPECS[PRACTICAL]))
        moved = notebook_of([*reversed(sources)])
        limits, rules = Limits(), FileRules()
        one = take(backend, "one.ipynb", notebook_of(sources), limits=limits, rules=rules)
        other = take(backend, "other.ipynb", moved, limits=limits, rules=rules)
        own = own_values([compared("one", one), compared("other", other)], given)
        found = matches(one.pieces, other.pieces, own["one"] & own["other"])
        assert found
        for match in found:
            here, there = one.pieces[match.one_piece], other.pieces[match.other_piece]
            assert (
                here.text.split("\n")[match.one_first - 1 : match.one_last]
                == there.text.split("\n")[match.other_first - 1 : match.other_last]
            )
        assert any(one.pieces[match.one_piece].cell != other.pieces[match.other_piece].cell for match in found)


class TestHostile:
    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("nested.ipynb", b'{"cells":' + b"[" * 200_000),
            ("deep.ipynb", json.dumps({"cells": [{"cell_type": "code", "source": ["(" * 100_000]}]}).encode()),
            ("cells.ipynb", notebook_of(["x = 1"] * 4_000)),
            ("unparsable.py", b"def f(:\n\tx = '\n  '''\n)))" * 3_000),
            ("long.py", b"x = " + b"1+" * 400_000 + b"1"),
            ("many.py", b"a.b(c, d.e)\n" * 100_000),
            ("nothing.py", b"\0\xff\xfe\r\r\n\x0c" * 999),
            ("utf16.py", "x = 'ş'\n".encode("utf-16") * 500),
        ],
    )
    def test_what_is_huge_nested_or_no_python_costs_at_most_itself(self, usable_bwrap, name, content):
        found = take(usable_bwrap, name, content, limits=Limits(), rules=FileRules())
        assert found.problem == "" or found.pieces == ()
        assert sum(len(piece.text) for piece in found.pieces) <= CHARACTERS
        assert sum(len(piece.prints) for piece in found.pieces) <= inside.PRINTS

    def test_a_file_that_takes_all_memory_or_time_is_said_to(self, usable_bwrap, monkeypatch):
        from dataclasses import replace

        from grader.engine import fingerprints

        hungry = "import grader.engine.probe.fingerprint as f; f.taken = lambda *a: [bytearray(2**24) for _ in range(999)]; f.serve()"
        monkeypatch.setattr(fingerprints, "_PROFILE", replace(fingerprints._PROFILE, program=hungry))
        found = take(usable_bwrap, "x.py", b"x = 1\n", limits=Limits(), rules=FileRules())
        assert found.problem == "Reading it took too much memory."
        endless = "import time; time.sleep(99)"
        monkeypatch.setattr(fingerprints, "_PROFILE", replace(fingerprints._PROFILE, program=endless))
        monkeypatch.setattr(fingerprints, "PATIENCE_S", 0.5)
        assert take(usable_bwrap, "x.py", b"x\n", limits=Limits(), rules=FileRules()).problem.endswith("too long.")

    def test_sandboxes_without_the_reader_are_refused_before_any_submission_is(self, usable_bwrap, monkeypatch):
        from dataclasses import replace

        from grader.engine import fingerprints

        fingerprints.require_reader(usable_bwrap)
        older = replace(fingerprints._PROFILE, program="import grader.engine.probe.not_there")
        monkeypatch.setattr(fingerprints, "_PROFILE", older)
        with pytest.raises(NoSandbox, match="cannot read submissions"):
            fingerprints.require_reader(usable_bwrap)

    def test_what_is_no_hand_in_is_said_without_a_sandbox(self, tmp_path):
        backend = PlainBackend(tmp_path)
        found = take(backend, "x.pdf", b"%PDF-1.4", limits=Limits(), rules=FileRules())
        assert found.pieces == ()
        assert "hand in a zip file" in found.problem

    GOOD = {"path": "a.py", "cell": 0, "text": "x\ny", "prints": [7, 1, 2]}  # noqa: RUF012

    def test_an_answer_of_the_right_form_is_taken(self):
        found = checked({"pieces": [self.GOOD], "is_cut": True}, {"a.py"})
        assert (found.values, found.is_cut, found.pieces[0].text) == ({7}, True, "x\ny")

    @pytest.mark.parametrize(
        "change",
        [
            {"path": "b.py"}, {"path": 3}, {"cell": -1}, {"cell": 10**6}, {"cell": True}, {"text": None}, {"more": 1},
            {"prints": [7, 1]}, {"prints": [7, 0, 1]}, {"prints": [7, 2, 1]}, {"prints": [7, 1, 3]},
            {"prints": [-1, 1, 1]}, {"prints": [2**48, 1, 1]}, {"prints": [7.0, 1, 1]}, {"prints": ["7", 1, 1]},
            {"prints": [True, 1, 1]}, {"prints": "777"}, {"text": "x" * (CHARACTERS + 1), "prints": []},
            {"prints": TRIPLE * 400_001},
        ],
    )  # fmt: skip
    def test_an_answer_of_another_form_is_not(self, change):
        assert checked({"pieces": [self.GOOD | change], "is_cut": False}, {"a.py"}) is None

    @pytest.mark.parametrize(
        "body",
        [
            {}, {"pieces": []}, {"pieces": {}, "is_cut": False}, {"pieces": [3], "is_cut": False},
            {"pieces": [], "is_cut": 1}, {"pieces": [], "is_cut": False, "more": 1},
            {"pieces": [GOOD] * 501, "is_cut": False},
        ],
    )  # fmt: skip
    def test_nor_is_an_answer_of_another_shape(self, body):
        assert checked(body, {"a.py"}) is None


class TestWords:
    def said(self, text):
        return [word.text for word in inside.words(text)]

    def test_names_comments_layout_docstrings_and_imports_do_not_tell(self):
        plain = "import torch\ndef area(width, height=2):\n    return width * height\n"
        other = (
            "from torch import nn  # needed\n\ndef size(a,\n         b=2):  # the size\n"
            '    """Of a box."""\n    # multiply\n    return a*b'
        )
        assert self.said(plain) == self.said(other) != []

    def test_what_the_writer_could_not_choose_tells(self):
        said = self.said("self.first = nn.Conv2d(3, width, padding=1)\nprint('x')")
        assert said == [
            "self",
            ".",
            "N",
            "=",
            "N",
            ".",
            "Conv2d",
            "(",
            "3",
            ",",
            "N",
            ",",
            "padding",
            "=",
            "1",
            ")",
            "print",
            "(",
            "S",
            ")",
        ]

    def test_a_line_that_cannot_be_read_costs_its_line(self):
        text = "def f(x):\n    return x + 1\n\n  bad dedent\nprint(f(3))\n"
        assert self.said(text)[-8:] == ["print", "(", "N", "(", "3", ")", ")"] or "print" in self.said(text)

    def test_what_is_longer_than_gram_and_window_is_found_wherever_it_stands(self):
        dice = random.Random(2)
        block = [f"a.m{dice.randrange(99)}(b, {dice.randrange(99)})" for _ in range(6)]
        one = [f"x.k{dice.randrange(999)}(y)" for _ in range(30)]
        other = [f"z.l{dice.randrange(999)}(w, q)" for _ in range(17)]
        assert len(inside.words("\n".join(block))) >= inside.GRAM + inside.WINDOW - 1
        first = {one.value for one in inside.prints("\n".join([*one[:9], *block, *one[9:]]))}
        second = {one.value for one in inside.prints("\n".join([*other, *block]))}
        assert first & second
        assert not first & {one.value for one in inside.prints("\n".join(other))}

    def test_winnowing_keeps_the_smallest_of_each_window_once(self):
        # The example of the paper: hashes 77 74 42 17 98 50 17 98 8 88 67 39 77 74 42 17 98, windows of 4.
        values = [77, 74, 42, 17, 98, 50, 17, 98, 8, 88, 67, 39, 77, 74, 42, 17, 98]
        kept = inside.winnowed([inside.Print(value, place, place) for place, value in enumerate(values)], 4)
        assert [(one.value, one.first) for one in kept] == [(17, 3), (17, 6), (8, 8), (39, 11), (17, 15)]
