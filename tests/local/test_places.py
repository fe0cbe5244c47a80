from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from grader.local.places import SOCKET_PATH_BYTES, way_to

NAME = ".s.PGSQL.5432"


def test_a_way_is_short_enough_even_where_temporary_files_lie_deep(tmp_path, monkeypatch):
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    (deep / "data").mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(deep))
    way = way_to(deep / "data", NAME)
    try:
        assert len(os.fsencode(way / NAME)) <= SOCKET_PATH_BYTES
        assert way.samefile(deep / "data")
        assert way_to(deep / "data", NAME) == way
    finally:
        shutil.rmtree(Path(way).parent)
