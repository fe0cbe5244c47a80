from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.engine.gpu.fake_gpu import FakeSmi


@pytest.fixture
def smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSmi:
    """A machine with one GPU, as far as nvidia-smi says."""
    fake = FakeSmi(tmp_path)
    monkeypatch.setenv("PATH", f"{fake.folder}:{os.environ['PATH']}")
    return fake
