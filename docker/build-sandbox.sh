#!/bin/sh
# Builds the image submissions run in and tags it grader-sandbox:<content hash> and grader-sandbox:latest.
# Does nothing where the image for the present content exists. Needs an engine: docker/start-engine.sh.
#   BASE_IMAGE   what to build on (default python:3.11-slim; a Debian made here by debootstrap if that cannot be had)
#   PIP_ARGS     further arguments for pip, such as --extra-index-url
set -eu
cd "$(dirname "$0")/.."
export LC_ALL=C
pull_s=60

# The same sum as grader/engine/sandbox/image.py: the backend asks for exactly the image of the code beside it.
contents() {
    find docker/sandbox.Dockerfile docker/sandbox-requirements.txt docker/sandbox-requirements-nodeps.txt \
        grader/__init__.py grader/engine/__init__.py grader/engine/compat.py grader/engine/wire grader/engine/probe \
        -type f ! -name '*.pyc' | sort
}
content=$(contents | xargs sha256sum | sha256sum | cut -c1-16)
image=grader-sandbox:$content
if docker image inspect "$image" >/dev/null 2>&1; then
    docker tag "$image" grader-sandbox:latest
    exit 0
fi

python=python3
[ -x .venv/bin/python ] && python=.venv/bin/python

debian_base() { # a Debian of this machine's release with Python, for where no registry can be reached
    codename=$(. /etc/os-release && [ "$ID" = debian ] && echo "$VERSION_CODENAME" || echo bookworm)
    name=grader-base:$codename
    if ! docker image inspect "$name" >/dev/null 2>&1; then
        if [ "$(id -u)" = 0 ] && ! command -v debootstrap >/dev/null 2>&1 && command -v apt-get >/dev/null 2>&1; then
            apt-get update -q >/dev/null
            DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends debootstrap >/dev/null
        fi
        if [ "$(id -u)" != 0 ] || ! command -v debootstrap >/dev/null 2>&1; then
            echo "$base cannot be pulled; as root, with debootstrap installed, this script makes a base itself." >&2
            exit 1
        fi
        echo "$base cannot be pulled: making $name with debootstrap" >&2
        root=$(mktemp -d)
        trap 'rm -rf "$root"' EXIT
        # mktemp's 0700 would become the mode of the image's root, and nobody could enter it.
        chmod 755 "$root"
        debootstrap --variant=minbase --include=python3,python3-pip,ca-certificates "$codename" "$root" >"$root.log" 2>&1 || {
            tail -n 5 "$root.log" >&2
            exit 1
        }
        rm -rf "$root/var/cache/apt/archives" "$root"/var/lib/apt/lists/* "$root.log" "$root/usr/share/doc" "$root/usr/share/man"
        tar -C "$root" --one-file-system -c . | docker import - "$name" >/dev/null
    fi
    base=$name
}

base=${BASE_IMAGE:-python:3.11-slim}
if ! docker image inspect "$base" >/dev/null 2>&1 && ! timeout "$pull_s" docker pull -q "$base" >/dev/null 2>&1; then
    debian_base
fi

# Wheels are fetched by this machine's pip, under its own settings (index, certificates, find-links), for the base
# image's Python; the build itself then needs no network. What is there already is kept.
version=$(docker run --rm --network none "$base" python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
wanted=$(cat docker/sandbox-requirements*.txt | { cat; echo "$version ${PIP_ARGS:-}"; } | sha256sum | cut -c1-16)
if [ ! -e "docker/wheels/.complete-$wanted" ]; then
    rm -rf docker/wheels
    mkdir -p docker/wheels
    for list in "docker/sandbox-requirements.txt" "docker/sandbox-requirements-nodeps.txt --no-deps"; do
        # shellcheck disable=SC2086  # a file name and a flag
        $python -m pip download -qq --dest docker/wheels --only-binary=:all: --python-version "$version" \
            ${PIP_ARGS:-} -r $list
    done
    : >"docker/wheels/.complete-$wanted"
fi

# A context of exactly what the Dockerfile copies; compiled files would change the layer for nothing.
tar -c --exclude=__pycache__ --sort=name docker/sandbox.Dockerfile docker/sandbox-requirements.txt \
    docker/sandbox-requirements-nodeps.txt docker/wheels grader/__init__.py grader/engine/__init__.py \
    grader/engine/compat.py grader/engine/wire grader/engine/probe |
    docker build --quiet --network none --file docker/sandbox.Dockerfile --build-arg BASE_IMAGE="$base" \
        --build-arg PIP_ARGS="--no-index" --build-arg CONTENT="$content" --tag "$image" --tag grader-sandbox:latest - >/dev/null
echo "built $image" >&2
