from __future__ import annotations

import os

from grader.kit import logs
from worker.settings import BadWorkerSettings


def log_to_stderr() -> None:
    """For a process of ours: INFO and above. Raises BadWorkerSettings when the form asked for does not exist."""
    try:
        logs.log_to_stderr(os.environ)
    except logs.BadLogFormat as error:
        logs.log_to_stderr({})
        raise BadWorkerSettings(str(error)) from error
