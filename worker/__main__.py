"""A worker process: `python -m worker --queues cpu,rerun --jobs 2`."""

from __future__ import annotations

import argparse
import logging
import os
import sys

from grader.domain.errors import GraderError
from worker.logs import log_to_stderr
from worker.settings import worker_settings
from worker.signals import StopSignals

log = logging.getLogger("worker")


def main() -> int:
    """Exit status 0 after a stop by signal, 3 when nothing can be graded here."""
    parser = argparse.ArgumentParser(prog="python -m worker", description="Claims stages of runs and grades them.")
    parser.add_argument("--queues", default="cpu,rerun", help="queues to serve, in this order")
    parser.add_argument("--jobs", type=int, default=None, help="stages graded at the same time")
    options = parser.parse_args()
    signals = StopSignals()
    try:
        log_to_stderr()
        # Celery's import takes half a second, in which a signal should not be lost.
        from worker.app import run_worker

        run_worker(worker_settings(os.environ, queues=options.queues, jobs=options.jobs), signals)
    except GraderError as error:
        log.error("%s", error)  # noqa: TRY400  # a sentence for the operator, not a traceback
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
