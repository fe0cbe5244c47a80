"""What both doors, API and pages, work with; made once by `grader.server.app`."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request

from grader.http.settings import ServerSettings
from grader.storage.announcements import Announcements
from grader.storage.blobs import Blobs
from grader.storage.database import Database


@dataclass(frozen=True, slots=True)
class Services:
    """One per server process."""

    database: Database
    blobs: Blobs
    announcements: Announcements
    settings: ServerSettings


def services_of(request: Request) -> Services:
    services = request.app.state.services
    assert isinstance(services, Services)
    return services
