#!/bin/sh
# Installs the Debian packages the sandboxes need, where one is missing and we may; with `tests`, what only tests need, too.
set -eu
missing=""
command -v bwrap >/dev/null 2>&1 || missing="$missing bubblewrap"
[ -e /usr/lib/"$(uname -m)"-linux-gnu/libseccomp.so.2 ] || [ -e /usr/lib64/libseccomp.so.2 ] || missing="$missing libseccomp2"
python3 -c 'import venv, ensurepip' 2>/dev/null || missing="$missing python3-venv"
[ "${1:-}" != tests ] || command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
[ "${1:-}" != tests ] || command -v ip >/dev/null 2>&1 || missing="$missing iproute2"
[ "${1:-}" != tests ] || docker compose version >/dev/null 2>&1 || command -v docker-compose >/dev/null 2>&1 || missing="$missing docker-compose"
# gVisor is tested where it can be had; an engine that is started afterwards offers it.
wanted=""
[ "${1:-}" != tests ] || command -v runsc >/dev/null 2>&1 || wanted=" runsc"
[ -z "$missing$wanted" ] && exit 0
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    echo "installing:$missing$wanted"
    apt-get update -q >/dev/null
    # shellcheck disable=SC2086  # a list of package names
    [ -z "$missing" ] || DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing >/dev/null
    # shellcheck disable=SC2086
    [ -z "$wanted" ] || DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $wanted >/dev/null ||
        echo "$wanted cannot be installed here; gVisor is not tried" >&2
elif [ -n "$missing" ]; then
    echo "missing:$missing - install them (Debian: sudo apt-get install$missing) to grade in sandboxes" >&2
fi
