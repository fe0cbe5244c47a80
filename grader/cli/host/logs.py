"""Where the lines of long-running commands go: stderr, in the form that GRADER_LOG_FORMAT names."""

from __future__ import annotations

import logging
import os

from grader.domain.errors import BadArguments
from grader.kit import logs


def log_to_stderr(level: int = logging.INFO) -> None:
    """Raises BadArguments when the form asked for does not exist."""
    try:
        logs.log_to_stderr(os.environ, level=level)
    except logs.BadLogFormat as error:
        raise BadArguments(str(error)) from error
