"""The packages that specs share are imported by plain name, as in the harness."""

from __future__ import annotations

import sys
from pathlib import Path

COMMON = str(Path(__file__).parents[2] / "test_specs" / "common")
if COMMON not in sys.path:
    sys.path.append(COMMON)
