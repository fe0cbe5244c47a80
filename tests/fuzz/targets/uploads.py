"""What a student's browser sends: the form of an upload, and the archive in it."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from grader.domain.assignment import FileRules, Limits
from grader.domain.errors import BadRequest, InputError
from grader.http.multipart import LongField, MultipartReader
from grader.http.uploads import _checked_key
from grader.intake.archive import Listing, list_upload
from grader.intake.files import match
from grader.intake.paths import is_litter
from grader.specs.load import load_spec
from tests.fuzz.targets.bounds import is_a_sentence, within

_LIMITS = Limits(archive_bytes=1 << 16, expanded_bytes=1 << 20, file_bytes=1 << 18, entries=60, depth=5)
_RULES: FileRules = load_spec("csc413-pa2", Path(__file__).parents[3] / "test_specs").assignment.files


def archive(content: bytes) -> None:
    """The upload's name in a line, then its bytes: a listing that zipfile gives as well, or one sentence."""
    name, _, body = content.partition(b"\n")
    with within(0.5):
        try:
            listing = list_upload(name.decode("utf-8", "replace"), body, _LIMITS)
        except InputError as error:
            is_a_sentence(error)
            return
        if listing.kind == "zip":
            _zipfile_agrees(listing, body)
        try:
            matched = match(listing, _RULES)
        except InputError as error:
            is_a_sentence(error)
            return
        assert sorted(entry["path"] for entry in matched.entries) == sorted(entry.path for entry in listing.entries)


def _zipfile_agrees(listing: Listing, body: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(body)) as second:
        files = [one for one in second.infolist() if not one.filename.endswith("/") and not is_litter(one.filename)]
        there = [(one.filename, one.file_size, one.compress_size) for one in files]
        assert there == [(entry.path, entry.size, entry.compressed) for entry in listing.entries]
        for one in files:
            second.open(one).close()


def multipart(content: bytes) -> None:
    """Content-Type in a line, the size of a piece in a byte, then the body: cutting it changes nothing."""
    kind, _, rest = content.partition(b"\n")
    size = rest[0] % 31 + 1 if rest else 1
    body = rest[1:]
    with within(0.5):
        whole = _form(kind.decode("latin-1"), [body])
        pieces = _form(kind.decode("latin-1"), [body[at : at + size] for at in range(0, len(body), size)])
    if not isinstance(whole, str) and not isinstance(pieces, str):
        assert whole == pieces
    # A refusal may come at another piece, but it comes.
    assert isinstance(whole, str) == isinstance(pieces, str), (whole, pieces)


def _form(kind: str, pieces: list[bytes]) -> tuple[dict[str, str], str, bytes, str] | str:
    """Fields, the file's name and bytes, the idempotency key; or the refusal."""
    fields = (LongField(name="answers", most_bytes=500), LongField(name="answer:", most_bytes=500, many=4))
    try:
        reader = MultipartReader(kind, file_field="file", long_fields=fields)
        sent = b"".join(reader.feed(piece) for piece in pieces)
        name = reader.finish()
        key = _checked_key(reader.fields.get("idempotency_key") or "none")
    except BadRequest as error:
        is_a_sentence(error)
        return str(error)
    assert key.isprintable()
    assert len(key) <= 200
    return reader.fields, name, sent, key
