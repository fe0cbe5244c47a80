"""Which image the docker backend runs: the one built from exactly the code beside it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from grader.engine.sandbox.trees import PACKAGE_ROOT, PROBE_PARTS

REPOSITORY = "grader-sandbox"
RECIPE = (
    "docker/sandbox.Dockerfile", "docker/sandbox-constraints.txt", "docker/sandbox-requirements.txt",
    "docker/sandbox-requirements-nodeps.txt", "docker/slim.py",
)  # fmt: skip
SUM_LENGTH = 16


def image_name(root: Path = PACKAGE_ROOT.parent) -> str:
    """Name and tag; the tag is the sum that docker/build-sandbox.sh computes over the same files."""
    return f"{REPOSITORY}:{content_sum(root)}"


def content_sum(root: Path) -> str:
    """The sum of `sha256sum`'s own output over the files, sorted by name."""
    names = [*RECIPE, *(f"grader/{part}" for part in PROBE_PARTS)]
    files = sorted(
        str(file.relative_to(root))
        for name in names
        for file in ((root / name).rglob("*") if (root / name).is_dir() else [root / name])
        if file.is_file() and file.suffix != ".pyc"
    )
    lines = "".join(f"{hashlib.sha256((root / file).read_bytes()).hexdigest()}  {file}\n" for file in files)
    return hashlib.sha256(lines.encode()).hexdigest()[:SUM_LENGTH]
