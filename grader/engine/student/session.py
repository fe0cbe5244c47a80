"""The student's code, loaded in a sandbox, over the life of one run.

A sandbox that died is replaced when the next check begins, with the code loaded again; within a check its death is
final, so that no check is ever answered by two different processes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from grader.domain.errors import NotDefined, ProtocolViolation, StudentFault
from grader.engine.student.breaches import Breach
from grader.engine.student.client import ProbeClient
from grader.engine.student.proxy import RemoteModule, RemoteObject, proxy_for, remote_call
from grader.engine.student.replies import LoadReport, checked
from grader.engine.student.values import from_wire
from grader.engine.wire.messages import Kind
from grader.engine.wire.values import Handle

# How long a started sandbox may take to say READY when it was not warm: three imports of torch on a busy machine.
READY_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOrder:
    """What is loaded, as intake and the spec know it: the body of LOAD, and seconds for the whole of it."""

    body: dict[str, Any]
    load_s: float


class Session:
    """One submission behind one sandbox at a time.

    Args:
        order: what to load.
        connect: gives a conversation with a fresh sandbox; raises SandboxLost or NoSandbox where none can be had.

    """

    def __init__(self, order: LoadOrder, connect: Callable[[], ProbeClient]) -> None:
        self._order = order
        self._connect = connect
        self._client: ProbeClient | None = None
        self._support: list[str] = []
        self._handles: list[int] = []
        self._tapes: list[int] = []
        self._cache: dict[str, Any] = {}
        self._divergence = ""
        self._breaches: list[Breach] = []
        self.load_report = LoadReport()
        self.load_fault: StudentFault | None = None
        self.load_s = 0.0
        self.sandboxes = 0

    def begin(self, timeout_s: float | None = None) -> None:
        """Start a check: take a fresh sandbox if the last one is gone, and load the code there.

        The check's time starts when the code is loaded: a student does not pay for our start.

        Raises:
            StudentFault: the code cannot be loaded (every check meets the same).
            SandboxLost, NoSandbox: ours.

        """
        if self._client is None or not self._client.is_open:
            self._open()
        client = self._open_client()
        client.deadline = None if timeout_s is None else time.monotonic() + timeout_s

    def end(self) -> str:
        """End a check: what the student's code printed in it; lets go of every object the check made."""
        self._cache.clear()
        handles, self._handles = self._handles, []
        tapes, self._tapes = self._tapes, []
        client = self._client
        if client is None:
            return ""
        if client.is_open and (handles or tapes):
            try:
                client.deadline = None
                client.request(Kind.RELEASE, {"handles": handles, "tapes": tapes}, timeout_s=5.0)
            except StudentFault:
                # The check has its result already; the next one starts with a fresh sandbox.
                client.close()
        client.has_spoken_unasked()
        return client.take_output()

    def note_fault(self, fault: BaseException | None) -> None:
        """Remember a fault that is a breach, unless the conversation has noted it and ended by itself."""
        if isinstance(fault, ProtocolViolation) and fault.is_form:
            self._breaches.append(Breach.FORM)

    def breaches(self) -> dict[str, int]:
        """How often each kind was met in this run."""
        found = [*self._breaches, *(self._client.breaches if self._client is not None else ())]
        return {str(kind): found.count(kind) for kind in Breach if kind in found}

    def note_divergence(self, sentence: str) -> None:
        """How the check's last training ended, if it was for want of a finite loss; empty if not."""
        self._divergence = sentence

    def take_divergence(self) -> str:
        """What was noted in this check."""
        sentence, self._divergence = self._divergence, ""
        return sentence

    def close(self) -> None:
        """Let go of the present sandbox; a check that begins afterwards gets a fresh one."""
        if self._client is not None:
            self._client.close()

    def request(self, kind: Kind, body: dict[str, Any], *, timeout_s: float | None = None) -> dict[str, Any]:
        """See `ProbeClient.request`; remembers what the reply left in the probe."""
        reply = self._open_client().request(kind, body, timeout_s=timeout_s)
        if type(tape := reply.get("tape")) is int:
            self._tapes.append(tape)
        return reply

    def converse(
        self, kind: Kind, body: dict[str, Any], on_event: Callable[[dict[str, Any]], bool], timeout_s: float
    ) -> dict[str, Any]:
        return self._open_client().converse(kind, body, on_event, timeout_s=timeout_s)

    def call(
        self,
        ref: dict[str, Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        *,
        module: RemoteModule | None = None,
        **options: Any,
    ) -> Any:
        """Call what `ref` names; `options` are CALL's: keep, seed, training."""
        given = {name: value for name, value in options.items() if value is not None}
        return remote_call(self, ref, args, kwargs, module=module, options=given)

    def value(self, reply: dict[str, Any]) -> Any:
        return from_wire(reply.get("value"), self.proxy)

    def proxy(self, handle: Handle) -> RemoteObject:
        self._handles.append(handle.number)
        return proxy_for(self, handle)

    def resolve(self, name: str, version: int | None = None) -> Any:
        """The student's global `name`.

        Raises:
            NotDefined: there is none.

        """
        key = f"{name}@{version}"
        if key not in self._cache:
            ref = {"name": name} if version is None else {"name": name, "version": version}
            try:
                self._cache[key] = self.value(self.request(Kind.RESOLVE, {"ref": ref}))
            except NotDefined:
                raise NotDefined(self.missing(name)) from None
        return self._cache[key]

    def missing(self, name: str) -> str:
        """The sentence for a name that is not there, with what loading found out about it."""
        about = [cell for cell in self.load_report.cells if cell.error and (name in cell.defines or name in cell.error)]
        if about:
            return (
                f"Your submission does not define {name}: cell {about[0].index} could not be used ({about[0].error})."
            )
        return f"Your submission does not define {name}; check the spelling and that its cell runs without errors."

    def support(self, source: str) -> None:
        """Put helper code of the spec into the sandbox, and into every sandbox that follows it."""
        if source not in self._support:
            self.request(Kind.SUPPORT, {"source": source})
            self._support.append(source)

    def _open_client(self) -> ProbeClient:
        if self._client is None:
            raise RuntimeError("a check talks to the sandbox only between begin() and end()")
        return self._client

    def _open(self) -> None:
        if self.load_fault is not None and self.sandboxes >= 2:
            # Loading killed two sandboxes; a third would only cost another.
            raise self.load_fault
        client = self._connect()
        self.sandboxes += 1
        if self._client is not None:
            self._breaches += self._client.breaches
        self._client = client
        started = time.monotonic()
        try:
            client.await_ready(READY_S)
            started = time.monotonic()
            reply = client.request(Kind.LOAD, self._order.body, timeout_s=self._order.load_s)
            self.load_report = checked(LoadReport, reply)
            for source in self._support:
                client.request(Kind.SUPPORT, {"source": source}, timeout_s=self._order.load_s)
        except StudentFault as fault:
            client.close()
            self.load_fault = type(fault)(f"Your code could not be loaded. {fault}")
            raise self.load_fault from fault
        self.load_fault = None
        self.load_s += time.monotonic() - started
