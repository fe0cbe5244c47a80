"""Shapes and small arrays as students write them: "3x32x32", "[[1, 0], [x, 2]]", rows of numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

MAX_CELLS = 4096
_MAX_DEPTH = 8
# "x" marks a cell that is not used, as the assignments ask for it.
UNUSED = "x"
_UNUSED_WORDS = frozenset({"x", "-", "_", "none", "null", "n/a", "na", "unused"})
_BATCH_WORDS = frozenset({"n", "b", "bs", "batch", "batchsize", "none", "?", "-1"})

Cell = Fraction | str
Array = list[Any] | Cell

_PIECE = re.compile(r"[\[\](){}]|[,;\n]|[^\s,;\[\](){}]+")
_NUMBER = re.compile(r"[+-]?(\d{1,30}(\.\d{0,30})?|\.\d{1,30})([eE][+-]?\d{1,2})?|[+-]?\d{1,15}/\d{1,15}")
# What printing a tensor or a shape puts around it.
_WRAPPER = re.compile(
    r"\s*(?:torch\.|np\.|numpy\.)?(?:tensor|array|size)\s*\((.*?)(?:,\s*(?:dtype|device|requires_grad|grad_fn)=[^()]*)?\)\s*",
    re.IGNORECASE | re.DOTALL,
)


class UnreadableArray(ValueError):
    """The text is not a shape or an array; the message says why."""


def shape_of(value: Any) -> tuple[int | str, ...]:
    """The sizes of a shape; a word for the batch size becomes "N".

    Raises:
        UnreadableArray: a size is neither a whole number nor such a word.

    """
    if isinstance(value, str):
        text = re.sub(r"\\times|[×*·⋅]", " ", _bare(value))  # noqa: RUF001 -- what students write
        words: list[Any] = re.sub(r"(?<=[\dA-Za-z?\s])[xX](?=[\s\d])", " ", re.sub(r"[\[\](){},;]", " ", text)).split()
    else:
        words = list(value) if isinstance(value, list | tuple) else [value]
    if not words or len(words) > _MAX_DEPTH:
        raise UnreadableArray("it is not a list of sizes")
    return tuple(_size(word) for word in words)


def _size(word: Any) -> int | str:
    if isinstance(word, bool) or not isinstance(word, int | str):
        raise UnreadableArray("a size is not a whole number")
    text = str(word).casefold().replace("_", "")
    if text in _BATCH_WORDS:
        return "N"
    if not text.isdecimal() or len(text) > 12:
        raise UnreadableArray(f"{str(word)[:20]!r} is not a whole number")
    return int(text)


def array_of(value: Any) -> Array:
    """Nested lists of numbers and "x".

    Raises:
        UnreadableArray: something else, ragged rows, or more than `MAX_CELLS` cells.

    """
    nested = _from_text(value) if isinstance(value, str) else _from_lists(value, 0)
    if sum(1 for _ in _cells(nested)) > MAX_CELLS:
        raise UnreadableArray(f"it holds more than {MAX_CELLS} numbers")
    _extent(nested)
    return nested


def fits(wanted: Array, given: Array, near: Callable[[Cell, Cell], bool]) -> bool:
    """Whether two arrays have the same shape and cells that are `near` each other."""
    if isinstance(wanted, list) and isinstance(given, list):
        return len(wanted) == len(given) and all(fits(a, b, near) for a, b in zip(wanted, given, strict=True))
    if isinstance(wanted, list) or isinstance(given, list):
        return False
    return near(wanted, given)


def _bare(text: str) -> str:
    wrapped = _WRAPPER.fullmatch(text)
    return text if wrapped is None else wrapped.group(1)


def _from_lists(value: Any, depth: int) -> Array:
    if isinstance(value, list | tuple):
        if depth >= _MAX_DEPTH:
            raise UnreadableArray(f"its lists are nested more than {_MAX_DEPTH} deep")
        if len(value) > MAX_CELLS:
            raise UnreadableArray(f"it holds more than {MAX_CELLS} numbers")
        # TOML has no way to mix numbers and rows; a row may be text.
        return [_from_text(item) if _is_row(item) else _from_lists(item, depth + 1) for item in value]
    if value is None:
        return UNUSED
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise UnreadableArray("a cell is not a number")
    return _cell(value if isinstance(value, str) else repr(value))


def _is_row(item: Any) -> bool:
    return isinstance(item, str) and len(item.split()) > 1


def _cell(word: str) -> Cell:
    text = word.strip("'\"").casefold()
    if text in _UNUSED_WORDS:
        return UNUSED
    if _NUMBER.fullmatch(text) is None:
        raise UnreadableArray(f"{word[:20]!r} is not a number")
    try:
        return Fraction(text)
    except ZeroDivisionError as error:
        raise UnreadableArray(f"{word[:20]!r} is not a number") from error


def _from_text(text: str) -> Array:
    text = _bare(text).strip()
    if not re.search(r"[\[({]", text):
        rows = [[_cell(word) for word in re.split(r"[\s,]+", row) if word] for row in re.split(r"[;\n]", text)]
        filled: list[Any] = [row for row in rows if row]
        if not filled:
            raise UnreadableArray("it is empty")
        return filled[0] if len(filled) == 1 else filled
    open_lists: list[list[Any]] = [[]]
    for piece in _PIECE.findall(text):
        if piece in "[({":
            if len(open_lists) > _MAX_DEPTH:
                raise UnreadableArray(f"its brackets are nested more than {_MAX_DEPTH} deep")
            inner: list[Any] = []
            open_lists[-1].append(inner)
            open_lists.append(inner)
        elif piece in "])}":
            if len(open_lists) == 1:
                raise UnreadableArray("a bracket is closed that was never opened")
            open_lists.pop()
        elif piece not in ",;\n":
            open_lists[-1].append(_cell(piece))
    if len(open_lists) != 1:
        raise UnreadableArray("a bracket is not closed")
    whole = open_lists[0]
    # Rows written one below the other without an outer bracket are an array all the same.
    return whole[0] if len(whole) == 1 else whole


def _cells(array: Array) -> Iterator[Cell]:
    if isinstance(array, list):
        for item in array:
            yield from _cells(item)
    else:
        yield array


def _extent(array: Array) -> tuple[int, ...]:
    if not isinstance(array, list):
        return ()
    extents = {_extent(item) for item in array}
    if len(extents) > 1:
        raise UnreadableArray("its rows are not equally long")
    return (len(array), *next(iter(extents), ()))
