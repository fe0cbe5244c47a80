"""A tiny spec, and engines over plain subprocesses or real sandboxes."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grader.engine.sandbox.base import SandboxBackend
from grader.engine.sandbox.select import make
from grader.specs.load import Spec, load_spec
from tests.engine.plain_sandbox import PlainBackend

TOML = """
schema_version = 1
slug = "{slug}"
title = "First steps"
course = "Example"
[[files.file]]
name = "model"
pattern = 'model\\.py'
role = "code"
example = "model.py"
[limits]
memory_bytes = {memory_bytes}
[[scale.step]]
share = 0.0
value = 0
label = "none"
[[part]]
id = "A1"
title = "A part"
points = {points}
checks = {checks}
"""


@pytest.fixture
def make_spec(tmp_path: Path) -> Callable[..., Spec]:
    """Writes a spec of one part; `checks` of them in `source`, worth a point each."""

    def made(source: str, *, checks: int, slug: str = "hw1", memory_bytes: int = 2**30) -> Spec:
        folder = tmp_path / "specs" / slug
        folder.mkdir(parents=True, exist_ok=True)
        toml = TOML.format(slug=slug, checks=checks, points=float(checks), memory_bytes=memory_bytes)
        (folder / "assignment.toml").write_text(toml)
        head = "import time\nimport torch\nfrom grader.checks import check, expect, fail\n"
        (folder / "test_a.py").write_text(head + textwrap.dedent(source))
        return load_spec(slug, folder.parent)

    return made


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[PlainBackend]:
    backend = PlainBackend(tmp_path)
    yield backend
    backend.close()


@pytest.fixture
def usable_bwrap() -> SandboxBackend:
    backend = make("bwrap")
    readiness = backend.check()
    if not readiness.usable:
        if os.environ.get("REQUIRE_SANDBOX") == "1":
            pytest.fail(f"bwrap: {readiness.problems}")
        pytest.skip("bubblewrap cannot be used here; REQUIRE_SANDBOX=1 makes this a failure")
    return backend
