"""What every request handler works with: the student's code, the live objects, the tapes, and a way to report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch

from grader.engine.probe.conversion import ALL_ENTRIES, Incoming, Outgoing
from grader.engine.probe.handles import Handles, is_a
from grader.engine.probe.refusal import BAD_REQUEST, NOT_DEFINED, Refused


class StudentCode(Protocol):
    """The loading half of the probe, as the handlers see it."""

    def load(self, body: dict[str, Any]) -> dict[str, Any]: ...
    def resolve(self, name: str, version: int | None = None) -> object: ...
    def support(self, source: str) -> list[str]: ...
    def support_object(self, name: str) -> object: ...
    def replay(
        self,
        body: dict[str, Any],
        *,
        materialise: Callable[[Any], Any],
        resolve_ref: Callable[[Any], Any],
    ) -> dict[str, Any]: ...
    def script(self, body: dict[str, Any]) -> dict[str, Any]: ...
    def document(self, path: str) -> dict[str, Any]: ...
    def answers(self) -> dict[str, Any]: ...
    def cell(self, index: int) -> dict[str, Any]: ...


@dataclass(slots=True)
class Tape:
    """A call whose graph is kept: its tensors out, and the tensors it can be differentiated by."""

    outputs: list[torch.Tensor | None]
    inputs: list[torch.Tensor | None]
    parameters: dict[str, torch.Tensor]


def nobody_listens(event: dict[str, Any]) -> bool:
    """Stands in until a request that reports events is under way."""
    del event
    return False


@dataclass(slots=True)
class Room:
    """One probe's state.

    `not_defined` is what the loading half raises for a name that is not there; a student's own LookupErrors are theirs.
    `report` sends an EVENT and gives whether to go on.
    """

    code: StudentCode
    not_defined: type[LookupError] = LookupError
    handles: Handles = field(default_factory=Handles)
    tapes: dict[int, Tape] = field(default_factory=dict)
    last_tape: int = 0
    report: Callable[[dict[str, Any]], bool] = nobody_listens

    def incoming(self) -> Incoming:
        return Incoming(self.handles)

    def outgoing(self, *, entries: int = ALL_ENTRIES) -> Outgoing:
        return Outgoing(self.handles, entries=entries)

    def keep_tape(self, tape: Tape) -> int:
        self.last_tape += 1
        self.tapes[self.last_tape] = tape
        return self.last_tape

    def resolve(self, ref: Any) -> Any:
        """The live object a ref names; exceptions of the student's attributes pass through.

        Raises:
            Refused: no such name or handle, or no ref.

        """
        if type(ref) is not dict:
            raise Refused(BAD_REQUEST, "a ref is a dictionary")
        found = self._start(ref)
        path = ref.get("path", [])
        if type(path) is not list or any(type(step) not in (str, int) for step in path):
            raise Refused(BAD_REQUEST, "a ref's path is a list of names and whole numbers")
        for step in path:
            found = getattr(found, step) if type(step) is str else found[step]
        return found

    def module(self, ref: Any) -> torch.nn.Module:
        """Like `resolve`, for requests that need a `torch.nn.Module`."""
        found = self.resolve(ref)
        if not is_a(found, torch.nn.Module):
            raise Refused(BAD_REQUEST, f"a torch.nn.Module is needed here, not a {type(found).__name__}")
        module: torch.nn.Module = found
        return module

    def _start(self, ref: dict[str, Any]) -> Any:
        if "handle" in ref:
            return self.handles.get(ref["handle"])
        name, version = ref.get("name"), ref.get("version")
        try:
            if type(ref.get("support")) is str:
                return self.code.support_object(ref["support"])
            if type(name) is str and (version is None or type(version) is int):
                return self.code.resolve(name, version)
        except self.not_defined as error:
            raise Refused(NOT_DEFINED, str(error.args[0]) if error.args else f"there is no {name}") from error
        raise Refused(BAD_REQUEST, "a ref has a handle, a name or the name of a support function")
