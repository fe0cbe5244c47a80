#!/bin/sh
# `make test`: everything, in the order in which mistakes are cheapest to find. The container image is built meanwhile.
set -eu
cd "$(dirname "$0")/.."
bin=.venv/bin
mkdir -p var
began=$(date +%s)
# A folder for each pytest process: pytest tidies up a shared one while the other still works in it.
scratch=$(mktemp -d)
export OMP_NUM_THREADS=1 REQUIRE_SANDBOX=1

sh docker/system-packages.sh tests
sh docker/start-engine.sh >var/engine.log 2>&1 && nice sh docker/build-sandbox.sh >var/image.log 2>&1 &
engine=$!
beside=""
trap 'kill "$engine" $beside 2>/dev/null || true; rm -rf "$scratch"' EXIT

step() { echo "== $1 ($(($(date +%s) - began)) s)"; }

step "format and lint"
$bin/ruff format --check .
$bin/ruff check .
step "types"
$bin/mypy
# The engine's tests and all others at the same time: one waits for processes and sleeps where the other computes.
both() { # marks, name
    $bin/python -m pytest -m "$1" --basetemp "$scratch/$2-engine" tests/engine tests/attacks >"var/$2-engine.log" 2>&1 &
    beside=$!
    $bin/python -m pytest -m "$1" --basetemp "$scratch/$2-others" --ignore tests/engine --ignore tests/attacks tests
    wait "$beside" || {
        cat "var/$2-engine.log" >&2
        exit 1
    }
    beside=""
    tail -n 1 "var/$2-engine.log"
}

step "tests without sandboxes"
both "not sandbox and not docker" plain
step "sandbox image"
wait "$engine" || {
    echo "The Docker engine or the sandbox image could not be made; the last lines of the logs:" >&2
    tail -n 20 var/engine.log var/image.log >&2
    exit 1
}
step "tests in sandboxes"
both "sandbox or docker" sandboxes
step "specs"
$bin/grader spec check --all --jobs 2
step "done"
