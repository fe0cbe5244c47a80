"""Geometry of the drawings that pages carry: training curves and histograms, as numbers for inline SVG. Pure.

A curve's JSON was written by our own harness, but it is checked like a stranger's: no picture is worth a broken page.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

WIDTH, HEIGHT = 640.0, 260.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 52.0, 12.0, 12.0, 40.0
_MOST_POINTS = 5000
# More rows than this say no more than the drawing does.
_MOST_ROWS = 60


class Tick(NamedTuple):
    at: float
    label: str


class Row(NamedTuple):
    x: str
    y: str


class Bar(NamedTuple):
    x: float
    y: float
    width: float
    height: float
    label: str
    students: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Axes:
    """The plot's frame and its ticks, in the drawing's own units."""

    left: float = _LEFT
    right: float = WIDTH - _RIGHT
    top: float = _TOP
    bottom: float = HEIGHT - _BOTTOM
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A curve to draw. `lines` are `points` attributes, one for each piece without a gap; `dots` single points.

    `threshold_y` and `band` (top, height) are None where there is none; `summary` says the drawing in a sentence.
    """

    title: str
    axes: Axes
    lines: tuple[str, ...]
    dots: tuple[tuple[float, float], ...]
    threshold_y: float | None
    threshold_label: str
    band: tuple[float, float] | None
    x_label: str
    y_label: str
    summary: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    axes: Axes
    bars: tuple[Bar, ...]
    summary: str


class _Range(NamedTuple):
    low: float
    high: float


def curve(title: str, content: bytes) -> Curve | None:
    """The drawing of a curve artifact; None when its JSON is not one."""
    try:
        raw = json.loads(content)
        xs, ys = [float(x) for x in raw["x"]], [_finite(y) for y in raw["y"]]
        threshold, band = _finite(raw.get("threshold")), _band(raw.get("band"))
        labels = (str(raw.get("x_label") or "step"), str(raw.get("y_label") or "value"))
        direction = raw.get("direction")
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    known = [y for y in ys if y is not None]
    if len(xs) != len(ys) or not known or len(xs) > _MOST_POINTS or not all(math.isfinite(x) for x in xs):
        return None
    y_range = _padded([*known, *([] if threshold is None else [threshold]), *(band or ())])
    x_range = _Range(min(xs), max(xs) if max(xs) > min(xs) else min(xs) + 1)
    axes = Axes(x_ticks=_ticks(x_range, _across, 7), y_ticks=_ticks(y_range, _up, 5))
    lines, dots = _pieces(xs, ys, x_range, y_range)
    return Curve(
        title=title,
        axes=axes,
        lines=lines,
        dots=dots,
        threshold_y=None if threshold is None else _up(threshold, y_range),
        threshold_label="" if threshold is None else _goal(threshold, direction),
        band=None if band is None else (_up(band[1], y_range), _up(band[0], y_range) - _up(band[1], y_range)),
        x_label=labels[0],
        y_label=labels[1],
        summary=_summary(labels, xs, known, _goal(threshold, direction), band),
        rows=_rows(xs, ys),
    )


def histogram(bins: Sequence[tuple[float, float, int]], *, max_score: float) -> Histogram | None:
    """Students by score; None without any."""
    most = max((students for _, _, students in bins), default=0)
    if most == 0:
        return None
    x_range = _Range(0.0, max(max_score, *(high for _, high, _ in bins)) or 1.0)
    bars, y_ticks = _columns(bins, [f"{_number(low)} to {_number(high)}" for low, high, _ in bins], x_range)
    peak = max(bars, key=lambda bar: bar.students)
    return Histogram(
        axes=Axes(x_ticks=_ticks(x_range, _across, 8), y_ticks=y_ticks),
        bars=bars,
        summary=f"Students by score; most, {peak.students}, have {peak.label} points.",
    )


def uploads(counts: Sequence[tuple[int, int]]) -> Histogram | None:
    """Students or teams by the uploads they needed, from one on, the last with all above; None without any."""
    if not any(owners for _, owners in counts):
        return None
    x_range = _Range(counts[0][0] - 0.5, counts[-1][0] + 0.5)
    labels = [*(str(number) for number, _ in counts[:-1]), f"{counts[-1][0]} or more"]
    bars, y_ticks = _columns([(number - 0.5, number + 0.5, owners) for number, owners in counts], labels, x_range)
    ticks = [*(str(number) for number, _ in counts[:-1]), f"{counts[-1][0]}+"]
    x_ticks = tuple(Tick(_across(number, x_range), tick) for (number, _), tick in zip(counts, ticks, strict=True))
    peak = max(bars, key=lambda bar: bar.students)
    return Histogram(
        axes=Axes(x_ticks=x_ticks, y_ticks=y_ticks),
        bars=bars,
        summary=f"By uploads until full marks; most, {peak.students}, needed {peak.label}.",
    )


def _columns(
    bins: Sequence[tuple[float, float, int]], labels: Sequence[str], x_range: _Range
) -> tuple[tuple[Bar, ...], tuple[Tick, ...]]:
    """One column for each (from, to, count), and the ticks of the upward axis."""
    most = max(count for _, _, count in bins)
    top = _nice(most / 4) * math.ceil(most / _nice(most / 4)) if most > 4 else float(most)
    y_range = _Range(0.0, top)
    bars = tuple(
        Bar(
            x=_across(low, x_range) + 1,
            y=_up(count, y_range),
            width=max(1.0, _across(high, x_range) - _across(low, x_range) - 2),
            height=_up(0, y_range) - _up(count, y_range),
            label=label,
            students=count,
        )
        for (low, high, count), label in zip(bins, labels, strict=True)
    )
    return bars, _whole_ticks(y_range)


def _pieces(
    xs: Sequence[float], ys: Sequence[float | None], x_range: _Range, y_range: _Range
) -> tuple[tuple[str, ...], tuple[tuple[float, float], ...]]:
    pieces: list[list[tuple[float, float]]] = [[]]
    for x, y in zip(xs, ys, strict=True):
        if y is None:
            pieces.append([])
        else:
            pieces[-1].append((_across(x, x_range), _up(y, y_range)))
    lines = tuple(" ".join(f"{x:.1f},{y:.1f}" for x, y in piece) for piece in pieces if len(piece) > 1)
    return lines, tuple(piece[0] for piece in pieces if len(piece) == 1)


def _across(x: float, span: _Range) -> float:
    return round(_LEFT + (x - span.low) / (span.high - span.low) * (WIDTH - _LEFT - _RIGHT), 2)


def _up(y: float, span: _Range) -> float:
    bottom = HEIGHT - _BOTTOM
    return round(bottom - (y - span.low) / (span.high - span.low) * (bottom - _TOP), 2)


def _padded(values: Sequence[float]) -> _Range:
    low, high = min(values), max(values)
    margin = (high - low) * 0.08 or abs(high) * 0.1 or 1.0
    # A loss or a share that never goes below zero should not be drawn as if it could.
    return _Range(0.0 if low >= 0 and low - margin < 0 else low - margin, high + margin)


def _ticks(span: _Range, place: object, wanted: int) -> tuple[Tick, ...]:
    assert callable(place)
    step = _nice((span.high - span.low) / wanted)
    first = math.ceil(span.low / step - 1e-9)
    last = math.floor(span.high / step + 1e-9)
    return tuple(Tick(place(index * step, span), _number(index * step)) for index in range(first, last + 1))


def _whole_ticks(span: _Range) -> tuple[Tick, ...]:
    step = max(1, round(_nice(span.high / 4)))
    return tuple(Tick(_up(value, span), str(value)) for value in range(0, int(span.high) + 1, step))


def _nice(step: float) -> float:
    """The next larger of 1, 2, 2.5, 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step)) if step > 0 else 1.0
    return next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= step * (1 - 1e-9))


def _number(value: float) -> str:
    text = f"{value:.4g}"
    return "0" if text in ("-0", "0") else text


def _finite(value: object) -> float | None:
    if value is None:
        return None
    number = float(value)  # type: ignore[arg-type]  # whatever is no number raises, and the caller gives up
    return number if math.isfinite(number) else None


def _band(raw: object) -> tuple[float, float] | None:
    if not isinstance(raw, list) or len(raw) != 2:
        return None
    low, high = _finite(raw[0]), _finite(raw[1])
    return None if low is None or high is None or high < low else (low, high)


def _goal(threshold: float | None, direction: object) -> str:
    if threshold is None:
        return ""
    return f"{direction} {_number(threshold)}" if direction in ("below", "above") else _number(threshold)


def _summary(
    labels: tuple[str, str], xs: Sequence[float], ys: Sequence[float], goal: str, band: tuple[float, float] | None
) -> str:
    x_label, y_label = labels
    text = f"{y_label} over {x_label}, from {_number(ys[0])} to {_number(ys[-1])} at {_number(xs[-1])}"
    if goal:
        text += f"; the goal is {goal}"
    if band:
        text += f"; reference runs ended between {_number(band[0])} and {_number(band[1])}"
    return f"{text}."


def _rows(xs: Sequence[float], ys: Sequence[float | None]) -> tuple[Row, ...]:
    step = max(1, math.ceil(len(xs) / _MOST_ROWS))
    chosen = sorted({*range(0, len(xs), step), len(xs) - 1})
    return tuple(
        Row(_number(xs[index]), "no finite value" if (y := ys[index]) is None else _number(y)) for index in chosen
    )
