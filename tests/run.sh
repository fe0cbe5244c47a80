#!/bin/sh
# `make test`: everything. What is cheapest comes first; the rest runs side by side, see tests/lanes.py.
set -eu
cd "$(dirname "$0")/.."
export OMP_NUM_THREADS=1 REQUIRE_SANDBOX=1

.venv/bin/ruff format --check .
.venv/bin/ruff check .
sh docker/system-packages.sh tests
exec .venv/bin/python tests/lanes.py
