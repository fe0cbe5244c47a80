"""`grader spec calibrate`: training thresholds from what the reference reaches and what broken models reach.

The spec's own `calibration.py` trains; it runs in a process of its own, because it needs torch and this side does not.
A bound is placed half-way between the worst reference run and the best broken one. The rate of false failures is the
tail of a normal distribution through the reference's mean and spread (P = erfc(z / sqrt 2) / 2): with a handful of
seeds an extrapolation, to be read as an order of magnitude.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from grader.domain.assignment import Threshold
from grader.domain.errors import BadSpec
from grader.specs.load import Spec

CALIBRATION_S = 3600
# Prints one JSON object: the rows of `calibration.calibrate()`, and by threshold the digest of the data it rests on.
PROGRAM = """
import json, sys
sys.path[:0] = sys.argv[1:]
import torch
torch.set_num_threads(1)
import calibration
rows = [dict(row._asdict()) for row in calibration.calibrate()]
print(json.dumps({"rows": rows, "data_sha256": calibration.digests()}))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A threshold as measured now, beside the one in use.

    `false_failures` is the estimated share of right models that would miss the bound; `missed` names broken models
    that would meet it.
    """

    name: str
    measured: Threshold
    in_use: Threshold | None
    worst_reference: float
    false_failures: float
    missed: tuple[str, ...]


def calibrate(spec: Spec, on_line: Callable[[str], None]) -> tuple[Proposal, ...]:
    """Measure every threshold of a spec again; about as long as its trainings take.

    Raises:
        BadSpec: the spec has no `calibration.py`, or it fails.
    """
    if not (spec.folder / "calibration.py").is_file():
        raise BadSpec(f"{spec.assignment.slug} has no calibration.py, so it has no thresholds to measure.")
    on_line(f"training the reference and the broken models of {spec.assignment.slug}; this takes minutes")
    found = _run(spec)
    names = list(dict.fromkeys(row["name"] for row in found["rows"]))
    return tuple(_proposal(name, found, spec.assignment.threshold.get(name)) for name in names)


def _run(spec: Spec) -> dict[str, Any]:
    folder = spec.folder
    environment = {name: os.environ[name] for name in ("PATH", "LANG", "GRADER_DATA_DIR") if name in os.environ}
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-c", PROGRAM, *map(str, spec.import_folders)],
            env=environment | {"OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=CALIBRATION_S,
        )
    except subprocess.TimeoutExpired as error:
        raise BadSpec(f"{folder}/calibration.py took longer than {CALIBRATION_S} s.") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise BadSpec(f"{folder}/calibration.py failed: {last}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def _proposal(name: str, found: dict[str, Any], in_use: Threshold | None) -> Proposal:
    rows = [row for row in found["rows"] if row["name"] == name]
    right = [float(row["value"]) for row in rows if not row["broken"]]
    broken = {str(row["kind"]): float(row["value"]) for row in rows if row["broken"]}
    below = in_use is None or in_use.direction == "below"
    worst, best_broken = (max(right), min(broken.values())) if below else (min(right), max(broken.values()))
    bound = round((worst + best_broken) / 2, 2)
    mean, spread = statistics.mean(right), statistics.stdev(right)
    used = in_use.value if in_use is not None else bound
    return Proposal(
        name=name,
        measured=Threshold(
            metric=in_use.metric if in_use is not None else "loss",
            value=bound,
            direction="below" if below else "above",
            reference_mean=round(mean, 3),
            reference_spread=round(spread, 3),
            seeds=len(right),
            best_broken=round(best_broken, 3),
            data_sha256=found["data_sha256"][name],
        ),
        in_use=in_use,
        worst_reference=worst,
        false_failures=0.5 * math.erfc(abs(used - mean) / (spread or 1e-9) / math.sqrt(2)),
        missed=tuple(kind for kind, value in broken.items() if (value < used) == below),
    )
