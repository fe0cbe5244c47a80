"""The composition root of a worker process: threads that grade, and Celery as the bell that wakes them.

Wake-ups are hints: they are acknowledged at once, never retried, and a worker that hears none still looks for itself.
So Celery runs in a thread of its own, and nothing of the grading depends on it.
"""

from __future__ import annotations

import logging
import os
import tempfile
import threading
import warnings
from dataclasses import replace
from pathlib import Path

from celery import Celery
from celery.platforms import SecurityWarning
from celery.signals import setup_logging

from grader.engine.engines import Engines
from grader.kit.logs import name_process
from grader.kit.tracing import traces_for
from grader.storage.blobs import Blobs
from grader.storage.database import Database
from grader.storage.wakeups import CeleryWakeUps
from worker.bell import Bell
from worker.lifecycle import SPECS_PREFIX, at_work, await_blobs, await_schema, open_backend, reap_folders
from worker.loop import Workplace
from worker.monitor import monitored
from worker.settings import WorkerSettings
from worker.sheets import SheetMaker
from worker.signals import StopSignals
from worker.slots import open_shares, slots_of
from worker.specs import SpecShelf
from worker.tasks import add_tasks
from worker.watch import Watch

log = logging.getLogger(__name__)
_LISTEN_AGAIN_S = 5.0


def run_worker(settings: WorkerSettings, signals: StopSignals) -> None:
    """Grade until a signal; what is under way then is finished, where the settings give it time, or given back.

    Raises:
        NoSandbox, BadArguments: nothing could be graded here.
        OldSchema, NewSchema: the database is not one that this version can work with.
        BadGpus: GRADER_GPUS names what is not there.
        BadBlobsUrl: the blob store is not there for us.
        MetricsPortTaken: GRADER_METRICS_ADDRESS names what another process has.

    """
    if settings.drain_s:
        signals.expect_drain()
    name_process(settings.name)
    watch = Watch(traces=traces_for(os.environ, service="grader-worker"))
    with monitored(settings.metrics, watch.metrics.registry, watch.problems):
        _work(settings, signals, watch)
    watch.traces.close()


def _work(settings: WorkerSettings, signals: StopSignals, watch: Watch) -> None:
    backend = open_backend(settings.sandbox)
    reap_folders(Path(tempfile.gettempdir()))
    shares = open_shares(settings, backend)
    blobs = Blobs(settings.blobs_url)
    slots = slots_of(settings.queues, settings.jobs, shares)
    settings = replace(settings, jobs=len(slots))
    # A slot writes from two threads: the grading one and the one that keeps the lease.
    database = Database(settings.database_url, CeleryWakeUps(settings.broker_url), pool=2 * settings.jobs + 2)
    if not (await_schema(settings.database_url, signals.wait) and await_blobs(blobs, database, signals.wait)):
        return
    with (
        tempfile.TemporaryDirectory(prefix=f"{SPECS_PREFIX}{os.getpid()}-") as folder,
        Engines(backend, jobs=len(slots) - len(shares), shares=len(shares)) as engines,
    ):
        place = Workplace(
            settings=settings, database=database, blobs=blobs, specs=SpecShelf(blobs, Path(folder)), engines=engines,
            bell=Bell(settings.jobs), stopping=threading.Event(), watch=watch,
            sheets=SheetMaker(
                database, blobs, backend, worker=settings.name, ended=watch.metrics.sheets_ended,
            ),
        )  # fmt: skip
        watch.show(slots=len(slots), quarantine_s=place.quarantine.left_s, pools=engines.statistics)
        with at_work(place, engines, slots) as shift:
            threading.Thread(target=listen, args=(place,), name="wake-ups", daemon=True).start()
            log.info("%s grades %d at a time from %s", settings.name, settings.jobs, ", ".join(settings.queues))
            signals.wait()
            if settings.drain_s:
                log.info("%s drains: it finishes what it grades within %g s", settings.name, settings.drain_s)
                shift.drain(signals.wait_for_second)
            log.info("%s stops", settings.name)
    database.close()


def listen(place: Workplace) -> None:
    """Hear wake-ups until the worker stops. A broker that is away is waited for, for ever."""
    # Being there is enough for Celery to leave levels and handlers alone.
    setup_logging.connect(_keep_logging)
    # Root has to be root to make sandboxes, and a task here takes no argument that could harm it.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    app = celery_app(place.settings.broker_url)
    add_tasks(app, place.bell, place.watch.metrics.wake_ups.inc)
    while not place.stopping.is_set():
        try:
            _consume(app, place)
        except Exception:
            # The task's edge: without wake-ups this worker grades as well, a little later.
            log.exception("no wake-ups are heard for %g s", _LISTEN_AGAIN_S)
        place.stopping.wait(_LISTEN_AGAIN_S)


def _keep_logging(**ignored: object) -> None:
    del ignored


def celery_app(broker_url: str) -> Celery:
    """Celery as a bell: no results, no retries, no late acknowledgement."""
    app = Celery("grader-worker", broker=broker_url, set_as_current=False)
    app.conf.update(
        task_ignore_result=True,
        task_acks_late=False,
        # No limit: a wake-up costs nothing to take, and with a limit one whose acknowledgement was lost with the broker
        # would count as under way for ever, and no other would be heard.
        worker_prefetch_multiplier=0,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        # Hosts' clocks need not agree, and nobody reads events or talks to workers through the broker.
        worker_send_task_events=False,
        worker_enable_remote_control=False,
        # Nothing here runs long; unset, it would warn at each lost connection.
        worker_cancel_long_running_tasks_on_connection_loss=True,
        broker_transport_options={"socket_connect_timeout": 2.0, "socket_keepalive": True},
    )
    return app


def _consume(app: Celery, place: Workplace) -> None:
    """A task only rings the bell, so one thread, this one, is enough for any number of slots."""
    app.Worker(
        pool="solo",
        concurrency=1,
        queues=[queue.value for queue in place.settings.queues],
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        loglevel="WARNING",
        hostname=f"worker@{place.settings.name}",
        quiet=True,
    ).start()
