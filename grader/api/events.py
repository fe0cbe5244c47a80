"""Progress of a submission as server-sent events.

The invariant: no stream holds a database session or a thread while it waits, else a few hundred open browsers would
leave none for requests. A stream ends by itself after a while, so that whoever lost the right to look is asked again
who they are.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated, NamedTuple

import anyio
from fastapi import APIRouter, Header, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from grader.api.access import MayRead, TheServices, UuidInPath
from grader.api.document import media, problems
from grader.domain.course import Reader
from grader.domain.errors import DatabaseBusy, GraderError
from grader.domain.grading import ProgressEvent
from grader.domain.ids import SubmissionId
from grader.http.services import Services
from grader.service import progress, submissions

router = APIRouter(tags=["submissions"])

_KEEP_ALIVE_S = 15.0
_LONGEST_S = 900.0
# How soon a stream notices news, or that the server stops.
_LOOK_S = 0.2
_AWAY_S = 1.0
_BATCH = 500
_LARGEST_ID = 2**63 - 1


class News(NamedTuple):
    """Events in order, and whether there is nothing more to come."""

    events: list[ProgressEvent]
    is_over: bool


@router.get(
    "/submissions/{submission}/events",
    response_class=Response,
    responses=problems(404) | media("text/event-stream", description="Events, until the newest run is final."),
)
async def follow(
    submission: UuidInPath,
    reader: MayRead,
    services: TheServices,
    after: Annotated[int, Query(ge=0, le=_LARGEST_ID, description="Only events with a larger id.")] = 0,
    last_event_id: Annotated[str | None, Header(description="As browsers send it when they connect again.")] = None,
) -> Response:
    """What happens to a submission, live; events that were missed come first."""
    seen = max(after, _number(last_event_id))
    found = await run_in_threadpool(_found, services, reader, submission)
    stream = _counted(services, _stream(services, reader, found, seen))
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(stream, media_type="text/event-stream", headers=headers)


async def _counted(services: Services, stream: AsyncGenerator[str]) -> AsyncIterator[str]:
    services.metrics.streams.inc()
    try:
        async with contextlib.aclosing(stream):
            async for piece in stream:
                yield piece
    finally:
        services.metrics.streams.dec()


async def _stream(services: Services, reader: Reader, submission: SubmissionId, seen: int) -> AsyncGenerator[str]:
    until = time.monotonic() + _LONGEST_S
    # A comment at once: the browser knows that it is connected.
    yield ": here\n\n"
    while time.monotonic() < until and not services.stopping.is_set():
        mark = services.announcements.mark()
        try:
            news = await run_in_threadpool(read_news, services, reader, submission, seen)
        except DatabaseBusy:
            await anyio.sleep(_AWAY_S)
            continue
        except GraderError:
            # Whoever asks may no longer look; connecting again tells them why.
            return
        for event in news.events:
            seen = event.id
            yield _written(event)
        if news.is_over:
            yield "event: end\ndata: {}\n\n"
            return
        if not news.events and not await _heard(services, submission, mark):
            yield ": still here\n\n"


async def _heard(services: Services, submission: SubmissionId, mark: int) -> bool:
    """Wait for news since `mark`; False when there was none for so long that proxies need a sign of life."""
    until = time.monotonic() + _KEEP_ALIVE_S
    while time.monotonic() < until:
        # Only a look at what was heard already: a thread for each open page would be hundreds.
        if services.announcements.wait(submission, 0, after=mark) or services.stopping.is_set():
            return True
        await anyio.sleep(_LOOK_S)
    return False


def read_news(services: Services, reader: Reader, submission: SubmissionId, seen: int) -> News:
    """Events after `seen`. The run's state is read before them: if it is final, they are all there is."""
    with services.database.begin() as work:
        found = submissions.find(work, reader, submission)
        is_final = submissions.latest_run(work, reader, found).state.is_final
        events = progress.events_after(work, found.id, seen, limit=_BATCH)
    return News(events=events, is_over=is_final and len(events) < _BATCH)


def _found(services: Services, reader: Reader, submission: str) -> SubmissionId:
    with services.database.begin() as work:
        return submissions.find(work, reader, submission).id


def _written(event: ProgressEvent) -> str:
    # The body cannot take the place of what the event is about.
    body = event.body | {"kind": event.kind.value, "run": event.run, "check": event.check}
    return f"event: progress\nid: {event.id}\ndata: {json.dumps(body, ensure_ascii=True)}\n\n"


def _number(header: str | None) -> int:
    # Browsers send back whatever they kept; anything that is no id of ours means from the start.
    if header is None or not (header.isascii() and header.isdecimal() and len(header) < 19):
        return 0
    return int(header)
