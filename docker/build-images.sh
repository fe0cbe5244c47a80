#!/bin/sh
# Builds the images of the service: server, worker, engine-proxy and sandbox, each tagged with the sum of its content and
# with latest. Does nothing for those that exist. Needs an engine: docker/start-engine.sh.
#   docker/build-images.sh [server|worker|engine-proxy|sandbox]...    those, else all four
#   docker/build-images.sh name IMAGE                                 prints that image's name and builds nothing
#   docker/build-images.sh base                                       prints what the images are built on
#   BASE_IMAGE, PIP_ARGS, VARIANT   see docker/common.sh; with VARIANT=cuda tags of worker and sandbox end in -cuda
set -eu
cd "$(dirname "$0")/.."
. docker/common.sh

files_of() { # image: what its Dockerfile copies, but for the wheels
    service="docker/extras.py docker/healthy.py docker/install.py docker/service-constraints.txt docker/slim.py
        pyproject.toml grader worker"
    case $1 in
    server) echo "docker/server.Dockerfile $service" ;;
    worker) echo "docker/worker.Dockerfile $service docker/seccomp.json docker/sandbox.Dockerfile
        docker/sandbox-constraints.txt docker/sandbox-requirements.txt docker/sandbox-requirements-nodeps.txt" ;;
    engine-proxy) echo "docker/engine-proxy.Dockerfile docker/slim.py docker/healthy.py docker/seccomp.json
        docker/sandbox.Dockerfile docker/sandbox-constraints.txt docker/sandbox-requirements.txt
        docker/sandbox-requirements-nodeps.txt grader" ;;
    *)
        echo "There is no image $1; the images are server, worker, engine-proxy and sandbox." >&2
        exit 2
        ;;
    esac
}

name_of() { # image: with the tag that says what is in it
    [ "$1" != sandbox ] || { sh docker/build-sandbox.sh name; return; }
    files=$(files_of "$1")
    # shellcheck disable=SC2086  # a list of names
    sum=$({ find $files -type f ! -name '*.pyc' | sort | xargs sha256sum; [ "$1" != worker ] || sh docker/build-sandbox.sh name; } |
        sha256sum | cut -c1-16)
    echo "grader-$1:$sum$(suffix_of "$1")"
}

suffix_of() { # image: only what holds torch differs
    [ "$1" != worker ] || echo "$suffix"
}

service_wheels() {
    lists=$(mktemp)
    $python docker/extras.py server worker s3 traces <pyproject.toml >"$lists"
    # pip asks its own Python what is needed, not the one it fetches for: before 3.11.3 redis wants this, too.
    grep '^async-timeout==' docker/service-constraints.txt >>"$lists"
    fetch_wheels docker/wheels-service docker/service-constraints.txt "$lists"
    rm -f "$lists"
}

build() { # image
    image=$(name_of "$1")
    latest=grader-$1:latest$(suffix_of "$1")
    if installed "$image"; then
        docker tag "$image" "$latest"
        return
    fi
    [ -n "${version:-}" ] || find_base
    wheels=""
    if [ "$1" != engine-proxy ]; then
        service_wheels
        wheels=docker/wheels-service
    fi
    # shellcheck disable=SC2046,SC2086  # lists of names
    tar -c --exclude=__pycache__ --sort=name $(files_of "$1") $wheels |
        docker build --quiet --network none --file "docker/$1.Dockerfile" --build-arg BASE_IMAGE="$base" \
            --build-arg RUNTIME_IMAGE="grader-runtime:latest$suffix" --build-arg PIP_ARGS="--no-index" \
            --tag "$image" --tag "$latest" - >/dev/null
    echo "built $image" >&2
}

if [ "${1:-}" = base ]; then
    find_base
    echo "$base"
    exit 0
fi
if [ "${1:-}" = name ]; then
    name_of "${2:-}"
    exit 0
fi
[ $# -gt 0 ] || set -- sandbox worker server engine-proxy
for wanted in "$@"; do
    # The worker is built on what the sandbox's own build leaves behind.
    case $wanted in sandbox | worker) sh docker/build-sandbox.sh ;; esac
    [ "$wanted" = sandbox ] || build "$wanted"
done
