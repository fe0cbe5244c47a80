"""Hostile hand-ins, graded by the real spec in a real sandbox. Each must gain nothing and harm nobody."""

from __future__ import annotations

from tests.acceptance.conftest import engine, grade, spec

__all__ = ["engine", "grade", "spec"]
