"""What both doors, API and pages, work with; made once by `grader.server.app`."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from starlette.requests import Request

from grader.http.metrics import Metrics
from grader.http.questions import QuestionShelf
from grader.http.settings import ServerSettings
from grader.storage.announcements import Announcements
from grader.storage.blobs import Blobs
from grader.storage.database import Database


@dataclass(frozen=True, slots=True)
class Services:
    """One per server process. `stopping` is set when the server begins to shut down: event streams end then."""

    database: Database
    blobs: Blobs
    announcements: Announcements
    settings: ServerSettings
    metrics: Metrics = field(default_factory=Metrics)
    questions: QuestionShelf = field(default_factory=QuestionShelf)
    stopping: threading.Event = field(default_factory=threading.Event)


def services_of(request: Request) -> Services:
    services = request.app.state.services
    assert isinstance(services, Services)
    return services
