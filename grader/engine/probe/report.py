"""What LOAD answers: what became of every file, cell and name."""

from __future__ import annotations

import types
from typing import Any

from grader.engine.probe.absent import is_absent
from grader.engine.probe.codefile import Cell, CodeFile
from grader.engine.probe.loading import Loading

NAMES = 2_000
CELLS = 2_000
NOTES = 60


def load_report(loading: Loading, files: list[CodeFile]) -> dict[str, Any]:
    """The OK body of LOAD."""
    return {
        "files": _files(loading),
        "names": _names(loading, files),
        "cells": [_cell(cell) for file in files for cell in file.cells][:CELLS],
        "missing_imports": list(loading.missing.found)[:NOTES],
        "notes": [*loading.notes, *_import_notes(loading)][:NOTES],
    }


def kind_of(value: object) -> str:
    """How the protocol calls a value: class, function, module or object."""
    if isinstance(value, type):
        return "class"
    if isinstance(value, types.FunctionType | types.BuiltinFunctionType | types.MethodType):
        return "function"
    import torch

    return "module" if isinstance(value, torch.nn.Module) else "object"


def _files(loading: Loading) -> list[dict[str, str]]:
    found = [
        {"path": entry.path, "status": "unreadable", "note": entry.note}
        for entry in loading.unpacked
        if entry.place is None
    ]
    return found + [
        {"path": read.path, "status": _status(read.is_readable, read.cells), "note": read.note}
        for read in loading.reads
    ]


def _status(is_readable: bool, cells: list[Cell]) -> str:
    if not is_readable:
        return "unreadable"
    statuses = {cell.status for cell in cells}
    if statuses <= {"unparsed", "empty"} and "unparsed" in statuses:
        return "unparsed"
    damaged = any(cell.problems or cell.errors for cell in cells)
    return "partial" if damaged else "loaded"


def _names(loading: Loading, files: list[CodeFile]) -> dict[str, Any]:
    names: dict[str, Any] = {}
    for file in files:
        for name, definitions in file.definitions.items():
            indexes = [definition.cell.index for definition in definitions]
            if name in names:
                names[name]["versions"] += indexes
            elif name in file.namespace and not is_absent(file.namespace[name]) and len(names) < NAMES:
                kind = kind_of(file.namespace[name])
                names[name] = {"kind": kind, "versions": indexes, "file": file.path, "supplied": False}
    for file in files:
        supplies = loading.supplies.get(file.path)
        given = set(supplies.from_starter if supplies else ()) | (loading.missing.substituted & file.namespace.keys())
        for name in sorted(given):
            kind = kind_of(file.namespace.get(name))
            names.setdefault(name, {"kind": kind, "versions": [], "file": file.path, "supplied": True})
    return names


def _cell(cell: Cell) -> dict[str, Any]:
    return {
        "index": cell.index, "file": cell.file, "number": cell.number, "kind": cell.kind, "status": cell.status,
        "defines": cell.defines[:200], "calls": cell.calls, "error": cell.error,
    }  # fmt: skip


def _import_notes(loading: Loading) -> list[str]:
    """A sentence for each import that failed for another reason than that the module is not there."""
    return [
        f"The import of {name} failed: {reason}."
        for name, reason in loading.missing.found.items()
        if not reason.startswith("ModuleNotFoundError")
    ]
