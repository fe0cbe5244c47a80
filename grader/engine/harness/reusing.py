from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from grader.domain.check import CheckResult, CheckStatus
from grader.domain.ids import CheckId, PartId
from grader.engine.harness.authoring import Declared
from grader.engine.harness.job import Job, result_from_plain


def reusable(job: Job, path: Path, identity: CheckId, declared: Declared) -> CheckResult | None:
    """The earlier result of a check in the words and points of this spec; None where it has to be run.

    Only what passed or failed by itself is taken over. A share of points that are others now is not known to the
    hundredth, so that such a check is run.
    """
    plain = job.reuse.get(identity)
    if plain is None or job.reuse_torch != torch.__version__ or not _is_unchanged(job, path):
        return None
    earlier = result_from_plain(plain)
    if earlier.status not in (CheckStatus.PASSED, CheckStatus.FAILED) or earlier.stage is not declared.stage:
        return None
    points = declared.points
    if earlier.status is CheckStatus.FAILED:
        if earlier.points and earlier.max_points != declared.points:
            return None
        points = earlier.points
    return replace(
        earlier,
        part=PartId(declared.part),
        title=declared.title,
        points=points,
        max_points=declared.points,
        visibility=declared.visibility,
    )


def _is_unchanged(job: Job, path: Path) -> bool:
    folder = Path(job.spec_folder)
    return path.is_relative_to(folder) and path.relative_to(folder).as_posix() in job.reuse_tests
