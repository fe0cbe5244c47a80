from __future__ import annotations

import sys

import pytest

from grader.domain.errors import BadSpec, UnknownAssignment
from grader.specs.load import list_specs, load_spec, spec_slugs, specs_root

TOML = """
schema_version = 1
slug = "hw1"
title = "First steps"
course = "Example"

[files]
archive = 'x\\.zip'

[[files.file]]
name = "notebook"
pattern = 'cnn\\.ipynb'
role = "code"
example = "cnn.ipynb"

[[scale.step]]
share = 0.0
value = 0
label = "none"

[[part]]
id = "A1"
title = "A part"
points = 2
checks = 1
"""


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "test_specs" / "hw1"
    (folder / "starter").mkdir(parents=True)
    (folder / "assignment.toml").write_text(TOML)
    (folder / "test_a.py").write_text("raise SystemExit('specs are never imported')")
    (folder / "starter" / "starter.py").write_text("class MyConv2d: ...\n")
    return tmp_path / "test_specs"


def test_a_spec_is_read_and_its_python_is_not_imported(root):
    spec = load_spec("hw1", root)
    assert (spec.slug, spec.assignment.max_points, spec.folder) == ("hw1", 2, (root / "hw1").resolve())
    assert spec.starter == "class MyConv2d: ...\n"
    assert spec.reference_folder == root.parent.resolve() / "reference_solutions" / "hw1"
    assert list_specs(root) == (spec,)
    assert "test_a" not in sys.modules


def test_an_unknown_assignment_is_answered_with_those_there_are(root):
    with pytest.raises(UnknownAssignment, match="did you mean hw1\\? Known: hw1"):
        load_spec("hw", root)
    with pytest.raises(UnknownAssignment, match=r"no assignment called \.\./hw1"):
        load_spec("../hw1", root)


def test_the_folder_comes_from_the_argument_then_the_environment_then_the_package(root, tmp_path, monkeypatch):
    monkeypatch.setenv("GRADER_SPECS", str(root))
    assert spec_slugs() == ("hw1",)
    monkeypatch.delenv("GRADER_SPECS")
    assert specs_root(environment={}).name == "test_specs"
    with pytest.raises(BadSpec, match="set GRADER_SPECS"):
        specs_root(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('title = "First steps"', "", "title: Field required"),
        ('role = "code"', 'role = "poem"', "files.file.0.role"),
        ("points = 2", "points = -1", "part.0.points"),
        ("points = 2", "points = 2\npionts = 3", "part.0.pionts"),
        ("schema_version = 1", "schema_version = 1 1", "cannot be read"),
        ('slug = "hw1"', 'slug = "hw2"', "the folder is called hw1"),
        (r"'cnn\.ipynb'", "'cnn('", "files.file.notebook.pattern: not a regular expression"),
        ('name = "notebook"', 'name = "archive"', "none may be 'archive'"),
    ],
)
def test_a_bad_spec_is_told_by_file_and_key(root, old, new, words):
    path = root / "hw1" / "assignment.toml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(BadSpec) as told:
        load_spec("hw1", root)
    assert words in str(told.value)
    assert "assignment.toml" in str(told.value)
    assert "\n" not in str(told.value)


def test_the_version_follows_what_judges_and_nothing_else(root):
    def version():
        return load_spec("hw1", root).version

    first = version()
    assert len(first) == 12
    for litter in ("mutants/a.ipynb", "variants/index.toml", "__pycache__/x.pyc", ".cache/c", "cache/c.json", "y.pyc"):
        path = root / "hw1" / litter
        path.parent.mkdir(exist_ok=True)
        path.write_text("x")
    assert version() == first
    seen = {first}
    for judged in ("test_b.py", "questions.toml", "starter/extra.py", "data.npz"):
        (root / "hw1" / judged).write_text("x")
        seen.add(version())
    assert len(seen) == 5
    (root / "hw1" / "test_b.py").rename(root / "hw1" / "test_c.py")
    assert version() not in seen
