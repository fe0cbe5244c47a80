"""Imports between the files of a submission.

A `train.py` that trains when it is imported must not train because a notebook imports a class from it. So modules of
the submission are found here, before Python looks, and load by the same rule as the rest: definitions only. Only
imports made by student code come this way: a hand-in with a `random.py` must not become NumPy's `random`.
"""

from __future__ import annotations

import importlib.machinery
import sys
import types
from collections.abc import Callable, Sequence
from pathlib import Path

from grader.engine.probe.blame import is_student_code


class SubmissionModules:
    """A finder and loader for `sys.meta_path`.

    Args:
        root: the folder of the unpacked submission.
        load: loads a code file by the rule of definitions into the given module.
    """

    def __init__(self, root: Path, load: Callable[[Path, types.ModuleType], None]) -> None:
        self._root = root
        self._load = load
        # Folders to look in, nearest first; the loader sets it to the folder of the file it is at.
        self.folders: list[Path] = [root]

    def install(self) -> None:
        """Take over from the finder of a submission loaded before, if any, and forget that one's modules."""
        for earlier in [finder for finder in sys.meta_path if isinstance(finder, SubmissionModules)]:
            earlier.remove()
        sys.meta_path.insert(0, self)

    def remove(self) -> None:
        """Forget the submission's modules and find no more."""
        for name, module in list(sys.modules.items()):
            if self.owns(module):
                del sys.modules[name]
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def owns(self, module: types.ModuleType) -> bool:
        return self._is_inside(getattr(module, "__file__", None))

    def set_aside(self, folder: Path) -> None:
        """Forget modules of other folders that have a namesake in `folder`: part1/utils.py and part2/utils.py."""
        for name, module in list(sys.modules.items()):
            if "." in name or not self.owns(module):
                continue
            here = _file_of(folder, name)
            if here is not None and str(here) != module.__file__:
                del sys.modules[name]

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The submission's own file for a name, if it has one and student code asked for it."""
        del target
        last = name.rpartition(".")[2]
        if path is not None:
            places = [Path(place) for place in path if self._is_inside(place)]
        else:
            places = self.folders if _asked_by_student() else []
        for place in places:
            if (file := _file_of(place, last)) is not None:
                spec = importlib.machinery.ModuleSpec(name, self, origin=str(file), is_package=file.stem == "__init__")  # type: ignore[arg-type]
                if spec.submodule_search_locations is not None:
                    spec.submodule_search_locations.append(str(file.parent))
                return spec
        for place in places:
            if (place / last).is_dir() and any((place / last).rglob("*.py")):
                package = importlib.machinery.ModuleSpec(name, None, is_package=True)
                package.submodule_search_locations = [str(place / last)]
                return package
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType | None:
        del spec
        return None

    def exec_module(self, module: types.ModuleType) -> None:
        """Load the file's definitions into the module."""
        origin = module.__spec__.origin if module.__spec__ else None
        module.__file__ = origin
        self._load(Path(origin or ""), module)

    def _is_inside(self, place: str | None) -> bool:
        return isinstance(place, str) and Path(place).is_relative_to(self._root)


def _file_of(folder: Path, name: str) -> Path | None:
    for candidate in (folder / name / "__init__.py", folder / f"{name}.py", folder / f"{name}.ipynb"):
        if candidate.is_file():
            return candidate
    return None


def _asked_by_student() -> bool:
    """Whether the nearest caller outside the import system is the student's code."""
    frame: types.FrameType | None = sys._getframe(2)  # noqa: SLF001 - there is no other way to see who imports
    while frame is not None:
        name = frame.f_code.co_filename
        if not name.startswith("<frozen importlib") and not name.endswith("importlib/__init__.py"):
            return is_student_code(name)
        frame = frame.f_back
    return False
