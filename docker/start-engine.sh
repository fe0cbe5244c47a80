#!/bin/sh
# Makes a Docker engine answer: installs Debian's where there is none and we may, starts it where it does not run.
# Does nothing, in a few milliseconds, where one answers already. The daemon stays after this script has ended.
set -eu
cd "$(dirname "$0")/.."
state=var/engine
wait_s=60

answers() { docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

if command -v docker >/dev/null 2>&1 && answers; then exit 0; fi
if [ "$(id -u)" != 0 ]; then
    echo "No Docker engine answers; start it (sudo systemctl start docker), or let root run $0." >&2
    exit 1
fi

missing=""
command -v dockerd >/dev/null 2>&1 || missing="$missing docker.io"
command -v debootstrap >/dev/null 2>&1 || missing="$missing debootstrap"
command -v iptables >/dev/null 2>&1 || missing="$missing iptables"
if [ -n "$missing" ]; then
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "Missing:$missing; install a Docker engine to use the docker backend." >&2
        exit 1
    fi
    apt-get update -q >/dev/null
    # shellcheck disable=SC2086  # a list of package names
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing >/dev/null
    # Debian 13 and later keep the client in a package of its own.
    command -v docker >/dev/null 2>&1 || DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends docker-cli >/dev/null
    # The package may have started the service itself.
    if answers; then exit 0; fi
fi

mkdir -p "$state"
# gVisor is offered to containers only where it is installed. With --network none it needs the first argument; its KVM
# platform hangs inside virtual machines; and only with the third does our list of system calls hold in it.
if runsc=$(command -v runsc); then
    cat >"$state/daemon.json" <<EOF
{"runtimes": {"runsc": {"path": "$runsc", "runtimeArgs": ["--network=none", "--platform=ptrace", "--oci-seccomp"]}}}
EOF
else
    echo '{}' >"$state/daemon.json"
fi

# A daemon that was killed leaves its pid file; it refuses to start while a process of that number lives.
if [ -f /var/run/docker.pid ] && ! kill -0 "$(cat /var/run/docker.pid)" 2>/dev/null; then
    rm -f /var/run/docker.pid
fi
setsid dockerd --config-file "$state/daemon.json" >>"$state/dockerd.log" 2>&1 </dev/null &
waited=0
until answers; do
    waited=$((waited + 1))
    if [ "$waited" -gt $((wait_s * 5)) ]; then
        echo "The Docker engine did not answer within $wait_s s; the end of $state/dockerd.log:" >&2
        tail -n 5 "$state/dockerd.log" >&2
        exit 1
    fi
    sleep 0.2
done
