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
[ -z "$missing" ] && exit 0
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    echo "installing:$missing"
    apt-get update -q >/dev/null
    # shellcheck disable=SC2086  # a list of package names
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing >/dev/null
else
    echo "missing:$missing - install them (Debian: sudo apt-get install$missing) to grade in sandboxes" >&2
fi
