"""What a student's source says, where effect alone could be avoided."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from grader.checks import Student

_NATIVE = ("conv2d", "Conv2d", "convolution", "unfold", "Unfold", "conv_transpose2d", "ConvTranspose2d")
# Position of the dilation among the arguments of F.conv2d and F.unfold.
_POSITIONS = {"conv2d": 5, "unfold": 2}


def native_dilations(student: Student, name: str) -> list[str]:
    """The operations of PyTorch that the last class of that name passes a dilation other than 1."""
    last: ast.ClassDef | None = None
    for facts in student.cells:
        if facts.kind == "code" and name in facts.defines:
            last = next((one for one in _classes(student.cell(facts.index).source, name)), last)
    if last is None:
        return []
    return [called for node in ast.walk(last) if isinstance(node, ast.Call) and (called := _dilating(node))]


def _classes(source: str, name: str) -> Iterator[ast.ClassDef]:
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError, RecursionError):
        # What cannot be read as a whole is judged by its effect alone.
        return
    yield from (node for node in reversed(nodes) if isinstance(node, ast.ClassDef) and node.name == name)


def _dilating(call: ast.Call) -> str:
    """The called operation, if it is PyTorch's and is given a dilation, else nothing."""
    called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if called not in _NATIVE:
        return ""
    given = [word.value for word in call.keywords if word.arg == "dilation"]
    if called in _POSITIONS:
        given += call.args[_POSITIONS[called] : _POSITIONS[called] + 1]
    plain = all(isinstance(value, ast.Constant) and value.value == 1 for value in given)
    return "" if plain else called
