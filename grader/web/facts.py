"""How a run went, as its workers wrote it down: JSON, one object for each stage, in which anything may be missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from grader.domain.check import Stage

_TIMES = (("sandbox", "waiting for a sandbox"), ("load", "loading"), ("checks", "checks"), ("total", "all"))


@dataclass(frozen=True, slots=True, kw_only=True)
class StageNotes:
    """One stage. Sizes in bytes, times in seconds, None where the host could not tell."""

    stage: str
    sandbox: str
    sandboxes: int
    endings: tuple[str, ...]
    peak_bytes: int | None
    cpu_s: float | None
    gpu: str
    gpu_s: float | None
    torch: str
    seed: str
    times: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What loading said of a file, in the sandbox's words."""

    path: str
    status: str
    note: str


def notes_of(facts: Mapping[str, Any]) -> tuple[StageNotes, ...]:
    """Every stage that left facts, in the order in which stages run."""
    return tuple(
        _notes(stage.value, said) for stage in Stage if isinstance(said := facts.get(stage.value), Mapping) and said
    )


def claims_of(facts: Mapping[str, Any]) -> tuple[Claim, ...]:
    """What loading said of each file, from the last stage that says anything."""
    for stage in reversed(Stage):
        said = facts.get(stage.value)
        files = said.get("files") if isinstance(said, Mapping) else None
        if isinstance(files, list) and files:
            return tuple(_claim(one) for one in files if isinstance(one, list) and len(one) == 3)
    return ()


def _notes(stage: str, said: Mapping[str, Any]) -> StageNotes:
    endings, timing = said.get("endings"), said.get("timing")
    return StageNotes(
        stage=stage,
        sandbox=str(said.get("sandbox") or ""),
        sandboxes=int(_number(said.get("sandboxes")) or 0),
        endings=tuple(str(one) for one in endings) if isinstance(endings, list) else (),
        peak_bytes=None if (peak := _number(said.get("peak_bytes"))) is None else int(peak),
        cpu_s=_number(said.get("cpu_s")),
        gpu=str(said.get("gpu") or ""),
        gpu_s=_number(said.get("gpu_s")),
        torch=str(said.get("torch") or ""),
        seed=str(said.get("seed") or ""),
        times=tuple(
            (words, seconds)
            for key, words in _TIMES
            if isinstance(timing, Mapping) and (seconds := _number(timing.get(key)))
        ),
    )


def _claim(one: list[Any]) -> Claim:
    path, status, note = one
    return Claim(path=str(path), status=str(status), note=str(note))


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
