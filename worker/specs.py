from __future__ import annotations

import threading
from pathlib import Path

from grader.domain.grading import Claim
from grader.specs.load import Spec
from grader.specs.pack import unpack
from grader.storage.blobs import Blobs


class SpecShelf:
    """Spec versions as folders, each fetched from the blob store once. Safe to share between threads."""

    def __init__(self, blobs: Blobs, folder: Path) -> None:
        self._blobs = blobs
        self._folder = folder
        self._lock = threading.Lock()
        self._specs: dict[tuple[str, str], Spec] = {}
        self._planned: set[tuple[str, str]] = set()

    def get(self, claim: Claim) -> Spec:
        """The spec a claim's run is judged by.

        Raises:
            BadSpec, BlobMissing: it cannot be had.

        """
        key = claim.spec_slug, claim.spec_version
        with self._lock:
            if key not in self._specs:
                self._specs[key] = unpack(self._blobs.get(claim.spec_blob), self._folder / claim.spec_version)
            return self._specs[key]

    def has_plan(self, claim: Claim) -> bool:
        """Whether this worker knows that the database has the spec version's plan."""
        with self._lock:
            return (claim.spec_slug, claim.spec_version) in self._planned

    def note_plan(self, claim: Claim) -> None:
        with self._lock:
            self._planned.add((claim.spec_slug, claim.spec_version))
