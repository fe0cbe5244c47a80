"""A spec of the server's folder, published: its version kept as bytes that any worker can grade by; one to try."""

from __future__ import annotations

from grader.answers.asked import FILE_NAME, asked_in
from grader.domain.course import Reader, Scope
from grader.domain.errors import GraderError
from grader.domain.grading import OfferedAssignment, SpecVersion
from grader.domain.ids import CourseId
from grader.domain.trial import FOLDER
from grader.service import assignments, trials
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


def version_to_try(work: Work, blobs: Blobs, reader: Reader, assignment: OfferedAssignment, name: str) -> SpecVersion:
    """A kept version, "" for the one that judges, `folder` for the spec in the server's folder, kept from now on.

    Staff with scope grade.

    Raises:
        NeedsRole, NeedsScope.
        UnknownThing: no such version is kept.
        UnknownAssignment, BadSpec, StorageFull: of the server's folder.

    """
    reader.require_scope(Scope.GRADE)
    reader.require_staff(CourseId(assignment.course_id))
    if name != FOLDER:
        return trials.version_called(work, reader, assignment, name)
    return publish_from_folder(work, blobs, assignment.spec.spec_slug)


def folder_version(slug: str) -> str:
    """The version of the spec as it lies in the server's folder; empty where it cannot be read."""
    try:
        return load_spec(slug).version
    except GraderError:
        return ""
