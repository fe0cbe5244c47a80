"""Which files of checks two versions of a spec have in common, with everything that they can reach.

A result may be taken over from a run by another version only where nothing that made it has changed. So whatever is
not clear counts as changed: a test file stands for itself, for what it imports by plain `import` (followed through the
spec's folder and its common packages), and for every file that is no module or that no test file imports. A module that
reads files stands for all modules that are no tests; one that runs or imports by a computed name, or may read a test
file, stands for everything. Of `assignment.toml` all counts but what only says how points are shown and summed up.

Accepted: what `@check` says of title, points and visibility does not count, nor do comments, where a file of checks
does not look at its own source.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import PurePosixPath

from grader.specs.digest import COMMON
from grader.specs.load import FILE_NAME, Spec

# What these say is taken afresh from every plan and definition.
_SHOWN = frozenset({"title", "points", "visibility"})
_NOT_COUNTED = frozenset({"title", "course", "due_at", "late", "team_size", "scale", "part"})
_COMPUTED = frozenset({"__import__", "exec", "eval", "compile", "globals", "vars", "__loader__", "__spec__"})
_COMPUTING = frozenset(
    {"importlib", "runpy", "pkgutil", "imp", "zipimport", "inspect", "linecache", "sys", "gc", "subprocess"}
)
_READS = frozenset({"__file__", "open", "read_text", "read_bytes", "fromfile", "load", "loadtxt", "iterdir", "glob"})


def unchanged_tests(one: Spec, other: Spec) -> frozenset[str]:
    """The paths of test files, inside the spec's folder, whose checks come to the same by both versions."""
    ours, theirs = _Reach.of(one), _Reach.of(other)
    if _judging(one) != _judging(other):
        return frozenset()
    return frozenset(path for path in ours.tests & theirs.tests if ours.digest(path) == theirs.digest(path))


def _judging(spec: Spec) -> str:
    """What of assignment.toml decides what a check comes to."""
    return json.dumps(spec.assignment.model_dump(mode="json", exclude=set(_NOT_COUNTED)), sort_keys=True)


class _Reach:
    """The files of one version, by path inside its folder, and what each of its test files stands for."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = {path: content for path, content in files.items() if path != FILE_NAME}
        self._trees = {path: _parsed(content) for path, content in self._files.items() if path.endswith(".py")}
        self._modules = {_module_of(path): path for path in self._trees}
        self.tests = frozenset(path for path in self._trees if _is_test(path))

    @classmethod
    def of(cls, spec: Spec) -> _Reach:
        return cls({path: place.read_bytes() for path, place in spec.files.items()})

    def digest(self, test: str) -> str:
        """Of all that the test file stands for."""
        told = hashlib.sha256()
        for path in sorted(self._closure(test) | self._everybodys):
            content = _judging_part(self._trees.get(path), self._files[path])
            told.update(f"{path}\0{len(content)}\0".encode())
            told.update(content)
        return told.hexdigest()

    @cached_property
    def _everybodys(self) -> frozenset[str]:
        """What is no module, and modules that no test file imports: who uses them, and how, is not clear."""
        reached = set().union(*(self._imported(test) for test in self.tests)) if self.tests else set()
        return frozenset(path for path in self._files if path not in reached)

    def _closure(self, test: str) -> set[str]:
        reached = self._imported(test)
        if any(_is_unclear(self._trees[path]) for path in reached):
            return set(self._files)
        if any(_reads(self._trees[path]) for path in reached):
            reached |= set(self._trees) - self.tests
            if any(_is_unclear(self._trees[path]) for path in reached):
                return set(self._files)
        return reached

    def _imported(self, path: str) -> set[str]:
        """The file and every module of the spec that it imports, directly or not."""
        found: set[str] = set()
        waiting = [path]
        while waiting:
            one = waiting.pop()
            if one in found:
                continue
            found.add(one)
            tree = self._trees[one]
            names = () if tree is None else _imports(tree, _module_of(one), is_package=one.endswith("__init__.py"))
            waiting += [self._modules[name] for name in names if name in self._modules]
        return found


def _parsed(content: bytes) -> ast.Module | None:
    try:
        return ast.parse(content)
    except (SyntaxError, ValueError, RecursionError):
        return None


def _is_test(path: str) -> bool:
    """As pytest finds them."""
    stem = PurePosixPath(path).stem
    return stem.startswith("test_") or stem.endswith("_test")


def _module_of(path: str) -> str:
    parts = PurePosixPath(path).with_suffix("").parts
    if parts[0] == COMMON:
        parts = parts[1:]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(tree: ast.Module, module: str, *, is_package: bool) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _with_parents(alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = module.split(".")
            if node.level:
                base = base[: len(base) - node.level + (1 if is_package else 0)]
            name = ".".join([*(base if node.level else []), *([node.module] if node.module else [])])
            yield from _with_parents(name)
            yield from (f"{name}.{alias.name}" for alias in node.names)


def _with_parents(name: str) -> Iterable[str]:
    parts = name.split(".")
    return (".".join(parts[:end]) for end in range(1, len(parts) + 1))


def _is_unclear(tree: ast.Module | None) -> bool:
    """Whether it may use any file: it runs or imports by a computed name, or reads files and speaks of tests."""
    if tree is None:
        return True
    modules = {name.partition(".")[0] for name in _imports(tree, "", is_package=False)}
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    if modules & _COMPUTING or names & _COMPUTED:
        return True
    words = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return _reads(tree) and any("test_" in word or "*" in word for word in words)


def _reads(tree: ast.Module | None) -> bool:
    if tree is None:
        return True
    named = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return bool(_READS & (named | {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}))


def _judging_part(tree: ast.Module | None, content: bytes) -> bytes:
    """The file without what only says how its checks are shown; as it is, where it looks at itself or is no module."""
    if tree is None or _reads(tree) or _is_unclear(tree):
        return content
    checks = {
        alias.asname or alias.name
        for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "grader.checks" and not node.level
        for alias in node.names if alias.name == "check"
    }  # fmt: skip
    if not checks:
        return content
    bare = ast.parse(content)
    for node in ast.walk(bare):
        for call in getattr(node, "decorator_list", []):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in checks:
                call.keywords = [keyword for keyword in call.keywords if keyword.arg not in _SHOWN]
    return ast.dump(bare).encode()
