from __future__ import annotations

import threading
from pathlib import Path

from grader.domain.grading import Claim, EarlierRun
from grader.domain.ids import Sha256
from grader.specs.load import Spec
from grader.specs.pack import unpack
from grader.specs.reach import unchanged_tests
from grader.storage.blobs import Blobs


class SpecShelf:
    """Spec versions as folders, each fetched from the blob store once. Safe to share between threads."""

    def __init__(self, blobs: Blobs, folder: Path) -> None:
        self._blobs = blobs
        self._folder = folder
        self._lock = threading.Lock()
        self._specs: dict[tuple[str, str], Spec] = {}
        self._unchanged: dict[tuple[str, str, str, str], frozenset[str]] = {}
        self._planned: set[tuple[str, str]] = set()

    def get(self, claim: Claim) -> Spec:
        """The spec a claim's run is judged by.

        Raises:
            BadSpec, BlobMissing: it cannot be had.

        """
        return self._of(claim.spec_slug, claim.spec_version, claim.spec_blob)

    def unchanged_tests(self, claim: Claim, earlier: EarlierRun) -> frozenset[str]:
        """The test files whose checks come to the same by the claim's spec and by the one that judged earlier.

        Raises:
            BadSpec, BlobMissing: one of the two cannot be had.

        """
        key = (claim.spec_slug, earlier.spec_slug, claim.spec_version, earlier.spec_version)
        if key not in self._unchanged:
            then = self._of(earlier.spec_slug, earlier.spec_version, earlier.spec_blob)
            self._unchanged[key] = unchanged_tests(then, self.get(claim))
        return self._unchanged[key]

    def _of(self, slug: str, version: str, blob: Sha256) -> Spec:
        with self._lock:
            if (slug, version) not in self._specs:
                self._specs[slug, version] = unpack(self._blobs.get(blob), self._folder / version)
            return self._specs[slug, version]

    def has_plan(self, claim: Claim) -> bool:
        """Whether this worker knows that the database has the spec version's plan."""
        with self._lock:
            return (claim.spec_slug, claim.spec_version) in self._planned

    def note_plan(self, claim: Claim) -> None:
        with self._lock:
            self._planned.add((claim.spec_slug, claim.spec_version))
