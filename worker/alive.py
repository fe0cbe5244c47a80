"""Whether the worker on this machine is at work: `python -m worker.alive`, a container's health check.

A worker notes in the database every quarter of a minute that it is there, from a thread beside those that grade; so the
database was reached, and the process neither hangs nor waits for sandboxes.
"""

from __future__ import annotations

import os
import socket
import sys

from grader.domain.errors import GraderError
from grader.service import runs
from grader.storage.database import Database
from worker.settings import sweep_settings


def main() -> int:
    """Exit status 0 if a worker of this machine was heard of in the last minute, else 1 with a sentence."""
    try:
        database = Database(sweep_settings(os.environ, every_s=None).database_url, pool=1)
        with database.begin() as work:
            heard = runs.is_heard_of(work, f"{socket.gethostname()}-")
        database.close()
    except GraderError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if not heard:
        sys.stderr.write(f"No worker on {socket.gethostname()} was heard of in the last minute.\n")
    return 0 if heard else 1


if __name__ == "__main__":
    sys.exit(main())
