"""What a worker hands to a harness, and what comes back; both as plain values for the control socket."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from grader.domain.check import CheckResult, CheckStatus, Stage, Visibility
from grader.domain.ids import CheckId, PartId


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One run: which spec, which submission, under which seed.

    `load` is the body of the probe's LOAD request; `parts` maps a part's id to the number of checks and the points the
    spec promises for it; `only` holds shell patterns on check or part ids, empty for all; times are seconds.
    """

    spec_folder: str
    seed: str
    load: dict[str, Any]
    load_s: float
    run_s: float
    submission: dict[str, Any]
    parts: dict[str, tuple[int, float]]
    only: tuple[str, ...] = ()
    train: bool = True
    thresholds: dict[str, dict[str, Any]] = field(default_factory=dict)
    names: tuple[str, ...] = ()

    def packed(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def result_to_plain(result: CheckResult) -> dict[str, Any]:
    return {
        name: str(value) if isinstance(value, CheckStatus | Visibility | Stage) else value
        for name, value in asdict(result).items()
    }


def result_from_plain(plain: dict[str, Any]) -> CheckResult:
    """The inverse of `result_to_plain`."""
    return CheckResult(
        **{
            **plain,
            "id": CheckId(plain["id"]),
            "part": PartId(plain["part"]),
            "status": CheckStatus(plain["status"]),
            "visibility": Visibility(plain["visibility"]),
            "stage": Stage(plain["stage"]),
        }
    )
