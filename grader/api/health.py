"""Whether the service lives, whether it is ready, and figures for Prometheus."""

from __future__ import annotations

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from starlette.responses import JSONResponse, Response

from grader.api.access import TheServices
from grader.api.document import media, open_problems
from grader.api.schemas.common import Answer
from grader.domain.errors import DatabaseBusy
from grader.http.services import Services
from grader.service import operations
from grader.service.operations import Figures
from grader.storage import schema
from grader.storage.broker import broker_answers

router = APIRouter(tags=["health"])


class Alive(Answer):
    status: str = "alive"


class Readiness(Answer):
    """`broker` is only reported: without it grading starts later, and nothing is lost."""

    status: str
    database: bool
    schema_is_current: bool
    blobs: bool
    broker: bool


@router.get("/healthz")
def healthz() -> Alive:
    """The process lives."""
    return Alive()


@router.get(
    "/readyz",
    response_model=Readiness,
    responses={503: {"model": Readiness, "description": "Something that uploads need does not work."}},
)
def readyz(services: TheServices) -> Response:
    """Whether uploads can be taken: the database answers with the schema this version needs, bytes can be stored."""
    readiness = _readiness(services)
    return JSONResponse(readiness.model_dump(), status_code=200 if readiness.status == "ready" else 503)


@router.get(
    "/metrics",
    response_class=Response,
    responses=open_problems(503) | media("text/plain", description="Prometheus' text format."),
)
def metrics(services: TheServices) -> Response:
    """The queue and the runs as the database has them; uploads and latency as this process counted them."""
    with services.database.begin() as work:
        figures = operations.figures(work)
    text = generate_latest(services.metrics.registry) + generate_latest(_Collected(figures))
    return Response(text, media_type=CONTENT_TYPE_LATEST)


class _Collected:
    """The database's figures, in the form that Prometheus' client writes."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> list[GaugeMetricFamily | CounterMetricFamily]:
        depth = GaugeMetricFamily("grader_queue_depth", "Stages that wait, by queue.", labels=["queue"])
        oldest = GaugeMetricFamily(
            "grader_queue_oldest_seconds", "Seconds the oldest waiting stage has waited.", labels=["queue"]
        )
        runs = GaugeMetricFamily("grader_runs", "Runs by state.", labels=["state"])
        workers = GaugeMetricFamily("grader_workers", "Workers heard of in the last minute.")
        work = GaugeMetricFamily(
            "grader_queue_work_seconds", "Seconds one slot would need for what waits, by queue.", labels=["queue"]
        )
        graded = GaugeMetricFamily("grader_queue_graded", "Stages being graded, by queue.", labels=["queue"])
        slots = GaugeMetricFamily(
            "grader_queue_slots", "Stages that workers which do not drain grade at once, by queue.", labels=["queue"]
        )
        draining = GaugeMetricFamily("grader_workers_draining", "Workers that finish what they grade, and then end.")
        for queue, waiting in self._figures.waiting.items():
            depth.add_metric([queue.value], waiting.stages)
            oldest.add_metric([queue.value], waiting.oldest_s)
            work.add_metric([queue.value], waiting.work_s)
            graded.add_metric([queue.value], waiting.graded)
            slots.add_metric([queue.value], waiting.slots)
        for state, count in self._figures.runs.items():
            runs.add_metric([state.value], count)
        workers.add_metric([], self._figures.workers)
        draining.add_metric([], self._figures.draining)
        return [depth, oldest, work, graded, slots, runs, workers, draining]


def _readiness(services: Services) -> Readiness:
    database = services.database.is_ready()
    try:
        # An older server goes on while the service is upgraded, as long as the new schema serves it.
        is_current = database and schema.is_usable(services.settings.database_url)
    except DatabaseBusy:
        is_current = False
    blobs = services.blobs.is_ready()
    return Readiness(
        status="ready" if database and is_current and blobs else "not ready",
        database=database,
        schema_is_current=is_current,
        blobs=blobs,
        broker=broker_answers(services.settings.broker_url),
    )
