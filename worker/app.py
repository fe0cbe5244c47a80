"""The composition root of a worker process: threads that grade, and Celery as the bell that wakes them.

Wake-ups are hints: they are acknowledged at once, never retried, and a worker that hears none still looks for itself.
"""

from __future__ import annotations

import logging
import tempfile
import threading
from pathlib import Path

from celery import Celery

from grader.domain.errors import DatabaseBusy
from grader.domain.grading import Queue
from grader.engine.engines import Engines
from grader.engine.sandbox.select import choose
from grader.service import runs
from grader.storage.blobs import Blobs
from grader.storage.database import Database
from grader.storage.wakeups import CeleryWakeUps
from worker.bell import Bell
from worker.loop import GradingLoop, Workplace
from worker.settings import WorkerSettings
from worker.specs import SpecShelf
from worker.tasks import add_tasks

log = logging.getLogger(__name__)
HEARTBEAT_S = 15.0
# A stage that is put back must be in the database before the process ends.
STOP_S = 5.0


def run_worker(settings: WorkerSettings) -> None:
    """Grade until SIGTERM or SIGINT; what is under way then is given back.

    Raises:
        NoSandbox: nothing could be graded here.

    """
    backend = choose(settings.sandbox)
    strays = backend.reap()
    if strays:
        log.warning("%d sandboxes of workers that died were removed", strays)
    service = settings.service
    database = Database(service.database_url, CeleryWakeUps(service.broker_url), pool=2 * settings.jobs + 2)
    blobs = Blobs(service.blobs_url)
    with tempfile.TemporaryDirectory(prefix="grader-specs-") as folder, Engines(backend, jobs=settings.jobs) as engines:
        place = Workplace(
            settings, database, blobs, SpecShelf(blobs, Path(folder)), engines, Bell(settings.jobs), threading.Event()
        )
        threads = [
            threading.Thread(target=GradingLoop(place, queues).run, name=f"grader-{number}", daemon=True)
            for number, queues in enumerate(queues_of_slots(settings.queues, settings.jobs))
        ]
        threads.append(threading.Thread(target=_be_heard_of, args=(place,), name="heartbeat", daemon=True))
        for thread in threads:
            thread.start()
        log.info("%s grades %d at a time from %s", settings.name, settings.jobs, ", ".join(settings.queues))
        try:
            listen(place)
        finally:
            place.stopping.set()
            place.bell.ring(settings.jobs)
            engines.stop()
            for thread in threads:
                thread.join(STOP_S)
    database.close()


def queues_of_slots(queues: tuple[Queue, ...], jobs: int) -> list[tuple[Queue, ...]]:
    """The queues each slot serves: of several slots, the first is kept free of mass reruns."""
    live = tuple(queue for queue in queues if queue is not Queue.RERUN)
    if jobs == 1 or not live:
        return [queues] * jobs
    return [live, *([queues] * (jobs - 1))]


def _be_heard_of(place: Workplace) -> None:
    settings = place.settings
    while not place.stopping.is_set():
        try:
            with place.database.begin() as work:
                runs.heard_of(work, worker=settings.name, queues=settings.queues, slots=settings.jobs)
        except DatabaseBusy as error:
            log.warning("the database is away: %s", error)
        place.stopping.wait(HEARTBEAT_S)


def listen(place: Workplace) -> None:
    """Hear wake-ups in this, the main thread, until a signal ends it. A broker that is away is waited for."""
    app = Celery("grader-worker", broker=place.settings.service.broker_url)
    app.conf.update(
        task_ignore_result=True,
        task_acks_late=False,
        worker_prefetch_multiplier=1,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        # Hosts' clocks need not agree, and nobody reads events or talks to workers through the broker.
        worker_send_task_events=False,
        worker_enable_remote_control=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_transport_options={"socket_connect_timeout": 2.0, "socket_keepalive": True},
    )
    add_tasks(app, place.bell)
    worker = app.Worker(
        pool="solo",
        concurrency=1,
        queues=[queue.value for queue in place.settings.queues],
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        loglevel="WARNING",
        hostname=f"worker@{place.settings.name}",
    )
    worker.start()
