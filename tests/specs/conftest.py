"""The packages that specs share are imported by plain name, as in the harness."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

COMMON = str(Path(__file__).parents[2] / "test_specs" / "common")
if COMMON not in sys.path:
    sys.path.append(COMMON)


@pytest.fixture(scope="module")
def spec(request: pytest.FixtureRequest) -> Iterator[SimpleNamespace]:
    """The modules that a test file names in MODULES, of the spec in its FOLDER; forgotten after its tests.

    Specs call their modules alike, so none may be left for the next one to find.
    """
    folder: Path = request.module.FOLDER
    own = {path.stem for path in folder.glob("*.py")}
    before = {name: sys.modules.pop(name) for name in own if name in sys.modules}
    sys.path.insert(0, str(folder))
    try:
        yield SimpleNamespace(**{name: importlib.import_module(name) for name in request.module.MODULES})
    finally:
        sys.path.remove(str(folder))
        for name in own:
            sys.modules.pop(name, None)
        sys.modules.update(before)
