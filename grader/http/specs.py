"""A spec of the server's folder, published: its version kept as bytes that any worker can grade by."""

from __future__ import annotations

from grader.answers.asked import FILE_NAME, asked_in
from grader.domain.grading import SpecVersion
from grader.service import assignments
from grader.specs.load import load_spec
from grader.specs.pack import pack
from grader.storage.blobs import Blobs
from grader.storage.database import Work


def publish_from_folder(work: Work, blobs: Blobs, slug: str) -> SpecVersion:
    """Read the spec as it is now and keep it; a version that is known is kept once.

    Raises:
        UnknownAssignment: the folder holds no spec of that name.
        BadSpec: it cannot be read.
        StorageFull: its bytes cannot be kept.

    """
    spec = load_spec(slug)
    questions = spec.folder / FILE_NAME
    if questions.is_file():
        # Better said to whoever publishes it than found out by students.
        asked_in(questions.read_bytes())
    stored = blobs.put(pack(spec))
    return assignments.publish_spec(
        work, definition=spec.assignment, spec_slug=spec.slug, version=spec.version, blob=stored.sha256
    )
