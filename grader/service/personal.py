"""Everything the service holds about a person, for them to read."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import PurePath
from typing import IO, Any
from uuid import UUID

from grader.kit.text import plain
from grader.service.accounts import find_person
from grader.storage.blobs import BlobMissing, Blobs
from grader.storage.database import Work
from grader.storage.repositories import personal

_LAYOUT = 1
_SUFFIX = {"picture": "png", "curve": "json"}


def collect(work: Work, email: str) -> dict[str, Any]:
    """The rows about a person as JSON's types: times in ISO 8601 and UTC, ids as text, and no secret of ours.

    Raises UnknownThing.
    """
    person = find_person(work, email)
    rows = personal.rows_about(work, person.id)
    return {
        "layout": _LAYOUT,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        **{name: [_plain(row) for row in found] for name, found in rows.items()},
    }


def write(stream: IO[bytes], collected: Mapping[str, Any], blobs: Blobs) -> list[str]:
    """The archive: `person.json`, what they handed in with its answers, pictures. Digests of what was missing."""
    missing: list[str] = []
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("person.json", json.dumps(collected, indent=1, ensure_ascii=False))
        for name, digest in _files(collected):
            try:
                archive.writestr(name, blobs.get(digest))
            except BlobMissing:
                missing.append(digest)
    return missing


def _files(collected: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[tuple[str, str]]:
    for row in collected["submissions"]:
        folder = f"submissions/{row['id']}"
        if row["removed_at"] is None:
            # A name that a student chose is not a path.
            yield f"{folder}/{PurePath(plain(row['file_name'], limit=200)).name or 'file'}", row["sha256"]
        if row["answers_sha256"]:
            yield f"{folder}/answers.json", row["answers_sha256"]
    for row in collected["artifacts"]:
        yield f"pictures/{row['id']}.{_SUFFIX.get(row['kind'], 'bin')}", row["blob_sha256"]
    for row in collected["sheet_pictures"]:
        yield f"sheets/{row['submission_id']}/{row['number']}.{row['kind']}", row["blob_sha256"]


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _as_json(value) for name, value in row.items()}


def _as_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return str(value) if isinstance(value, UUID) else value
