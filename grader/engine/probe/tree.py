"""Questions about statements that their syntax tree answers: what they define, what they call."""

from __future__ import annotations

import ast
from collections.abc import Iterator

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def _outer(node: ast.AST) -> Iterator[ast.AST]:
    """A statement's nodes that run with it, depth first: not the bodies of what it defines.

    Without recursion: a sum of a thousand terms is a thousand levels deep.
    """
    waiting = [node]
    while waiting:
        current = waiting.pop()
        yield current
        if isinstance(current, _SCOPES):
            continue
        children = list(ast.iter_child_nodes(current))
        if isinstance(current, ast.comprehension):
            # The variable of a comprehension is its own, not a global.
            children.remove(current.target)
        waiting += reversed(children)


def bound_names(node: ast.stmt) -> list[str]:
    """The global names that running a statement would set, in order, once each. A star stands for a star import."""
    found: dict[str, None] = {}
    for inner in _outer(node):
        if isinstance(inner, DEFINITIONS):
            found[inner.name] = None
        elif isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store | ast.Del):
            found[inner.id] = None
        elif isinstance(inner, ast.alias):
            found[inner.asname or inner.name.partition(".")[0]] = None
        elif isinstance(inner, ast.ExceptHandler) and inner.name:
            found[inner.name] = None
    return list(found)


def is_definition(node: ast.stmt) -> bool:
    return isinstance(node, DEFINITIONS)


def is_assignment(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign | ast.AnnAssign)


def called_names(node: ast.stmt) -> list[str]:
    """What a statement calls while it runs, as written: "train", "torch.hub.load"."""
    found: dict[str, None] = {}
    for inner in _outer(node):
        if isinstance(inner, ast.Call) and (name := dotted(inner.func)):
            found[name] = None
    return list(found)


def dotted(node: ast.AST) -> str:
    """`a.b.c` as text; empty for anything else."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(names)]) if isinstance(node, ast.Name) else ""


def names_read_anywhere(nodes: list[ast.stmt]) -> set[str]:
    """Every name that is read, in bodies too."""
    return {
        inner.id
        for node in nodes
        for inner in ast.walk(node)
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Load)
    }


def names_bound_anywhere(nodes: list[ast.stmt]) -> set[str]:
    """Every name that is set at the top level, in whatever statement, and every `global` of a function."""
    found: set[str] = set()
    for node in nodes:
        found.update(bound_names(node))
        for inner in ast.walk(node):
            if isinstance(inner, ast.Global):
                found.update(inner.names)
    return found
