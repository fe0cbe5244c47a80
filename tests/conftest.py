"""Shared by all tests: a clean environment, and which tiers may be left out."""

from __future__ import annotations

import importlib.util
import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal import scrutineer

pytest_plugins = ["tests.database_fixtures"]

# Hypothesis takes constants out of every imported module that is not installed in site-packages, and torch is
# elsewhere (see the Makefile): that is thousands of files, and 14 s to a minute in the first property test.
_torch = importlib.util.find_spec("torch")
if _torch is not None and _torch.origin is not None:
    scrutineer.SITE_PACKAGES_DIRS.add(Path(_torch.origin).resolve().parents[1])

# How long an example takes says more about what else the machine does than about us.
settings.register_profile("ours", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ours")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--examples", type=int, help="as many made-up inputs for each fuzzed target, new ones each time")


def pytest_configure(config: pytest.Config) -> None:
    """The profile of tests/fuzz and of the API's made-up requests: few and always the same, unless asked for more."""
    asked = config.getoption("--examples")
    settings.register_profile(
        "bounded", settings(derandomize=asked is None, database=None, max_examples=asked or 40), print_blob=True
    )


@pytest.fixture(autouse=True, scope="session")
def _no_settings_of_ours() -> None:
    for name in [name for name in os.environ if name.startswith("GRADER_")]:
        del os.environ[name]
    # gVisor has tests of its own; in all others its imports would take three times as long.
    os.environ["GRADER_DOCKER_RUNTIME"] = "runc"


@pytest.fixture(autouse=True, scope="session")
def _no_deafness_of_a_background_process() -> None:
    """A shell's `&` makes a process and all that it starts ignore Ctrl-C: no test of it would hold there."""
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGQUIT, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)
