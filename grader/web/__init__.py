"""The pages. No logic of their own: services in, templates out."""

from __future__ import annotations

from fastapi import FastAPI

from grader.http.services import Services
from grader.web import errors, oidc
from grader.web.render import STATIC
from grader.web.routes import router
from grader.web.static_files import LastingFiles


def install(app: FastAPI) -> None:
    """Add the pages, their static files and their error pages. `app.state.services` has to be there."""
    services = app.state.services
    assert isinstance(services, Services)
    app.include_router(router)
    app.mount("/static", LastingFiles(directory=STATIC), name="static")
    errors.install(app)
    oidc.install(app, services.settings)
