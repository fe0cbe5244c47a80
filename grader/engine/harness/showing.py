"""What a check shows beside its message: pictures and curves. `grader.checks` re-exports `picture`, `curve`, `grid`.

The invariant: only numbers of ours are encoded here. What a sandbox sent arrives as a checked tensor, is cut to 0..1
and becomes a PNG on this side; no byte of a sandbox is ever passed on as a picture. Values, however wild, never change
a verdict: only a mistake of the spec (shape, type, name, too much) is an error.
"""

from __future__ import annotations

import io
import json
import math
import re
from collections.abc import Iterable
from typing import Any, Literal

import torch

from grader.domain.check import Artifact, ArtifactKind
from grader.kit.text import one_line

MOST_ARTIFACTS = 6
MOST_BYTES = 2 * 2**20
MOST_PIXELS_A_SIDE = 2048
# A page shows a picture at its own size; 32 pixels are too small to see anything.
WANTED_PIXELS_A_SIDE = 640
GAP_PIXELS = 2
WHITE = 255
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}")

# What the running check has shown; one check runs at a time in a harness process.
_shown: list[Artifact] = []


def picture(name: str, tensor: torch.Tensor, *, title: str) -> None:
    """Show a picture beside the check's message.

    Args:
        name: unique in the check; letters, digits, `_`, `.` and `-`.
        tensor: H x W (grey) or H x W x 3 (red, green, blue), at most 2048 pixels a side; uint8, or floating point from
            0 to 1 (what lies outside is cut off, NaN is black). A small one is scaled up by a whole number.
        title: one line, shown to the student.

    Raises:
        ValueError: the name, the type or the shape is wrong, or the check shows too much.

    """
    _show(name, ArtifactKind.PICTURE, title, _png(_magnified(_pixels(tensor))))


def curve(
    name: str,
    points: Iterable[tuple[float, float]],
    *,
    title: str,
    x_label: str = "step",
    y_label: str,
    threshold: float | None = None,
    direction: Literal["below", "above"] | None = None,
    band: tuple[float, float] | None = None,
) -> None:
    """Show a curve beside the check's message.

    Args:
        name: unique in the check; letters, digits, `_`, `.` and `-`.
        points: pairs of x and y, such as the `history` of a `FitResult`; where y is NaN or infinite, a gap.
        title: one line, shown to the student.
        x_label: what x is.
        y_label: what y is.
        threshold: the y to reach.
        direction: on which side of the threshold it is good.
        band: the lowest and highest y that references reach.

    Raises:
        ValueError: a number or the name is wrong, or the check shows too much.

    """
    pairs = [(float(x), float(y)) for x, y in points]
    fixed = [x for x, _ in pairs] + [value for value in (threshold, *(band or ())) if value is not None]
    if not all(math.isfinite(value) for value in fixed):
        raise ValueError(f"the curve {name!r} needs finite numbers for x, threshold and band")
    if direction not in (None, "below", "above"):
        raise ValueError(f"the direction of the curve {name!r} is 'below' or 'above', not {direction!r}")
    if band is not None and not (len(band) == 2 and band[0] <= band[1]):
        raise ValueError(f"the band of the curve {name!r} is a pair (low, high), not {band!r}")
    content: dict[str, Any] = {
        "x": [x for x, _ in pairs],
        "y": [y if math.isfinite(y) else None for _, y in pairs],
        "x_label": x_label, "y_label": y_label, "threshold": threshold, "direction": direction,
        "band": None if band is None else list(band),
    }  # fmt: skip
    packed = json.dumps(content, allow_nan=False, separators=(",", ":")).encode()
    _show(name, ArtifactKind.CURVE, title, packed)


def grid(images: torch.Tensor, columns: int) -> torch.Tensor:
    """Images in rows of `columns`, from left to right, with a white line between them, for `picture`.

    Args:
        images: N x 3 x H x W or N x 1 x H x W; uint8, or floating point from 0 to 1.
        columns: images in a row; the last row may be shorter.

    Returns:
        uint8, H' x W' x 3.

    Raises:
        ValueError: the shape, the type or the number of columns is wrong.

    """
    if not isinstance(images, torch.Tensor) or images.ndim != 4 or images.shape[1] not in (1, 3) or not images.numel():
        raise ValueError("grid() takes a tensor N x 3 x H x W or N x 1 x H x W")
    if columns < 1:
        raise ValueError("grid() needs at least one column")
    count, _, height, width = images.shape
    columns = min(columns, count)
    rows = -(-count // columns)
    # Without a gap before the first and after the last.
    size = (rows * (height + GAP_PIXELS) - GAP_PIXELS, columns * (width + GAP_PIXELS) - GAP_PIXELS, 3)
    canvas = torch.full(size, WHITE, dtype=torch.uint8)
    for index, image in enumerate(_bytes_of(images).permute(0, 2, 3, 1)):
        top, left = (index // columns) * (height + GAP_PIXELS), (index % columns) * (width + GAP_PIXELS)
        canvas[top : top + height, left : left + width] = image
    return canvas


def take_artifacts() -> tuple[Artifact, ...]:
    """What was shown since the last call."""
    shown = tuple(_shown)
    _shown.clear()
    return shown


def _show(name: str, kind: ArtifactKind, title: str, content: bytes) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot be an artifact's name; use up to 60 letters, digits, '_', '.' and '-'")
    if any(artifact.name == name for artifact in _shown):
        raise ValueError(f"the check shows two artifacts called {name!r}")
    if len(_shown) == MOST_ARTIFACTS:
        raise ValueError(f"a check shows at most {MOST_ARTIFACTS} pictures and curves")
    if sum(len(artifact.content) for artifact in _shown) + len(content) > MOST_BYTES:
        raise ValueError(f"the pictures and curves of a check hold at most {MOST_BYTES} bytes; show a smaller {name!r}")
    _shown.append(Artifact(name=name, kind=kind, title=one_line(title, limit=200), content=content))


def _bytes_of(values: torch.Tensor) -> torch.Tensor:
    """Any picture's values as uint8, on the CPU."""
    values = values.detach().cpu()
    if values.dtype == torch.uint8:
        return values
    if not values.is_floating_point():
        raise ValueError(f"a picture is uint8 or floating point from 0 to 1, not {values.dtype}")
    return (values.double().nan_to_num(nan=0.0).clamp(0, 1) * WHITE).round().to(torch.uint8)


def _pixels(tensor: torch.Tensor) -> torch.Tensor:
    if not isinstance(tensor, torch.Tensor):
        raise ValueError(f"a picture is a tensor, not a {type(tensor).__name__}")  # noqa: TRY004  # one kind of mistake
    if tensor.ndim not in (2, 3) or tuple(tensor.shape[2:]) not in ((), (3,)):
        raise ValueError(f"a picture is H x W or H x W x 3, not of shape {tuple(tensor.shape)}")
    if not all(1 <= side <= MOST_PIXELS_A_SIDE for side in tensor.shape[:2]):
        raise ValueError(f"a picture has 1 to {MOST_PIXELS_A_SIDE} pixels a side, not {tuple(tensor.shape[:2])}")
    return _bytes_of(tensor)


def _magnified(pixels: torch.Tensor) -> torch.Tensor:
    factor = max(1, WANTED_PIXELS_A_SIDE // max(pixels.shape[:2]))
    return pixels.repeat_interleave(factor, 0).repeat_interleave(factor, 1)


def _png(pixels: torch.Tensor) -> bytes:
    from PIL import Image

    packed = io.BytesIO()
    Image.fromarray(pixels.contiguous().numpy()).save(packed, "PNG")
    return packed.getvalue()
