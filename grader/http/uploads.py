"""One file out of a multipart request, streamed into the blob store, limits enforced while it streams.

The invariant: a receipt is answered only when bytes and rows are durable; whoever goes away or is refused before that
leaves nothing behind. The accepted gap: an upload that is refused by the very last step (the day's quota was used by
another upload that came in meanwhile) leaves its bytes in the store under their digest, and no row that names them.
"""

from __future__ import annotations

import contextlib
import io
import json
import secrets
import sys
import time
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import anyio
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from grader.answers.given import MAX_ANSWERS, MAX_BYTES, BadAnswers, Value, checked, packed, read_answers
from grader.domain.contribution import LONGEST
from grader.domain.course import Reader
from grader.domain.errors import BadArchive, BadRequest, DatabaseBusy, GraderError, UploadTooLarge
from grader.domain.grading import OfferedAssignment
from grader.domain.submission import Receipt, Upload
from grader.http.doings import tell_new_run
from grader.http.identity import CSRF_FIELD, CSRF_HEADER, bearer_of, require_csrf, session_of_request
from grader.http.multipart import FIELD_CHARACTERS, LongField, MultipartReader
from grader.http.services import Services, services_of
from grader.intake.archive import list_upload
from grader.intake.files import match
from grader.service import contributions, drafts, refusals, submissions
from grader.service.accounts import SignedIn
from grader.storage.blobs import BlobWriter

FILE_FIELD = "file"
KEY_FIELD = "idempotency_key"
ANSWERS_FIELD = "answers"
# A form without scripts has a field for each question: this, and the question's id.
ANSWER_PREFIX = "answer:"
ANSWERS_FILE = "answers.toml"
CONTRIBUTION_FIELD = "contribution"
# Which version of the draft the form's fields are (`grader.service.drafts`).
DRAFT_FIELD = "draft_version"
# Boundaries, part headers and the small fields around the file; and the answers, whose own limits are narrower.
_ENVELOPE_BYTES = 64 * 2**10 + MAX_BYTES
_LONG_FIELDS = (
    LongField(name=ANSWERS_FIELD, most_bytes=MAX_BYTES),
    LongField(name=CONTRIBUTION_FIELD, most_bytes=8 * LONGEST),
    LongField(name=ANSWER_PREFIX, most_bytes=MAX_BYTES, many=2 * MAX_ANSWERS),
)
# A network's chunks are small; a hop into a thread for each would cost more than the write.
_WRITE_BYTES = 256 * 2**10
# Listing reads the upload into memory, so that many large ones at once take turns.
_LISTERS = anyio.CapacityLimiter(4)


@dataclass(slots=True)
class Typed:
    """What was written into the fields of the questions, by question, and the version of the draft they began with.

    Filled while an upload comes in. Whoever shows the form again after a refusal passes one, and has everything that
    was written before the file.
    """

    answers: dict[str, str] = field(default_factory=dict)
    draft: int | None = None
    contribution: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    """The answers that came beside the file, and the version of the draft that they were, None where nothing says.

    `own` says that they are a member's own, for the parts that each hands in alone. `contribution` is who did what.
    """

    answers: dict[str, Value]
    draft: int | None
    own: bool
    contribution: str


async def receive_upload(
    request: Request,
    reader: Reader,
    assignment: OfferedAssignment,
    *,
    idempotency_key: str | None,
    typed: Typed | None = None,
    own: bool = False,
) -> Receipt:
    """The whole of an upload: refuse early, stream, list the archive, match the file rules, keep, write the rows.

    The receipt is returned after bytes and rows are durable. Both doors call this. The multipart field is `file`; a
    field `idempotency_key` may precede it. Written answers come in a field `answers` (a JSON object or TOML), or in a
    field `answer:<question>` each, which wins; who did what in a team in a field `contribution`. Where the request
    comes with a web session, its CSRF token must be in the header or in a field `csrf` that precedes the file. Blocking
    work runs in threads.

    With `own` it is the reader's, for the parts of a team's assignment that each member hands in alone: no code need be
    in it, and without a file, or with an `answers.toml` as the file, the answers are all there is.

    Raises:
        UploadTooLarge, BadArchive, MissingFile, BadRequest (no file field), BadAnswers, QuotaUsed, PastDeadline,
        StorageFull, DatabaseBusy, BadCsrf.

    """
    services = services_of(request)
    began_ns = time.time_ns()
    try:
        receipt = await _received(request, services, reader, assignment, idempotency_key, typed, own=own)
    except GraderError as error:
        services.metrics.uploads.labels(outcome="refused").inc()
        if isinstance(error, BadArchive) and error.trick:
            await run_in_threadpool(_note_trick, services, reader, assignment, error.trick)
        raise
    services.metrics.uploads.labels(outcome="received" if receipt.is_new else "again").inc()
    if receipt.run is not None:
        tell_new_run(request, "upload", run=receipt.run, submission=receipt.id, began_ns=began_ns)
    return receipt


async def _received(
    request: Request,
    services: Services,
    reader: Reader,
    assignment: OfferedAssignment,
    key: str | None,
    typed: Typed | None,
    *,
    own: bool,
) -> Receipt:
    limit = assignment.spec.definition.limits.archive_bytes
    form = MultipartReader(
        request.headers.get("Content-Type", ""), file_field=FILE_FIELD, long_fields=_LONG_FIELDS, needs_file=not own
    )
    try:
        _refuse_by_length(request, limit)
        key = _checked_key(key) if key else None
        session = await run_in_threadpool(_refuse_early, services, request, reader, assignment, own)
        async with _writer(services) as writer:
            await _stream(request, form, writer, session, limit)
            key = key or _checked_key(form.fields.get(KEY_FIELD) or None)
            # All of it is here, so whoever sent it reads what is wrong with the answers, not that we hung up.
            text = await run_in_threadpool(_answers_file, writer, form.finish()) if own else None
            answers = await run_in_threadpool(_answers, services, reader, assignment, form, text or "", own)
            if text is not None:
                upload = await run_in_threadpool(_keep_answers, services, answers)
            else:
                upload = await anyio.to_thread.run_sync(_keep, writer, form.finish(), assignment, own, limiter=_LISTERS)
        upload = await run_in_threadpool(_with_answers, services, upload, answers)
        written = _Written(
            answers=answers, draft=_draft_version(form), own=own, contribution=form.fields.get(CONTRIBUTION_FIELD, "")
        )
        return await run_in_threadpool(_write_rows, services, reader, assignment, upload, key, written)
    except GraderError:
        if typed is not None:
            await _read_fields(request, form)
            typed.answers, typed.draft = _fields_of_questions(form), _draft_version(form)
            typed.contribution = form.fields.get(CONTRIBUTION_FIELD, "")
        raise


def _note_trick(services: Services, reader: Reader, assignment: OfferedAssignment, trick: str) -> None:
    # Whoever sent it hears why it was refused, whether or not it could be noted.
    with contextlib.suppress(GraderError), services.database.begin() as work:
        refusals.note(work, reader, assignment, trick)


async def _read_fields(request: Request, form: MultipartReader) -> None:
    """What a form holds before its file, where the upload was refused without reading it."""
    received = 0
    if form.file_name is not None:
        return
    # RuntimeError: the stream was read to its end.
    with contextlib.suppress(GraderError, ClientDisconnect, RuntimeError):
        async for chunk in request.stream():
            received += len(chunk)
            form.feed(chunk)
            if form.file_name is not None or received > _ENVELOPE_BYTES:
                return


def _fields_of_questions(form: MultipartReader) -> dict[str, str]:
    return {
        name.removeprefix(ANSWER_PREFIX): value for name, value in form.fields.items() if name.startswith(ANSWER_PREFIX)
    }


def _answers(
    services: Services, reader: Reader, assignment: OfferedAssignment, form: MultipartReader, text: str, own: bool
) -> dict[str, Value]:
    """The answers that came beside the file, or (`text`) were the file, fit to be kept. Raises BadAnswers."""
    given = {**read_answers(text), **read_answers(form.fields.get(ANSWERS_FIELD, "")), **_fields_of_questions(form)}
    if not given:
        return {}
    with services.database.begin() as work:
        asked = services.questions.for_reader(work, services.blobs, reader, assignment, own=own)
    return checked(given, asked)


def _answers_file(writer: BlobWriter, name: str) -> str | None:
    """What a file of answers holds, empty where there is no file; None for any other file, which is listed as usual.

    Raises BadAnswers for one that cannot be read.
    """
    if not name:
        return ""
    if not name.casefold().endswith(".toml"):
        return None
    with writer.reader() as stream:
        content = stream.read(MAX_BYTES + 1)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadAnswers("The file of answers is not text in UTF-8; save it as such.") from error


def _keep_answers(services: Services, answers: dict[str, Value]) -> Upload:
    """A hand-in that is answers alone, as a file of its own: a zip with an `answers.toml`. Equal answers, equal bytes.

    Raises BadRequest when there are none.
    """
    if not answers:
        raise BadRequest("Nothing was handed in: write an answer, or choose a file.")
    lines = [f"{json.dumps(name)} = {json.dumps(answers[name], ensure_ascii=False)}\n" for name in sorted(answers)]
    packed_file = io.BytesIO()
    with zipfile.ZipFile(packed_file, "w") as archive:
        archive.writestr(zipfile.ZipInfo(ANSWERS_FILE), "".join(lines))
    stored = services.blobs.put(packed_file.getvalue())
    return Upload(name="answers.zip", sha256=stored.sha256, size_bytes=stored.size_bytes)


def _with_answers(services: Services, upload: Upload, answers: dict[str, Value]) -> Upload:
    if not answers:
        return upload
    return replace(upload, answers_sha256=services.blobs.put(packed(answers)).sha256)


def _refuse_by_length(request: Request, limit: int) -> None:
    length = request.headers.get("Content-Length", "")
    if length.isdecimal() and int(length) > limit + _ENVELOPE_BYTES:
        raise _too_large(limit)


def _too_large(limit: int) -> UploadTooLarge:
    return UploadTooLarge(
        f"The upload is larger than the {limit / 2**20:.0f} MiB this assignment allows; leave out data sets, "
        "checkpoints and virtual environments, and upload it again."
        if limit >= 2**20
        else f"The upload is larger than the {limit:,} bytes this assignment allows; leave out what was not asked for."
    )


def _refuse_early(
    services: Services, request: Request, reader: Reader, assignment: OfferedAssignment, own: bool
) -> SignedIn | None:
    """The session whose CSRF token must still come in a field; None when nothing more is needed."""
    session = session_of_request(request) if bearer_of(request) is None else None
    given = request.headers.get(CSRF_HEADER)
    if session is not None and given is not None:
        require_csrf(request, session, given)
    with services.database.begin() as work:
        submissions.refuse_unless_open(work, reader, assignment, own=own)
    return session if given is None else None


@contextlib.asynccontextmanager
async def _writer(services: Services) -> AsyncIterator[BlobWriter]:
    """The blob store's writer, entered and left in threads; left even when the server is told to stop."""
    manager = services.blobs.writer()
    writer = await run_in_threadpool(manager.__enter__)
    try:
        yield writer
    finally:
        with anyio.CancelScope(shield=True):
            await run_in_threadpool(manager.__exit__, *sys.exc_info())


async def _stream(
    request: Request, form: MultipartReader, writer: BlobWriter, session: SignedIn | None, limit: int
) -> None:
    """Write the file's bytes on as they come.

    Raises:
        UploadTooLarge: at the first byte too many.
        BadCsrf: the file begins (or, without a file, the form ends), and no field before held the session's token.
        ClientDisconnect: whoever was sending went away.

    """
    received = written = 0
    waiting: list[bytes] = []
    waiting_bytes = 0
    async for chunk in request.stream():
        received += len(chunk)
        piece = form.feed(chunk)
        written += len(piece)
        waiting_bytes += len(piece)
        if written > limit or received > limit + _ENVELOPE_BYTES:
            raise _too_large(limit)
        if session is not None and form.file_name is not None:
            require_csrf(request, session, form.fields.get(CSRF_FIELD, ""))
            session = None
        waiting.append(piece)
        if waiting_bytes >= _WRITE_BYTES:
            await run_in_threadpool(writer.write, b"".join(waiting))
            waiting, waiting_bytes = [], 0
    if waiting_bytes:
        await run_in_threadpool(writer.write, b"".join(waiting))
    form.finish()
    if session is not None:
        # No file was there before which it had to come.
        require_csrf(request, session, form.fields.get(CSRF_FIELD, ""))


def _keep(writer: BlobWriter, name: str, assignment: OfferedAssignment, own: bool) -> Upload:
    """List the upload, hold it against the file rules, and make it durable."""
    definition = assignment.spec.definition
    with writer.reader() as stream:
        listing = list_upload(name, stream.read(), definition.limits)
    match(listing, definition.files, needs_code=not own)
    stored = writer.keep()
    return Upload(name=listing.name, sha256=stored.sha256, size_bytes=stored.size_bytes)


def _checked_key(key: str | None) -> str:
    if key is None:
        # For this request alone, so that it may be tried again.
        return f"request-{secrets.token_hex(16)}"
    if len(key) > FIELD_CHARACTERS or not key.isascii() or not key.isprintable():
        raise BadRequest(f"An idempotency key is at most {FIELD_CHARACTERS} printable ASCII characters.")
    return key


def _draft_version(form: MultipartReader) -> int | None:
    told = form.fields.get(DRAFT_FIELD, "")
    return int(told) if told.isascii() and told.isdecimal() and len(told) < 10 else None


def _write_rows(
    services: Services, reader: Reader, assignment: OfferedAssignment, upload: Upload, key: str, written: _Written
) -> Receipt:
    """Submission, run and first stage in one transaction, and the draft cleared that was handed in.

    A connection that breaks during the commit leaves open whether it happened, so it is tried once more under the same
    key: the second time finds what the first one wrote.
    """
    try:
        return _write_once(services, reader, assignment, upload, key, written)
    except DatabaseBusy:
        return _write_once(services, reader, assignment, upload, key, written)


def _write_once(
    services: Services, reader: Reader, assignment: OfferedAssignment, upload: Upload, key: str, written: _Written
) -> Receipt:
    with services.database.begin() as work:
        receipt = submissions.receive(work, reader, assignment, upload, idempotency_key=key, own=written.own)
        if written.contribution.strip() and not written.own:
            contributions.write(work, reader, assignment, written.contribution)
        if written.answers or written.draft is not None:
            drafts.was_handed_in(work, reader, assignment, written.answers, written.draft, own=written.own)
        return receipt
