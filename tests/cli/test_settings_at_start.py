"""A setting that nobody reads is a mistake, and is said before anything else."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("arguments", [["--help"], ["grade", "x.zip", "-a", "hw1"], ["up"], ["submit", "x", "-a", "y"]])
def test_an_unknown_setting_ends_every_command_at_its_start(grader, monkeypatch, arguments):
    monkeypatch.setenv("GRADER_SANDBX", "bwrap")
    status, out, err = grader(*arguments)
    assert (status, out) == (2, "")
    assert err == "grader: There is no setting GRADER_SANDBX; did you mean GRADER_SANDBOX?\n"


def test_known_settings_and_those_of_others_are_fine(grader, monkeypatch):
    monkeypatch.setenv("GRADER_SANDBOX", "bwrap")
    monkeypatch.setenv("GRADERS", "2")
    assert grader("--help")[0] == 0
