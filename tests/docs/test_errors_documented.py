from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

import grader
from grader.cli.exits import EXITS, exit_of
from grader.domain.errors import GraderError, InputError

PAGE = (Path(__file__).parents[2] / "docs" / "errors.md").read_text(encoding="utf-8")


def every_error(base=GraderError):
    yield base
    for inner in base.__subclasses__():
        yield from every_error(inner)


def our_errors():
    # Those of tests and of other packages are not ours.
    for module in pkgutil.iter_modules(importlib.import_module("grader.domain").__path__, "grader.domain."):
        importlib.import_module(module.name)
    return [error for error in every_error() if error.__module__.startswith(f"{grader.__name__}.")]


def test_every_error_has_a_code_of_its_own_and_a_sentence():
    codes = [error.code for error in our_errors()]
    assert len(codes) == len(set(codes))
    for error in our_errors():
        assert str(error()).endswith(".")
        assert "\n" not in str(error())


def test_every_error_is_in_the_page_with_its_code_and_exit_status():
    for error in our_errors():
        row = next((line for line in PAGE.splitlines() if line.startswith(f"| `{error.__name__}` ")), "")
        assert f"| `{error.code}` |" in row, error
        if "exit status" in row:
            assert f"exit status {exit_of(error)}" in row


def test_every_family_has_an_exit_status():
    families = {error for error in our_errors() if error.__base__ is GraderError}
    assert families <= set(EXITS)
    assert {exit_of(error) for error in our_errors() if issubclass(error, InputError)} == {2}
    assert {exit_of(error) for error in our_errors() if not issubclass(error, InputError)} == {3}
    assert exit_of(ZeroDivisionError) == 3


def test_the_page_names_no_error_that_is_gone():
    named = {line.split("`")[1] for line in PAGE.splitlines() if line.startswith("| `")}
    assert named == {error.__name__ for error in our_errors()}
