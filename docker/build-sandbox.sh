#!/bin/sh
# Builds the image submissions run in and tags it grader-sandbox:<content hash> and grader-sandbox:latest, and what it
# is built on as grader-runtime:latest. With VARIANT=cuda every tag ends in -cuda (latest-cuda).
# Does nothing where the image for the present content exists. Needs an engine: docker/start-engine.sh.
#   name         as its argument: prints the image's name and builds nothing
#   BASE_IMAGE, PIP_ARGS, VARIANT   see docker/common.sh
set -eu
cd "$(dirname "$0")/.."
. docker/common.sh

# The same sum as grader/engine/sandbox/image.py: the backend asks for exactly the image of the code beside it.
recipe="docker/sandbox.Dockerfile docker/sandbox-constraints.txt docker/sandbox-requirements.txt
    docker/sandbox-requirements-nodeps.txt docker/slim.py"
probe="grader/__init__.py grader/engine/__init__.py grader/engine/compat.py grader/engine/wire grader/engine/probe"
# shellcheck disable=SC2086  # lists of names
content=$(find $recipe $probe -type f ! -name '*.pyc' | sort | xargs sha256sum | sha256sum | cut -c1-16)
image=grader-sandbox:$content$suffix
if [ "${1:-}" = name ]; then
    echo "$image"
    exit 0
fi
if docker image inspect "$image" "grader-runtime:latest$suffix" >/dev/null 2>&1; then
    docker tag "$image" "grader-sandbox:latest$suffix"
    exit 0
fi

find_base
wheels=docker/wheels$suffix
fetch_wheels "$wheels" docker/sandbox-constraints.txt docker/sandbox-requirements.txt \
    "docker/sandbox-requirements-nodeps.txt --no-deps"

build() { # arguments of docker build
    # A context of exactly what the Dockerfile copies; compiled files would change the layer for nothing.
    # shellcheck disable=SC2086  # lists of names
    tar -c --exclude=__pycache__ --sort=name --transform "s,^$wheels/,docker/wheels/," $recipe "$wheels" $probe |
        docker build --quiet --network none --file docker/sandbox.Dockerfile --build-arg BASE_IMAGE="$base" \
            --build-arg PIP_ARGS="--no-index" "$@" - >/dev/null
}
build --target runtime --tag "grader-runtime:latest$suffix"
build --build-arg CONTENT="$content" --tag "$image" --tag "grader-sandbox:latest$suffix"
echo "built $image" >&2
