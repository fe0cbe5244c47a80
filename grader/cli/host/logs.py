"""Where the lines of long-running commands go: stderr, one format for ours and for what we use."""

from __future__ import annotations

import logging
import time

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def log_to_stderr(level: int = logging.INFO) -> None:
    """Log to stderr, times in UTC."""
    handler = logging.StreamHandler()
    formatter = logging.Formatter(_FORMAT, datefmt="%Y-%m-%dT%H:%M:%SZ")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # Said once a request by httpx, and of no use to whoever reads this log.
    logging.getLogger("httpx").setLevel(logging.WARNING)
