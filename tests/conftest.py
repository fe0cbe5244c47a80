"""Shared by all tests: a clean environment, and which tiers may be left out."""

from __future__ import annotations

import os
import signal

import pytest

pytest_plugins = ["tests.database_fixtures"]


@pytest.fixture(autouse=True, scope="session")
def _no_settings_of_ours() -> None:
    for name in [name for name in os.environ if name.startswith("GRADER_")]:
        del os.environ[name]


@pytest.fixture(autouse=True, scope="session")
def _no_deafness_of_a_background_process() -> None:
    """A shell's `&` makes a process and all that it starts ignore Ctrl-C: no test of it would hold there."""
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGQUIT, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)
