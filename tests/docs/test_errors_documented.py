from __future__ import annotations

import ast
import importlib
from pathlib import Path

from grader.cli.exits import EXITS, exit_of
from grader.domain.errors import AccessError, ConflictError, GraderError, InputError
from grader.http.problems import STATUSES, status_of

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")


def every_error(base=GraderError):
    yield base
    for inner in base.__subclasses__():
        yield from every_error(inner)


def has_errors(path):
    """Whether a module declares a class with a `code` of its own; only those are imported."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef):
            for statement in node.body:
                targets = (
                    statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
                )
                if any(getattr(target, "id", "") == "code" for target in targets):
                    return True
    return False


def our_errors():
    for package in ("grader", "worker"):
        for path in sorted((ROOT / package).rglob("*.py")):
            if has_errors(path):
                importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    # Those of tests and of other packages are not ours.
    return [error for error in every_error() if error.__module__.split(".")[0] in ("grader", "worker")]


def row_of(error):
    return next((line for line in PAGE.splitlines() if line.startswith(f"| `{error.__name__}` ")), "")


def test_every_error_has_a_code_of_its_own_and_a_sentence():
    codes = [error.code for error in our_errors()]
    assert len(codes) == len(set(codes))
    for error in our_errors():
        assert str(error()).endswith(".")
        assert "\n" not in str(error())


def test_every_error_is_in_the_page_with_its_code_and_exit_status():
    for error in our_errors():
        row = row_of(error)
        assert f"| `{error.code}` |" in row, error
        if "exit status" in row:
            assert f"exit status {exit_of(error)}" in row


def test_every_error_is_in_the_page_with_its_http_status():
    for error in our_errors():
        assert row_of(error).split("|")[4].strip() == str(status_of(error)), error


def test_every_family_has_an_exit_status_and_an_http_status():
    families = {error for error in our_errors() if error.__base__ is GraderError}
    assert families <= set(EXITS)
    assert families <= set(STATUSES)
    callers = (InputError, ConflictError, AccessError)
    assert {exit_of(error) for error in our_errors() if issubclass(error, callers)} == {2}
    assert {exit_of(error) for error in our_errors() if not issubclass(error, callers)} == {3}
    assert {status_of(error) // 100 for error in our_errors() if issubclass(error, callers)} == {4}
    assert {status_of(error) // 100 for error in our_errors() if not issubclass(error, callers)} == {5}
    assert exit_of(ZeroDivisionError) == 3
    assert status_of(ZeroDivisionError) == 500


def test_the_page_names_no_error_that_is_gone():
    named = {line.split("`")[1] for line in PAGE.splitlines() if line.startswith("| `")}
    assert named == {error.__name__ for error in our_errors()}
