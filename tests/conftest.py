"""Shared by all tests: a clean environment, and which tiers may be left out."""

from __future__ import annotations

import os

import pytest

pytest_plugins = ["tests.database_fixtures"]


@pytest.fixture(autouse=True, scope="session")
def _no_settings_of_ours() -> None:
    for name in [name for name in os.environ if name.startswith("GRADER_")]:
        del os.environ[name]
