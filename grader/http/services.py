"""What both doors, API and pages, work with; made once by `grader.server.app`."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from starlette.requests import Request

from grader.http.metrics import Metrics
from grader.http.questions import QuestionShelf
from grader.http.readiness import Probe, Readiness
from grader.http.settings import ServerSettings
from grader.kit.tracing import NoTraces, Traces
from grader.service import operations
from grader.service.lti.tokens import KeyShelf
from grader.service.operations import Figures
from grader.storage.announcements import Announcements
from grader.storage.blobs import Blobs
from grader.storage.database import Database


@dataclass(frozen=True, slots=True)
class Services:
    """One per server process.

    `leaving` is set when the server is told to stop: it is not ready from then on. `stopping` is set when it begins to
    shut down, at once or some seconds later: event streams end then.
    """

    database: Database
    blobs: Blobs
    announcements: Announcements
    settings: ServerSettings
    traces: Traces = field(default_factory=NoTraces)
    metrics: Metrics = field(default_factory=Metrics)
    questions: QuestionShelf = field(default_factory=QuestionShelf)
    lti_keys: KeyShelf = field(default_factory=KeyShelf)
    leaving: threading.Event = field(default_factory=threading.Event)
    stopping: threading.Event = field(default_factory=threading.Event)
    readiness: Readiness = field(init=False)
    figures: Probe[Figures | None] = field(init=False)

    def __post_init__(self) -> None:
        readiness = Readiness(
            database_url=self.settings.database_url, blobs=self.blobs, broker_url=self.settings.broker_url
        )
        object.__setattr__(self, "readiness", readiness)
        # Whoever scrapes wants them as they are now.
        object.__setattr__(self, "figures", Probe("queue", self._figures_now, None, kept_s=0.0))

    def _figures_now(self) -> Figures:
        with self.database.begin() as work:
            return operations.figures(work)


def services_of(request: Request) -> Services:
    services = request.app.state.services
    assert isinstance(services, Services)
    return services
