"""What of an earlier run is taken over by the run that was claimed."""

from __future__ import annotations

import logging
from dataclasses import replace

from grader.domain.check import Artifact, ArtifactKind, CheckResult
from grader.domain.errors import BadSpec
from grader.domain.grading import Claim, EarlierRun
from grader.engine.pipeline import Reuse
from grader.storage.blobs import BlobMissing, Blobs
from worker.specs import SpecShelf

log = logging.getLogger(__name__)


def reuse_of(claim: Claim, specs: SpecShelf, blobs: Blobs) -> Reuse | None:
    """None where there is no earlier run, or everything has changed.

    An earlier spec version or picture that cannot be had any more is no fault of this run: what it belongs to is run.
    """
    earlier = claim.earlier
    if earlier is None or not earlier.torch:
        return None
    try:
        tests = specs.unchanged_tests(claim, earlier)
    except (BadSpec, BlobMissing) as error:
        log.warning("nothing is reused: %s", error)
        return None
    if not tests:
        return None
    results = (_with_artifacts(result, earlier, blobs) for result in earlier.checks)
    return Reuse(tests=tests, results=tuple(one for one in results if one is not None), torch=earlier.torch)


def _with_artifacts(result: CheckResult, earlier: EarlierRun, blobs: Blobs) -> CheckResult | None:
    stored = [artifact for artifact in earlier.artifacts if artifact.check == result.id]
    try:
        artifacts = tuple(
            Artifact(name=one.name, kind=ArtifactKind(one.kind), title=one.title, content=blobs.get(one.sha256))
            for one in stored
        )
    except BlobMissing:
        return None
    return replace(result, artifacts=artifacts)
