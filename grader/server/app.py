"""The composition root of a server process."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

from grader import web
from grader.api.routes import router as api_router
from grader.http import problems
from grader.http.edge import Edge
from grader.http.security import security_headers
from grader.http.services import Services
from grader.http.settings import ServerSettings
from grader.kit.tracing import traces_for
from grader.service import assignments
from grader.storage import schema
from grader.storage.announcements import Announcements
from grader.storage.blobs import Blobs
from grader.storage.database import Database
from grader.storage.wakeups import CeleryWakeUps


def create_app(settings: ServerSettings) -> FastAPI:
    """The web application: pages at /, API at /api/v1, its document at /api/openapi.json, its page at /api/docs.

    Nothing is connected before the application starts; then the database's schema must be the one this version needs,
    else OldSchema ends the start.
    """
    services = Services(
        database=Database(settings.database_url, CeleryWakeUps(settings.broker_url)),
        blobs=Blobs(settings.blobs_url),
        announcements=Announcements(settings.database_url),
        settings=settings,
        traces=traces_for(os.environ, service="grader-server"),
    )
    services.metrics.most_connections.set(services.database.watch(services.metrics.connections.inc))
    app = FastAPI(
        title="Grader",
        version=version("grader"),
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        generate_unique_id_function=_name_of,
        lifespan=_lifespan(services),
        # What it tells by itself may hold the values of a request; ours do not.
        telemetry={
            "tracing": False,
            "metrics": False,
            "logs": False,
            "operation_spans": False,
            "auto_configure": False,
        },
    )
    app.state.services = services
    problems.install(app)
    app.include_router(api_router)
    web.install(app)
    # Added last, so that it is the outermost.
    app.add_middleware(
        Edge, headers=security_headers(has_tls=settings.has_tls), metrics=services.metrics, traces=services.traces
    )
    return app


def _name_of(route: APIRoute) -> str:
    return route.name


def _expect_blobs(services: Services) -> None:
    """A disk that is not mounted when we start must not be taken for a new service's."""
    with services.database.begin() as work:
        if assignments.has_blobs(work):
            services.blobs.expect()


def _lifespan(services: Services) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        del app
        await run_in_threadpool(schema.require_current, services.settings.database_url)
        await run_in_threadpool(_expect_blobs, services)
        await run_in_threadpool(services.announcements.start)
        try:
            yield
        finally:
            services.leaving.set()
            services.stopping.set()
            await run_in_threadpool(services.announcements.stop)
            services.database.close()
            await run_in_threadpool(services.traces.close)

    return lifespan
