"""What the sandbox holds: the image, the binds and the sum over them name the same files."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from grader.engine.sandbox.image import RECIPE, image_name
from grader.engine.sandbox.trees import PROBE_PARTS, find_trees

ROOT = Path(__file__).resolve().parents[3]


def test_only_the_interpreter_its_libraries_the_packages_and_the_probe_are_bound(tmp_path: Path) -> None:
    found = find_trees(tmp_path)
    for tree in found.trees:
        assert tree.inside.startswith(("/opt/python/", "/opt/packages", "/opt/probe/grader/", "/usr/lib", "/lib")), tree
    ours = {tree.inside for tree in found.trees if tree.inside.startswith("/opt/probe")}
    assert ours == {f"/opt/probe/grader/{part}" for part in PROBE_PARTS}
    assert not any(tree.source == ROOT or tree.source == ROOT / "grader" for tree in found.trees)
    assert not found.missing


def test_the_dockerfile_copies_the_same_parts() -> None:
    text = (ROOT / "docker/sandbox.Dockerfile").read_text()
    copied = {
        source.removeprefix("grader/")
        for line in re.findall(r"^COPY (grader/.*)$", text, re.MULTILINE)
        for source in line.split()[:-1]
    }
    assert copied == set(PROBE_PARTS)


def test_the_script_computes_the_same_sum() -> None:
    told = subprocess.run(
        ["sh", "docker/build-sandbox.sh", "name"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == image_name(ROOT)


def test_the_image_follows_the_content(tmp_path: Path) -> None:
    for name in [*RECIPE, *(f"grader/{part}" for part in PROBE_PARTS)]:
        path = tmp_path / name
        target = path if path.suffix else path / "serve.py"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("1")
    before = image_name(tmp_path)
    (tmp_path / "grader/engine/probe/cached.pyc").write_text("x")
    assert image_name(tmp_path) == before
    (tmp_path / "grader/engine/probe/serve.py").write_text("2")
    assert image_name(tmp_path) != before
