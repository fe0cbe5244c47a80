"""The periodic sweep: a plain loop that needs the database alone, so that it works while the broker does not.

Beside it, in a thread of its own, the postman delivers notices.

python -m worker.sweep --every 5
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from grader.domain.errors import DatabaseBusy, GraderError
from grader.service import runs
from grader.storage.database import Database
from grader.storage.wakeups import CeleryWakeUps
from worker.logs import log_to_stderr
from worker.mail import Mailer
from worker.metrics import SweepMetrics
from worker.monitor import MetricsPortTaken, monitored
from worker.postman import Postman
from worker.pulse import Pulse
from worker.settings import SweepSettings, sweep_settings
from worker.signals import StopSignals
from worker.webhooks import WebhookSender

if TYPE_CHECKING:
    from worker.scores import ScoreSender

log = logging.getLogger(__name__)
_LONGEST_PAUSE_S = 30.0
# What is being delivered when the sweep is told to stop has so long to end; the rest is tried again by the next one.
_LAST_ROUND_S = 5.0


def sweep_forever(
    database: Database,
    every_s: float,
    stopped_within: Callable[[float], bool],
    swept: Callable[[dict[str, int]], None] = lambda _: None,
    again_s: Sequence[float] = runs.AGAIN_S,
) -> None:
    """Sweep now and every so many seconds; a database that is away is asked again, less and less often.

    `stopped_within` waits for so many seconds and says whether it is time to stop; `swept` is told what was done.
    """
    pause_s = every_s
    while True:
        try:
            with database.begin() as work:
                done = runs.sweep(work, again_s=again_s)
        except DatabaseBusy as error:
            pause_s = min(max(_LONGEST_PAUSE_S, every_s), 2 * pause_s)
            log.warning("the database is away, asking again in %g s: %s", pause_s, error)
        else:
            pause_s = every_s
            swept(done)
            if done["expired"] or done["failed"]:
                log.warning("%d stages of silent workers put back, %d runs failed", done["expired"], done["failed"])
            if done["again"]:
                log.warning("%d runs that failed by our fault are tried again", done["again"])
        if stopped_within(pause_s):
            return


def postman_for(settings: SweepSettings, database: Database, metrics: SweepMetrics) -> Postman:
    return Postman(
        database,
        WebhookSender(settings.networks),
        None if settings.mail is None else Mailer(settings.mail),
        scores=_scores(settings, database),
        due_soon=timedelta(hours=settings.due_soon_h) if settings.due_soon_h else None,
        ended=metrics.delivery_ended,
    )


def _scores(settings: SweepSettings, database: Database) -> ScoreSender | None:
    """Where this service has keys for learning platforms, and what it signs with is installed."""
    if settings.lti_keys is None or not settings.lti_keys.exists() or not settings.lti_keys.stat().st_size:
        return None
    # In the server's image alone, where the sweep runs: workers that grade need none of it.
    from worker.scores import ScoreSender

    return ScoreSender(database, settings.lti_keys, settings.networks)


def _pauses(text: str) -> tuple[float, ...]:
    """Raises ValueError, which argparse turns into a sentence."""
    pauses = tuple(float(word) for word in text.split(",") if word.strip())
    if not all(0 < pause < float("inf") for pause in pauses):
        raise ValueError(text)
    return pauses


def main() -> int:
    """Exit status 0 after a stop by signal, 3 when a setting is missing."""
    parser = argparse.ArgumentParser(prog="python -m worker.sweep", description="Put back what lost workers held.")
    parser.add_argument("--every", type=float, default=None, metavar="SECONDS", help="pause between two sweeps")
    parser.add_argument(
        "--again", type=_pauses, default=runs.AGAIN_S, metavar="S,S",
        help="pauses in seconds, after each of which a run that failed by our fault is tried once more",
    )  # fmt: skip
    options = parser.parse_args()
    signals = StopSignals()
    try:
        log_to_stderr()
        settings = sweep_settings(os.environ, every_s=options.every)
    except GraderError as error:
        log.error("%s", error)  # noqa: TRY400  # a sentence for the operator, not a traceback
        return 3
    database = Database(settings.database_url, CeleryWakeUps(settings.broker_url), pool=2)
    pulse = Pulse(unreached_s=max(60.0, 3 * settings.every_s))
    metrics = SweepMetrics(lambda: not pulse.problems())

    def swept(done: dict[str, int]) -> None:
        pulse.reached()
        metrics.sweeps.inc()
        for counter, what in ((metrics.expired, "expired"), (metrics.failed, "failed"), (metrics.woken, "woken")):
            counter.inc(done[what])

    try:
        with (
            monitored(settings.metrics, metrics.registry, pulse.problems),
            postman_for(settings, database, metrics) as postman,
        ):
            thread = postman.start(settings.every_s, signals.wait)
            sweep_forever(database, settings.every_s, signals.wait, swept, options.again)
            thread.join(_LAST_ROUND_S)
    except MetricsPortTaken as error:
        log.error("%s", error)  # noqa: TRY400  # a sentence for the operator, not a traceback
        return 3
    finally:
        database.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
