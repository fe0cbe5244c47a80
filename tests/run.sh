#!/bin/sh
# `make test`: everything, in the order in which mistakes are cheapest to find. The container image is built meanwhile.
set -eu
cd "$(dirname "$0")/.."
bin=.venv/bin
mkdir -p var
began=$(date +%s)

sh docker/start-engine.sh >var/engine.log 2>&1 && nice sh docker/build-sandbox.sh >var/image.log 2>&1 &
engine=$!
trap 'kill "$engine" 2>/dev/null || true' EXIT

step() { echo "== $1 ($(($(date +%s) - began)) s)"; }

step "format and lint"
$bin/ruff format --check .
$bin/ruff check .
step "types"
$bin/mypy
step "tests without sandboxes"
OMP_NUM_THREADS=1 $bin/python -m pytest -m "not sandbox and not docker"
step "sandbox image"
wait "$engine" || {
    echo "The Docker engine or the sandbox image could not be made; the last lines of the logs:" >&2
    tail -n 20 var/engine.log var/image.log >&2
    exit 1
}
trap - EXIT
step "tests in sandboxes"
OMP_NUM_THREADS=1 REQUIRE_SANDBOX=1 $bin/python -m pytest -m "sandbox or docker"
step "specs"
$bin/grader spec check --all --jobs 2
step "done"
