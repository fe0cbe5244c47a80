"""The periodic sweep: a plain loop that needs the database alone, so that it works while the broker does not.

python -m worker.sweep --every 5
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading

from grader.domain.errors import DatabaseBusy, GraderError
from grader.service import runs
from grader.storage.database import Database
from grader.storage.wakeups import CeleryWakeUps
from worker.logs import log_to_stderr
from worker.settings import service_settings, sweep_seconds

log = logging.getLogger(__name__)
_LONGEST_PAUSE_S = 30.0


def sweep_forever(database: Database, every_s: float, stopping: threading.Event) -> None:
    """Sweep now and every so many seconds; a database that is away is asked again, less and less often."""
    pause_s = every_s
    while not stopping.is_set():
        try:
            with database.begin() as work:
                done = runs.sweep(work)
        except DatabaseBusy as error:
            pause_s = min(_LONGEST_PAUSE_S, 2 * pause_s)
            log.warning("the database is away: %s", error)
        else:
            pause_s = every_s
            if done["expired"] or done["failed"]:
                log.warning("%d stages of silent workers put back, %d runs failed", done["expired"], done["failed"])
        stopping.wait(pause_s)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m worker.sweep", description="Put back what lost workers held.")
    parser.add_argument("--every", type=float, default=None, metavar="SECONDS", help="pause between two sweeps")
    options = parser.parse_args()
    log_to_stderr()
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    try:
        service = service_settings(os.environ)
        every_s = options.every or sweep_seconds(os.environ)
    except GraderError as error:
        log.error("%s", error)  # noqa: TRY400  # a sentence for the operator, not a traceback
        return 3
    database = Database(service.database_url, CeleryWakeUps(service.broker_url), pool=1)
    sweep_forever(database, every_s, stopping)
    database.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
