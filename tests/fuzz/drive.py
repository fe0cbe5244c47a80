"""atheris on one target, in a process of its own: `python -m tests.fuzz` starts it."""

from __future__ import annotations

import os
import sys

import atheris

from tests.fuzz.targets import TARGETS


def main() -> None:
    """The first argument is the target, the rest is libFuzzer's, which may start us again. Does not return."""
    target = TARGETS[sys.argv[1]]
    # Ours, and what reads the format for us. The targets themselves are not followed: only what they ask.
    with atheris.instrument_imports(include=["grader", *target.instrumented], enable_loader_override=False):
        run = target.run
    atheris.Setup([os.environ.get("FUZZ_PROGRAM", sys.argv[0]), *sys.argv[2:]], run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
