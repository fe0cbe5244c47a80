"""What a request came to, for the log and for traces."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field

from starlette.requests import Request

from grader.http.services import services_of
from grader.kit.tracing import Span

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Doings:
    """The run that a request made, if any, and what it spent its time on."""

    run: str = ""
    spans: list[Span] = field(default_factory=list)


def tell_new_run(request: Request, what: str, *, run: str, submission: str, began_ns: int) -> None:
    """A line, and the beginning of the run's trace: `what` made it since `began_ns` (nanoseconds since 1970)."""
    log.info("%s", what, extra={"run": run, "submission": submission})
    traces = services_of(request).traces
    if not traces.is_on:
        return
    state = request.scope["state"]
    ids = {"grader.run": run, "grader.submission": submission, "grader.request": state["request_id"]}
    span = Span(name=what, began_ns=began_ns, ended_ns=time.time_ns(), about=ids)
    state["doings"].run = run
    state["doings"].spans.append(span)
    traces.tell_run(span, run=run, is_root=True)
