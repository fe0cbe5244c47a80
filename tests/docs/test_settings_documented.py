from __future__ import annotations

import re
from pathlib import Path

from grader.kit.environment import PREFIX, VARIABLES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
# Set by ourselves, for the probe inside a sandbox and to look whether a sandbox lets it in; never by a person.
INSIDE = {"GRADER_PROBE_WARM", "GRADER_PROBE_GPU", "GRADER_DATABASE"}


def test_the_page_has_a_row_for_each_setting_and_for_no_other():
    rows = re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)
    assert sorted(rows) == sorted(VARIABLES)


def test_no_page_names_a_setting_that_there_is_not():
    for path in (*ROOT.glob("docs/*.md"), ROOT / "README.md"):
        named = set(re.findall(rf"\b{PREFIX}[A-Z][A-Z_]+\b", path.read_text(encoding="utf-8")))
        assert named <= set(VARIABLES), path


def test_the_code_reads_no_setting_that_is_not_listed():
    for folder in ("grader", "worker"):
        for path in (ROOT / folder).rglob("*.py"):
            named = set(re.findall(rf"\"({PREFIX}[A-Z][A-Z_]+)\"", path.read_text(encoding="utf-8")))
            assert named <= set(VARIABLES) | INSIDE, path
