"""Fixtures for submissions that are loaded in this process."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from handing_in import HandedIn

from grader.engine.probe.siblings import SubmissionModules


@pytest.fixture
def hand_in(tmp_path: Path) -> Iterator[Callable[..., HandedIn]]:
    """`hand_in({"cnn.ipynb": content}, prefer=[...])`: unpacked and loaded; the process is put back afterwards."""
    before = Path.cwd(), set(sys.modules)
    yield lambda files, **body: HandedIn(tmp_path, files, **body)
    os.chdir(before[0])
    for finder in [finder for finder in sys.meta_path if isinstance(finder, SubmissionModules)]:
        finder.remove()
