# Shared by the scripts that build images; sourced from the repository's root. Not a program of its own.
#   BASE_IMAGE   what to build on (default python:3.11-slim; a Debian made here by debootstrap if that cannot be had)
#   PIP_ARGS     further arguments for pip, such as --extra-index-url
#   VARIANT      cpu or cuda: a part of tags and of the folder of wheels (default cpu)
export LC_ALL=C
pull_s=60
variant=${VARIANT:-cpu}
case $variant in
cpu) suffix="" ;;
cuda) suffix="-cuda" ;;
*)
    echo "VARIANT is cpu or cuda, not $variant." >&2
    exit 2
    ;;
esac
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

find_base() { # sets base, and version: that of its Python
    base=${BASE_IMAGE:-python:3.11-slim}
    if ! docker image inspect "$base" >/dev/null 2>&1 && ! timeout "$pull_s" docker pull -q "$base" >/dev/null 2>&1; then
        debian_base
    fi
    version=$(docker run --rm --network none "$base" python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
}

# Wheels are fetched by this machine's pip, under its own settings (index, certificates, find-links), for the base
# image's Python; the builds themselves then need no network. What is there already is kept.
fetch_wheels() { # folder, constraints, then lists of requirements, each with its flags as one word
    folder=$1
    constraints=$2
    shift 2
    wanted=$({ cat "$constraints"; for list in "$@"; do cat "${list%% *}"; done; echo "$version ${PIP_ARGS:-}"; } |
        sha256sum | cut -c1-16)
    [ ! -e "$folder/.complete-$wanted" ] || return 0
    fresh=$folder.new
    rm -rf "$fresh"
    mkdir -p "$folder" "$fresh"
    for list in "$@"; do
        # What was fetched before is found here again, instead of over the network.
        # shellcheck disable=SC2086  # a file name and a flag
        $python -m pip download -qq --dest "$fresh" --find-links "$fresh" --find-links "$folder" --only-binary=:all: \
            --python-version "$version" --constraint "$constraints" ${PIP_ARGS:-} -r $list 2>"$fresh/.log" || {
            cat "$fresh/.log" >&2
            exit 1
        }
    done
    : >"$fresh/.complete-$wanted"
    rm -rf "$folder"
    mv "$fresh" "$folder"
}

installed() { # image: whether it is there
    docker image inspect "$1" >/dev/null 2>&1
}
