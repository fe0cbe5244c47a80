"""One file of code, loaded by definitions: what ran, what was deferred, and every version of every name.

The steps that ran are kept in order. The namespace as it stood while an earlier definition was current is made by
running them again, up to the step that redefines the name, in a module of its own.
"""

from __future__ import annotations
import __future__

import ast
import sys
import types
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grader.engine.probe import tree
from grader.engine.probe.absent import Absent, is_absent
from grader.engine.probe.blame import message_of, sentence_of
from grader.engine.probe.blocks import parse
from grader.engine.probe.execution import IMPORT_S, TooSlow, attempt, budget, evaluate
from grader.engine.probe.harmless import is_harmless_expression, runs_at_load
from grader.engine.probe.imports import Importer, MissingImports

# A plain statement that fails like this needs what deferred code makes, or files and arguments that are elsewhere.
_DEFERRED_ERRORS = (NameError, OSError, IndexError, KeyError)
NOT_LOADED = "is made by code that is not run when a submission is loaded"


@dataclass(slots=True)
class Cell:
    """A cell of a notebook, or a whole `.py` file. `source` is plain Python, `written` what the student wrote."""

    file: str
    number: int
    kind: str
    written: str
    source: str = ""
    outputs: str = ""
    label: str = ""
    index: int = 0
    statements: list[ast.stmt] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)
    is_complete: bool = True
    ran: int = 0
    failed: int = 0
    deferred: int = 0
    deferred_names: set[str] = field(default_factory=set)
    defines: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    def read(self) -> None:
        """Parse the source and make it known to tracebacks."""
        parsed = parse(self.source)
        self.statements = [node for node in parsed.statements if not isinstance(node, ast.Pass)]
        self.problems, self.broken, self.is_complete = parsed.problems, parsed.broken, parsed.is_complete

    @property
    def status(self) -> str:
        """See `cells` of LOAD in docs/protocol.md."""
        if self.kind != "code" or not (self.statements or self.problems):
            return "empty"
        if not self.statements:
            return "unparsed"
        if self.ran and (self.deferred or self.failed or self.problems):
            return "partial"
        if self.ran:
            return "loaded"
        return "failed" if self.failed else "deferred"

    @property
    def error(self) -> str:
        return "; ".join([*self.problems, *self.errors])[:2_000]


@dataclass(frozen=True, slots=True)
class Step:
    """A statement that ran at load, and the names it set."""

    cell: Cell
    node: ast.stmt
    flags: int
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Definition:
    """One version of a name: the step that made it."""

    name: str
    cell: Cell
    step: int


class CodeFile:
    """A notebook or a `.py` file of the submission.

    Args:
        path: its path in the submission.
        cells: its cells, read.
        missing: where imports that fail are listed.
        statement_s: seconds a statement may take at load.
        supplied: names that are there before the first statement.
    """

    def __init__(
        self, path: str, place: Path, cells: list[Cell], *, missing: MissingImports, statement_s: float,
        supplied: dict[str, Any], builtins: dict[str, Any],
    ) -> None:  # fmt: skip
        self.path = path
        self.place = place
        self.cells = cells
        self.steps: list[Step] = []
        self.definitions: dict[str, list[Definition]] = {}
        self.supplied = supplied
        self.module: types.ModuleType | None = None
        self._missing = missing
        self._statement_s = statement_s
        self._builtins = builtins
        self._tainted: set[str] = set()
        self._flags = 0
        self._earlier: dict[int, types.ModuleType] = {}

    @property
    def namespace(self) -> dict[str, Any]:
        if self.module is None:
            raise LookupError(f"{self.path} is not loaded")
        return vars(self.module)

    @property
    def modules(self) -> list[types.ModuleType]:
        """The module of the file and those of its earlier versions made so far."""
        return [module for module in (self.module, *self._earlier.values()) if module is not None]

    @property
    def statements(self) -> list[ast.stmt]:
        return [node for cell in self.cells for node in cell.statements]

    def load(self, module: types.ModuleType) -> None:
        """Run what runs at load, into `module`; records everything else. Never raises."""
        self.module = module
        self._prepare(module)
        for cell in self.cells:
            for node in cell.statements:
                try:
                    self._take(cell, node)
                except Exception as error:
                    # Nested a thousand levels deep, or the like: one statement, not the submission.
                    self._failed(cell, node, error)
            self._note_of(cell)

    def version(self, name: str, version: int) -> object:
        """The given version of a name, living among the names that held while it was current."""
        last_step = self.definitions[name][version + 1].step if version + 1 < len(self.definitions[name]) else None
        return (self.namespace if last_step is None else vars(self.before(last_step)))[name]

    def before(self, step: int) -> types.ModuleType:
        """A module as it stood before the given step."""
        if step not in self._earlier:
            self._earlier[step] = self.rebuilt(step)
        return self._earlier[step]

    def rebuilt(self, step: int) -> types.ModuleType:
        """A new module in which the first `step` steps were run again."""
        name = f"{self.namespace['__name__']}_before_{step}"
        module = types.ModuleType(name)
        module.__file__ = self.namespace.get("__file__")
        module.__package__ = self.namespace.get("__package__")
        # Data classes and type hints look their module up.
        sys.modules[name] = module
        self._prepare(module)
        for done in self.steps[:step]:
            self.run_step(done, vars(module))
        return module

    def step_before(self, cell: Cell) -> int:
        """How many steps ran before the given cell."""
        place = self.cells.index(cell)
        return sum(1 for step in self.steps if self.cells.index(step.cell) < place)

    def steps_of(self, cell: Cell) -> list[Step]:
        return [step for step in self.steps if step.cell is cell]

    def run_step(self, step: Step, namespace: dict[str, Any]) -> BaseException | None:
        """Run a statement; what it raised."""
        node = step.node
        if isinstance(node, ast.Import | ast.ImportFrom):
            return self._import(step, node, namespace)
        error = attempt(node, namespace, step.cell.label, self._statement_s, step.flags)
        if isinstance(error, NameError) and tree.is_definition(node):
            return self._define_without(node, namespace, step, error)
        return error

    def _prepare(self, module: types.ModuleType) -> None:
        vars(module)["__builtins__"] = self._builtins
        vars(module).update(self.supplied)

    def _take(self, cell: Cell, node: ast.stmt) -> None:
        """Run a statement, take it apart, or defer it."""
        if isinstance(node, ast.If) and is_harmless_expression(node.test, self.namespace, self._tainted):
            self._take_branch(cell, node)
        elif isinstance(node, ast.Try) and (filtered := self._filtered_try(cell, node)) is not None:
            self._run(cell, filtered)
        elif runs_at_load(node, self.namespace, self._tainted):
            self._run(cell, _without_absent(node, self.namespace))
        else:
            self._defer(cell, node)

    def _take_branch(self, cell: Cell, node: ast.If) -> None:
        try:
            with budget(self._statement_s):
                holds = bool(evaluate(node.test, self.namespace, cell.label, self._flags))
        except BaseException:
            self._defer(cell, node)
            return
        for inner in node.body if holds else node.orelse:
            self._take(cell, inner)

    def _filtered_try(self, cell: Cell, node: ast.Try) -> ast.Try | None:
        """The statement without what works; None where nothing would be left of its body."""
        kept = [inner for inner in node.body if runs_at_load(inner, self.namespace, self._tainted)]
        if not any(isinstance(inner, (*tree.DEFINITIONS, ast.Import, ast.ImportFrom, ast.Assign)) for inner in kept):
            return None
        handlers = [
            ast.copy_location(ast.ExceptHandler(handler.type, handler.name, self._kept(handler.body)), handler)
            for handler in node.handlers
        ]
        filtered = ast.Try(
            body=kept, handlers=handlers, orelse=self._kept(node.orelse, may_be_empty=True),
            finalbody=self._kept(node.finalbody, may_be_empty=True),
        )  # fmt: skip
        if len(kept) < len(node.body):
            cell.deferred += 1
        return ast.fix_missing_locations(ast.copy_location(filtered, node))

    def _kept(self, nodes: list[ast.stmt], *, may_be_empty: bool = False) -> list[ast.stmt]:
        kept = [node for node in nodes if runs_at_load(node, self.namespace, self._tainted)]
        return kept if kept or may_be_empty else [ast.Pass()]

    def _run(self, cell: Cell, node: ast.stmt) -> None:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            for alias in node.names:
                self._flags |= getattr(__future__, alias.name, __future__.division).compiler_flag
        names = tuple(tree.bound_names(node))
        step = Step(cell, node, self._flags, names)
        error = self.run_step(step, self.namespace)
        if error is not None:
            self._failed(cell, node, error)
            return
        self._tainted.difference_update(names)
        cell.ran += 1
        self.steps.append(step)
        if tree.is_definition(node) or tree.is_assignment(node) or isinstance(node, ast.Try):
            for name in names:
                if name in self.namespace:
                    self.definitions.setdefault(name, []).append(Definition(name, cell, len(self.steps) - 1))
                    cell.defines.append(name)

    def _failed(self, cell: Cell, node: ast.stmt, error: BaseException) -> None:
        if isinstance(error, _DEFERRED_ERRORS) and not tree.is_definition(node):
            self._defer(cell, node)
            return
        cell.failed += 1
        self._tainted.update(tree.bound_names(node))
        names = ", ".join(tree.bound_names(node)[:3])
        if isinstance(error, TooSlow):
            cell.errors.append(f"line {node.lineno} was stopped: {message_of(error)}")
        else:
            cell.errors.append((f"{names}: " if names else "") + sentence_of(error))

    def _defer(self, cell: Cell, node: ast.stmt) -> None:
        cell.deferred += 1
        cell.deferred_names.update(tree.bound_names(node))
        self._tainted.update(tree.bound_names(node))

    def _import(self, step: Step, node: ast.Import | ast.ImportFrom, namespace: dict[str, Any]) -> BaseException | None:
        importer = Importer(self._missing, step.cell.label, step.flags)
        try:
            with budget(max(self._statement_s, IMPORT_S)):
                importer.run(node, namespace)
        except BaseException as error:
            return error
        return None

    def _define_without(
        self, node: ast.stmt, namespace: dict[str, Any], step: Step, error: NameError
    ) -> BaseException | None:
        """A definition whose default, decorator or annotation needs a name that only deferred code makes."""
        lent: list[str] = []
        failure: BaseException | None = error
        try:
            while isinstance(failure, NameError) and failure.name and failure.name not in namespace and len(lent) < 8:
                namespace[failure.name] = Absent(failure.name, NOT_LOADED)
                lent.append(failure.name)
                failure = attempt(node, namespace, step.cell.label, self._statement_s, step.flags)
        finally:
            for name in lent:
                if is_absent(namespace.get(name)):
                    del namespace[name]
        return failure

    @staticmethod
    def _note_of(cell: Cell) -> None:
        cell.defines = list(dict.fromkeys(cell.defines))
        cell.calls = list(dict.fromkeys(name for node in cell.statements for name in tree.called_names(node)))[:200]


def _without_absent(node: ast.stmt, namespace: dict[str, Any]) -> ast.stmt:
    """A definition without decorators that come from a module that is not there."""
    if isinstance(node, tree.DEFINITIONS) and node.decorator_list:
        node.decorator_list = [
            decorator for decorator in node.decorator_list if not is_absent(namespace.get(_root(decorator)))
        ]
    return node


def _root(node: ast.AST) -> str:
    while not isinstance(node, ast.Name):
        inner = getattr(node, "func", None) or getattr(node, "value", None)
        if inner is None:
            return ""
        node = inner
    return node.id
