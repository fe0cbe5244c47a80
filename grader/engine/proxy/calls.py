"""What each call becomes at the engine, and how much of the answer goes back."""

from __future__ import annotations

import json
import logging
import re
import socket
from collections.abc import Callable
from typing import Any

from grader.engine.proxy.engine import Engine, Reply
from grader.engine.proxy.ledger import Ledger
from grader.engine.proxy.messages import Refused, parse_object
from grader.engine.proxy.policy import Policy, refusal
from grader.engine.proxy.routes import Call
from grader.engine.sandbox.container_terms import BACKGROUND_SHARES, FOREGROUND_SHARES

PROXY_LABEL = "grader.proxy"
# Of all that an engine tells about its machine (registries, proxies with passwords, plugins), what a worker looks at.
_TOLD = ("ServerVersion", "DefaultRuntime", "MemoryLimit", "PidsLimit", "CgroupVersion", "SecurityOptions", "NCPU",
         "MemTotal", "OSType", "Architecture")  # fmt: skip
_IMAGE_TOLD = ("Id", "RepoTags", "RepoDigests", "Created", "Architecture", "Os", "Size")
_IDENTITY = re.compile(r"[0-9a-f]{64}")
_LOG = logging.getLogger("engine-proxy")


class Calls:
    """Each method is one route. `name` tells this proxy's containers from another's on the same engine."""

    def __init__(self, engine: Engine, policy: Policy, ledger: Ledger, name: str) -> None:
        self._engine = engine
        self._policy = policy
        self._ledger = ledger
        self.label = f"{PROXY_LABEL}={name}"
        self._name = name
        self._table: dict[str, Callable[[Call, bytes, socket.socket], Reply]] = {
            "ping": lambda _call, _body, _asker: Reply(
                status=self._engine.ask("GET", "/_ping").status, body=b"OK", content_type="text/plain"
            ),
            "version": lambda call, _body, _asker: self._engine.ask("GET", f"{call.version}/version"),
            "info": self._info,
            "image": self._image,
            "list": self._list,
            "create": self._create,
            "start": self._start,
            "wait": self._wait,
            "kill": lambda call, _body, _asker: self._of_ours("POST", call, "/kill"),
            "inspect": lambda call, _body, _asker: self._of_ours("GET", call, "/json"),
            "stats": lambda call, _body, _asker: self._of_ours("GET", call, "/stats?stream=false&one-shot=true"),
            "update": self._update,
            "remove": self._remove,
        }

    def answer(self, call: Call, body: bytes, asker: socket.socket) -> Reply:
        """Raises Refused, EngineLost or AskerGone."""
        return self._table[call.route](call, body, asker)

    def identity(self, call: Call) -> str:
        identity = self._ledger.identity(call.container)
        if identity is None:
            raise Refused("that container was not made through this proxy")
        return identity

    def _of_ours(
        self,
        method: str,
        call: Call,
        rest: str,
        *,
        body: bytes = b"",
        asker: socket.socket | None = None,
        seconds: float | None = 60,
    ) -> Reply:
        target = f"{call.version}/containers/{self.identity(call)}{rest}"
        return self._engine.ask(method, target, body, asker=asker, seconds=seconds)

    def _info(self, call: Call, _body: bytes, _asker: socket.socket) -> Reply:
        reply = self._engine.ask("GET", f"{call.version}/info")
        if not reply.is_good:
            return reply
        told = reply.parsed()
        kept = {name: told[name] for name in _TOLD if name in told}
        allowed = self._policy.runtimes
        # With their arguments: whether gVisor hands GPUs on is told there.
        kept["Runtimes"] = {
            name: {"runtimeArgs": facts.get("runtimeArgs")}
            for name, facts in told.get("Runtimes", {}).items()
            if name in allowed
        }
        return Reply(status=reply.status, body=json.dumps(kept).encode())

    def _image(self, call: Call, _body: bytes, _asker: socket.socket) -> Reply:
        if not self._policy.allows_image(call.image):
            raise Refused(f"{call.image[:100]} is not an image that sandboxes are made of")
        reply = self._engine.ask("GET", f"{call.version}/images/{call.image}/json")
        if not reply.is_good:
            return reply
        told = reply.parsed()
        return Reply(status=reply.status, body=json.dumps({name: told.get(name) for name in _IMAGE_TOLD}).encode())

    def _list(self, _call: Call, _body: bytes, _asker: socket.socket) -> Reply:
        found = []
        for name in self._ledger.all():
            reply = self._engine.ask("GET", f"/containers/{self._ledger.identity(name) or name}/json")
            if reply.is_good:
                found.append(_listed(reply.parsed()))
        return Reply(status=200, body=json.dumps(found).encode())

    def _create(self, call: Call, body: bytes, _asker: socket.socket) -> Reply:
        described = parse_object(body)
        problem = refusal(described, self._policy)
        if problem is not None:
            raise Refused(problem)
        name = call.query.get("name")
        if name is None:
            raise Refused("a container is made with a name")
        # Ours for certain from here on: the next proxy finds it by the label if this one is killed now.
        described["Labels"] = {**described["Labels"], PROXY_LABEL: self._name}
        if (problem := self._ledger.reserve(name)) is not None:
            raise Refused(problem)
        reply = self._engine.ask(
            "POST", f"{call.version}/containers/create?name={name}", json.dumps(described).encode()
        )
        identity = reply.parsed().get("Id", "") if reply.is_good else ""
        if not reply.is_good:
            self._ledger.forget(name)
        elif _IDENTITY.fullmatch(identity):
            self._ledger.made(name, identity)
        return reply

    def _start(self, call: Call, _body: bytes, _asker: socket.socket) -> Reply:
        self.identity(call)
        if not self._ledger.start(call.container):
            raise Refused("a container is started once, by whoever holds its streams")
        return self._of_ours("POST", call, "/start")

    def _wait(self, call: Call, _body: bytes, asker: socket.socket) -> Reply:
        return self._of_ours("POST", call, "/wait", asker=asker, seconds=None)

    def _update(self, call: Call, body: bytes, _asker: socket.socket) -> Reply:
        wanted = parse_object(body)
        shares = wanted.get("CpuShares")
        if (
            wanted.keys() != {"CpuShares"}
            or type(shares) is not int
            or shares not in (BACKGROUND_SHARES, FOREGROUND_SHARES)
        ):
            raise Refused("of a container only its share of the processor is changed")
        return self._of_ours("POST", call, "/update", body=json.dumps({"CpuShares": shares}).encode())

    def _remove(self, call: Call, _body: bytes, _asker: socket.socket) -> Reply:
        reply = self._of_ours("DELETE", call, "?v=1&force=1")
        if reply.is_good or reply.status == 404:
            self._ledger.forget(call.container)
        return reply


def _listed(told: dict[str, Any]) -> dict[str, Any]:
    """One line of a list from the whole of what the engine knows of a container."""
    from datetime import datetime

    created = datetime.fromisoformat(str(told["Created"])[:19] + "+00:00")
    return {
        "Id": told["Id"], "Names": [told["Name"]], "Image": told["Config"]["Image"],
        "Labels": told["Config"]["Labels"], "State": told["State"]["Status"], "Created": int(created.timestamp()),
    }  # fmt: skip
