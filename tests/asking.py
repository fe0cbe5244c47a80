"""A packed spec with questions of every kind, whose accepted answers no page and no answer of the server may hold."""

from __future__ import annotations

import shutil
from pathlib import Path

from grader.specs.load import load_spec
from grader.specs.pack import pack

TINY = Path(__file__).parent / "faults" / "specs" / "tiny"
# What is accepted is unlike anything else, so that a test can look for it.
SECRETS = ("271828", "31337*NF", "7x11x13", "1234321", "abracadabra", "psst")
QUESTIONS = """
[[question]]
id = "A.count"
title = "How many weights are there?"
kind = "number"
accept = [271828]
hint = "psst"

[[question]]
id = "A.formula"
kind = "formula"
accept = ["31337*NF"]
variables = { S = ["stride"] }

[[question]]
id = "B.shape"
title = "The output's <shape>"
kind = "shape"
accept = ["7x11x13"]

[[question]]
id = "B.kernel"
kind = "tensor"
accept = [[[1234321, 0], [1, 1]]]

[[question]]
id = "why"
kind = "text"
accept = ["abracadabra"]
"""
IDS = ("A.count", "A.formula", "B.shape", "B.kernel", "why")


def a_packed_spec(folder: Path, questions: str = QUESTIONS) -> bytes:
    """The tiny spec with these questions, as a service keeps it."""
    shutil.copytree(TINY, folder / "tiny", ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    (folder / "tiny" / "questions.toml").write_text(questions, encoding="utf-8")
    return pack(load_spec("tiny", folder))
