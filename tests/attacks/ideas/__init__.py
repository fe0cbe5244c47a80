"""Every hostile idea, one file each. Imports neither torch nor pytest, so that any tool can use them."""

from __future__ import annotations

import importlib
import pkgutil

from tests.attacks.idea import Idea

__all__ = ["Idea", "all_ideas"]


def all_ideas() -> tuple[Idea, ...]:
    """The `IDEA` of every file here, by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    found = [importlib.import_module(f"{__name__}.{name}").IDEA for name in names]
    assert [idea.name for idea in found] == names, "an idea is named like its file"
    return tuple(found)
