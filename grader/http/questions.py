"""What an assignment's questions ask, from the bytes of the spec version that judges it now.

The invariant: of a spec's questions a server process keeps the public members alone; what they accept is never read.
"""

from __future__ import annotations

import logging
import threading

from grader.answers.asked import FILE_NAME, AskedQuestion, asked_in
from grader.domain.course import Reader
from grader.domain.errors import BadSpec
from grader.domain.grading import OfferedAssignment, SpecVersion
from grader.domain.ids import Sha256
from grader.service.quota import owner_of
from grader.specs.pack import packed_file
from grader.storage.blobs import BlobMissing, Blobs
from grader.storage.database import Work

log = logging.getLogger(__name__)


class QuestionShelf:
    """The questions of spec versions, each read once: a version never changes. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[Sha256, tuple[AskedQuestion, ...]] = {}

    def for_reader(
        self, work: Work, blobs: Blobs, reader: Reader, assignment: OfferedAssignment, *, own: bool = False
    ) -> tuple[AskedQuestion, ...]:
        """What the reader's hand-in answers.

        In a team whose members hand some parts in alone those of the other parts; with `own` those of these parts.
        """
        asked, definition = self.of(blobs, assignment.spec), assignment.spec.definition
        if not definition.individual_parts or not owner_of(work, reader, assignment).startswith("t"):
            return asked
        return tuple(question for question in asked if definition.is_individual(question.id) == own)

    def of(self, blobs: Blobs, spec: SpecVersion) -> tuple[AskedQuestion, ...]:
        """In the order of `questions.toml`; none where the spec has no such file.

        A spec whose bytes are damaged asks nothing: files can be handed in all the same, and the log says why.
        """
        with self._lock:
            found = self._known.get(spec.blob)
        if found is not None:
            return found
        try:
            content = packed_file(blobs.get(spec.blob), FILE_NAME)
            found = () if content is None else asked_in(content)
        except (BlobMissing, BadSpec) as error:
            log.warning("the questions of %s %s cannot be read: %s", spec.spec_slug, spec.version, error)
            return ()
        with self._lock:
            self._known[spec.blob] = found
        return found
