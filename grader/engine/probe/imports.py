"""Import statements of a submission: every name by itself, so that one that fails does not take the others along."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from grader.engine.probe.absent import Absent
from grader.engine.probe.blame import sentence_of
from grader.engine.probe.execution import execute
from grader.engine.probe.oldapis import restore_in

# Only there in a notebook's own machine: their absence is no news to a student.
EXPECTED = ("google.colab", "google", "IPython", "ipywidgets", "ipykernel")


@dataclass(slots=True)
class MissingImports:
    """What could not be imported, by name, with the reason.

    `substitutes` are the course's own names: a hand-in may import them from a file that was not handed in.
    """

    found: dict[str, str] = field(default_factory=dict)
    substitutes: dict[str, Any] = field(default_factory=dict)
    substituted: set[str] = field(default_factory=set)

    def add(self, name: str, error: BaseException) -> None:
        self.found.setdefault(name, sentence_of(error))


@dataclass(frozen=True, slots=True)
class Importer:
    """Runs import statements of one file.

    `own` says whether a module is one of the submission's: what fails there is the student's own error.
    """

    missing: MissingImports
    label: str
    flags: int = 0

    def run(self, node: ast.Import | ast.ImportFrom, namespace: dict[str, Any]) -> None:
        """Bind every name of the statement, to a stand-in where it cannot be had."""
        if isinstance(node, ast.Import):
            for alias in node.names:
                self._one(node, alias, namespace, self._absent_module)
            return
        if node.module == "__future__":
            return
        for alias in node.names:
            self._one(node, alias, namespace, self._absent_name)

    def _one(
        self, node: ast.Import | ast.ImportFrom, alias: ast.alias, namespace: dict[str, Any],
        stand_in: Callable[[ast.alias, ast.Import | ast.ImportFrom, BaseException, dict[str, Any]], None],
    ) -> None:  # fmt: skip
        if isinstance(node, ast.Import):
            single: ast.stmt = ast.Import(names=[alias])
        else:
            single = ast.ImportFrom(module=node.module, names=[alias], level=node.level)
        ast.copy_location(single, node)
        ast.fix_missing_locations(single)
        name = alias.name if isinstance(node, ast.Import) else node.module or ""
        try:
            restore_in(name)
            execute(single, namespace, self.label, self.flags)
        except Exception as error:
            stand_in(alias, node, error, namespace)

    def _absent_module(
        self, alias: ast.alias, node: ast.Import | ast.ImportFrom, error: BaseException, namespace: dict[str, Any]
    ) -> None:
        del node
        self.missing.add(alias.name, error)
        top = alias.name.partition(".")[0]
        if alias.asname:
            namespace[alias.asname] = _present_or(alias.name, error)
        elif top not in namespace:
            namespace[top] = _present_or(top, error)

    def _absent_name(
        self, alias: ast.alias, node: ast.Import | ast.ImportFrom, error: BaseException, namespace: dict[str, Any]
    ) -> None:
        module = "." * getattr(node, "level", 0) + (getattr(node, "module", "") or "")
        name = f"{module}.{alias.name}" if module else alias.name
        if alias.name == "*":
            self.missing.add(module, error)
            return
        if alias.name in self.missing.substitutes:
            self.missing.substituted.add(alias.name)
            namespace[alias.asname or alias.name] = self.missing.substitutes[alias.name]
            return
        self.missing.add(module if _is_missing_module(error, module) else name, error)
        namespace[alias.asname or alias.name] = Absent(name, _reason(error))


def _is_missing_module(error: BaseException, module: str) -> bool:
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return False
    return module == error.name or module.startswith(error.name + ".")


def _present_or(name: str, error: BaseException) -> Any:
    """The module itself where only a part of it is missing, else a stand-in."""
    try:
        return importlib.import_module(name)
    except Exception:
        return Absent(name, _reason(error))


def _reason(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError):
        return "is not available where submissions are checked"
    return f"could not be imported ({sentence_of(error)})"
