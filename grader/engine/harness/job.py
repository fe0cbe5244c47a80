"""What a worker hands to a harness, and what comes back; both as plain values for the control socket."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from grader.domain.check import (
    Artifact,
    ArtifactKind,
    CheckDefinition,
    CheckResult,
    CheckStatus,
    Stage,
    Visibility,
)
from grader.domain.ids import CheckId, PartId


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One run: which spec, which submission, under which seed.

    Modules of a spec find each other in `import_folders`. `load` is the body of the probe's LOAD request; `parts` maps
    a part's id to the number of checks and the points the spec promises for it, in the document's order; `only` holds
    shell patterns on check or part ids, empty for all;
    `judged` names the parts of which checks are run and reported, empty for all; `stages` names the stages; times are
    seconds. `reuse` holds results by check id as `result_to_plain` gives them, for checks of the test files
    `reuse_tests`, judged with `reuse_torch`.
    """

    spec_folder: str
    import_folders: tuple[str, ...]
    seed: str
    load: dict[str, Any]
    load_s: float
    run_s: float
    submission: dict[str, Any]
    parts: dict[str, tuple[int, float]]
    only: tuple[str, ...] = ()
    judged: tuple[str, ...] = ()
    train: bool = True
    stages: tuple[str, ...] = tuple(str(stage) for stage in Stage)
    thresholds: dict[str, dict[str, Any]] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    reuse: dict[str, dict[str, Any]] = field(default_factory=dict)
    reuse_tests: tuple[str, ...] = ()
    reuse_torch: str = ""

    def packed(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def result_to_plain(result: CheckResult) -> dict[str, Any]:
    """Strings, numbers, bytes, lists and dicts only, as the control socket takes them."""
    return _plain(asdict(result))


def result_from_plain(plain: dict[str, Any]) -> CheckResult:
    """The inverse of `result_to_plain`."""
    artifacts = (Artifact(**{**one, "kind": ArtifactKind(one["kind"])}) for one in plain.get("artifacts", ()))
    return CheckResult(**{**_named(plain), "status": CheckStatus(plain["status"]), "artifacts": tuple(artifacts)})


def definition_to_plain(definition: CheckDefinition) -> dict[str, Any]:
    return _plain(asdict(definition))


def definition_from_plain(plain: dict[str, Any]) -> CheckDefinition:
    """The inverse of `definition_to_plain`."""
    return CheckDefinition(**_named(plain))


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: _plain_value(value) for name, value in fields.items()}


def _plain_value(value: Any) -> Any:
    if isinstance(value, StrEnum):
        return str(value)
    if isinstance(value, list | tuple):
        return [_plain(one) if isinstance(one, dict) else one for one in value]
    return value


def _named(plain: dict[str, Any]) -> dict[str, Any]:
    """What definitions and results have in common, as their own types."""
    return {
        **plain,
        "id": CheckId(plain["id"]),
        "part": PartId(plain["part"]),
        "visibility": Visibility(plain["visibility"]),
        "stage": Stage(plain["stage"]),
    }
