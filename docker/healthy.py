# ruff: noqa: INP001  # a program that is copied into images, of no package
"""Whether the container's own process answers: `healthy.py PORT PATH`. Exit status 0 for any answer below 400.

Imports as little as it can, because it runs every few seconds.
"""

import http.client
import sys

PATIENCE_S = 5

connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=PATIENCE_S)
try:
    connection.request("GET", sys.argv[2])
    status = connection.getresponse().status
except (OSError, http.client.HTTPException) as error:
    sys.exit(f"{sys.argv[2]} does not answer: {error}")
sys.exit(0 if status < 400 else f"{sys.argv[2]} answers {status}")
