"""What a spec's author writes checks with. `grader.checks` re-exports all of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, TypeVar

import torch

from grader.domain.check import Stage, Visibility

Test = TypeVar("Test", bound=Callable[..., None])
ATTRIBUTE = "__grader_check__"


class CheckFailed(AssertionError):
    """The submission does not do what the check asks for; the message is for the student."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What `@check` says about a test function."""

    part: str
    points: float
    title: str
    stage: Stage
    visibility: Visibility
    timeout_s: float
    needs: tuple[str, ...]


def check(
    part: str,
    *,
    points: float,
    title: str,
    stage: Literal["gate", "unit", "train"] = "unit",
    visibility: Literal["always", "after_due", "staff"] = "always",
    timeout_s: float = 20.0,
    needs: tuple[str, ...] = (),
) -> Callable[[Test], Test]:
    """Declare a pytest function as a check of a part.

    Args:
        part: id of a part in `assignment.toml`.
        points: what passing gives.
        title: shown to the student.
        stage: when it runs; `train` checks wait for the gate.
        visibility: who sees its message, and when.
        timeout_s: seconds for the whole check, not counting the sandbox's start.
        needs: names the submission must define; a missing one fails the check with one sentence.

    """
    declared = Declared(
        part=part,
        points=points,
        title=title,
        stage=Stage(stage),
        visibility=Visibility(visibility),
        timeout_s=timeout_s,
        needs=needs,
    )

    def mark(test: Test) -> Test:
        setattr(test, ATTRIBUTE, declared)
        return test

    return mark


def fail(message: str) -> NoReturn:
    """End the check as failed, with a sentence for the student."""
    raise CheckFailed(message)


def expect(condition: object, message: str) -> None:
    """Fail with `message` unless `condition` holds; a tensor or a proxy as condition is a mistake in the spec."""
    if not isinstance(condition, bool):
        raise TypeError(f"expect() takes True or False, not a {type(condition).__name__}")
    if not condition:
        raise CheckFailed(message)


def assert_close(
    actual: Any,
    expected: torch.Tensor,
    *,
    rtol: float = 1e-4,
    atol: float = 1e-5,
    message: str = "The values differ from what they should be.",
) -> None:
    """Compare a result with a trusted tensor by value, in float64.

    The student learns about type, shape and NaN, and `message`; never an expected value.
    """
    if not isinstance(actual, torch.Tensor):
        raise CheckFailed(f"The result should be a tensor, but it is of type {_kind(actual)}.")
    if actual.shape != expected.shape:
        raise CheckFailed(f"The result has shape {tuple(actual.shape)}, but should have shape {tuple(expected.shape)}.")
    wide = torch.complex128 if expected.is_complex() or actual.is_complex() else torch.float64
    ours, theirs = expected.detach().to(wide), actual.detach().to(wide)
    if bool(torch.isnan(theirs).any()) and not bool(torch.isnan(ours).any()):
        raise CheckFailed("The result contains NaN.")
    if not torch.allclose(theirs, ours, rtol=rtol, atol=atol, equal_nan=True):
        raise CheckFailed(message)


def _kind(value: Any) -> str:
    names = {"NoneType": "None (is a return statement missing?)"}
    return names.get(type(value).__name__, type(value).__name__)


def tensor(value: Any, *, shape: tuple[int, ...] | None = None, what: str = "The result") -> torch.Tensor:
    """`value` as a tensor of this shape, or a failed check that says what it is instead."""
    if not isinstance(value, torch.Tensor):
        raise CheckFailed(f"{what} should be a tensor, but it is of type {_kind(value)}.")
    if shape is not None and tuple(value.shape) != shape:
        raise CheckFailed(f"{what} has shape {tuple(value.shape)}, but should have shape {shape}.")
    return value


# The share of points the running check has been awarded; one check runs at a time in a harness process.
_awarded: list[float] = []


def award(share: float) -> None:
    """Give this share (0 to 1) of the points even if the check fails afterwards."""
    _awarded[:] = [min(1.0, max(0.0, share))]


def take_award() -> float:
    """The share awarded since the last call; 0 if none."""
    share = _awarded[0] if _awarded else 0.0
    _awarded.clear()
    return share
