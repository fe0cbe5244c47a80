"""`python -m grader.engine.proxy`: stands between workers and the engine's socket, which on its own is root.

docs/engine-proxy.md says what it lets through. Only the standard library is needed.
"""

from __future__ import annotations

import argparse
import logging
import signal
import socket
import sys
import time
from pathlib import Path

from grader.engine.proxy.engine import Engine, EngineLost
from grader.engine.proxy.messages import request_bytes
from grader.engine.proxy.policy import DEFAULT_RUNTIME, GIB, Policy
from grader.engine.proxy.server import CannotListen, Proxy, listen

DEFAULT_ENGINE = "/var/run/docker.sock"
# An engine that is just starting, on a machine that is.
PATIENCE_S = 60.0
CHECK_S = 5.0
CANNOT_WORK = 3
_LOG = logging.getLogger("engine-proxy")


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT. Exit status: 0 stopped, 2 bad arguments, 3 no engine or no socket."""
    given = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    if given.check:
        return _check(given.listen)
    engine = Engine(given.engine)
    proxy = Proxy(engine, _policy(given), name=given.name, most_containers=given.most_containers, grace_s=given.grace_s)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: proxy.stop())
    try:
        with listen(Path(given.listen), group=given.group) as listener:
            removed = _begin(proxy)
            _LOG.info("listening on %s; %d containers of a former proxy removed", given.listen, removed)
            proxy.serve(listener)
    except (CannotListen, EngineLost) as error:
        _LOG.error("%s", error)
        return CANNOT_WORK
    Path(given.listen).unlink(missing_ok=True)
    return 0


def _begin(proxy: Proxy) -> int:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return proxy.remove_leftovers()
        except EngineLost as error:
            if time.monotonic() > deadline:
                raise
            _LOG.warning("%s; trying again", error)
            time.sleep(1)


def _check(path: str) -> int:
    """For a container's health check: the proxy answers, and the engine behind it."""
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(CHECK_S)
        try:
            link.connect(path)
            link.sendall(request_bytes("GET", "/_ping"))
            return 0 if link.recv(64).startswith(b"HTTP/1.1 200 ") else 1
        except OSError as error:
            _LOG.error("%s: %s", path, error.strerror or error)
            return 1


def _policy(given: argparse.Namespace) -> Policy:
    runtimes = frozenset(DEFAULT_RUNTIME if name == "default" else name for name in given.runtimes.split(","))
    gpus = frozenset(given.gpus.split(",")) - {"", "none"}
    return Policy(
        images=tuple(given.image or Policy().images), runtimes=runtimes, gpus=gpus, cpus=given.most_cpus,
        memory_bytes=int(given.most_memory_gib * GIB), scratch_bytes=int(given.most_memory_gib * GIB),
        processes=given.most_processes,
    )  # fmt: skip


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m grader.engine.proxy", description=__doc__.split("\n", 1)[0])
    add = parser.add_argument
    add("--listen", required=True, metavar="PATH", help="the socket for workers")
    add("--engine", default=DEFAULT_ENGINE, metavar="PATH", help="the engine's own socket (default %(default)s)")
    add("--image", action="append", metavar="NAME",
        help="image of the sandboxes, NAME:* for every tag; may be repeated (default grader-sandbox:*)")  # fmt: skip
    add("--runtimes", default="default,runc,runsc", metavar="A,B",
        help="runtimes that may be asked for; 'default' is asking for none (default %(default)s)")  # fmt: skip
    add("--gpus", default="none", metavar="A,B", help="GPUs that may be asked for: none, all, or names (default none)")
    add("--most-containers", type=int, default=64, metavar="N", help="containers at a time (default %(default)s)")
    add("--most-memory-gib", type=float, default=64.0, metavar="N", help="memory of one (default %(default)s)")
    add("--most-cpus", type=float, default=64.0, metavar="N", help="processors of one (default %(default)s)")
    add("--most-processes", type=int, default=4096, metavar="N", help="processes of one (default %(default)s)")
    add("--group", type=int, metavar="GID", help="group that may use the socket (default: the process's own)")
    add("--name", default="proxy", help="tells two proxies on one engine apart (default %(default)s)")
    add("--grace-s", type=float, default=3.0, metavar="S",
        help="how long a container outlives the worker's connection (default %(default)s)")  # fmt: skip
    add("--check", action="store_true", help="ask the proxy that listens there whether all is well, and end")
    return parser


if __name__ == "__main__":
    sys.exit(main())
