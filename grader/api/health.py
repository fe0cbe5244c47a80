"""Whether the service lives, whether it is ready, and figures for Prometheus.

All are `async` and ask nothing of the threads that serve requests: they answer when those all wait for the database.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from grader.api.document import media
from grader.api.schemas.common import Answer
from grader.domain.grading import Queue, RunState
from grader.http.readiness import Parts
from grader.http.services import services_of
from grader.service.operations import Figures

router = APIRouter(tags=["health"])


class Alive(Answer):
    status: str = "alive"


class Readiness(Answer):
    """`status` is ready, not ready or stopping.

    `broker` is only reported: without it grading starts later, and nothing is lost.
    """

    status: str
    database: bool
    schema_is_current: bool
    blobs: bool
    broker: bool


@router.get("/healthz")
async def healthz() -> Alive:
    """The process lives."""
    return Alive()


@router.get(
    "/readyz",
    response_model=Readiness,
    responses={503: {"model": Readiness, "description": "Something that uploads need does not work."}},
)
async def readyz(request: Request) -> Response:
    """Whether uploads can be taken: the database answers with the schema this version needs, bytes can be stored.

    A server that was told to stop is not ready. The answer takes two seconds at most, and is good for one.
    """
    services = services_of(request)
    parts = await services.readiness.parts()
    status = "stopping" if services.leaving.is_set() else "ready" if parts.suffice else "not ready"
    body = Readiness(
        status=status,
        database=parts.database,
        schema_is_current=parts.schema_is_current,
        blobs=parts.blobs,
        broker=parts.broker,
    )
    return JSONResponse(body.model_dump(), status_code=200 if status == "ready" else 503)


@router.get(
    "/metrics",
    response_class=Response,
    responses=media("text/plain", description="Prometheus' text format."),
)
async def metrics(request: Request) -> Response:
    """The queue and the runs as the database has them; uploads and latency as this server counted them.

    Where the database does not answer its figures are missing, and `grader_part_ready` says so.
    """
    services = services_of(request)
    parts = await services.readiness.parts()
    figures = await services.figures.answer() if parts.database else None
    is_ready = parts.suffice and not services.leaving.is_set()
    more: list[Collector] = [_Readiness(parts, is_ready=is_ready)]
    if figures is not None:
        more.append(_Figures(figures))
    return Response(services.metrics.text(*more), media_type=CONTENT_TYPE_LATEST)


class _Readiness(Collector):
    def __init__(self, parts: Parts, *, is_ready: bool) -> None:
        self._parts = parts
        self._is_ready = is_ready

    def collect(self) -> Iterable[Metric]:
        parts = self._parts
        yield _gauge("grader_ready", "1 when uploads can be taken, as /readyz says.", [((), self._is_ready)])
        yield _gauge(
            "grader_part_ready", "1 for each part of the service that works.",
            [(("database",), parts.database), (("schema",), parts.schema_is_current), (("blobs",), parts.blobs),
             (("broker",), parts.broker)],
            "part",
        )  # fmt: skip


class _Figures(Collector):
    """The database's figures, in the form that Prometheus' client writes."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterable[Metric]:
        waiting = self._figures.waiting
        for name, words, field in (
            ("grader_queue_depth", "Stages that wait, by queue.", "stages"),
            ("grader_queue_oldest_seconds", "Seconds the oldest waiting stage has waited.", "oldest_s"),
            ("grader_queue_work_seconds", "Seconds one slot would be busy with what waits, as measured.", "work_s"),
            ("grader_queue_graded", "Stages that are being graded.", "graded"),
            ("grader_queue_slots", "Slots of the workers that serve the queue and do not drain.", "slots"),
        ):
            yield _gauge(name, words, [((queue.value,), getattr(waiting[queue], field)) for queue in Queue], "queue")
        runs = [((state.value,), self._figures.runs[state]) for state in RunState]
        yield _gauge("grader_runs", "Runs by state.", runs, "state")
        yield _gauge("grader_workers", "Workers heard of in the last minute.", [((), self._figures.workers)])
        yield _gauge("grader_workers_draining", "Those of them that take nothing more.", [((), self._figures.draining)])


def _gauge(name: str, words: str, samples: Sequence[tuple[tuple[str, ...], float]], *labels: str) -> Metric:
    family = GaugeMetricFamily(name, words, labels=labels)
    for values, value in samples:
        family.add_metric(values, float(value))
    return family
