"""Replaying the student's functions and cells while what they call is replaced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from grader.engine.student.replies import Raised, Record, ReplayReply, ScriptReply, checked
from grader.engine.student.session import Session
from grader.engine.student.values import from_wire, to_wire
from grader.engine.wire.messages import Kind


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What happens when an intercepted name is called; made by `stop`, `returns`, `calls` and `using`."""

    then: str
    value: Any = None
    using: str | None = None


def stop() -> Behaviour:
    """Record the call and end the replay there."""
    return Behaviour("stop")


def returns(value: Any = None) -> Behaviour:
    """Record the call and give back `value`."""
    return Behaviour("return", value)


def calls() -> Behaviour:
    """Record the call and let it happen."""
    return Behaviour("call")


def using(name: str) -> Behaviour:
    """Record the call and answer it with a function of the spec's support code."""
    return Behaviour("using", None, name)


def behaviours(intercept: dict[str, Behaviour]) -> list[dict[str, Any]]:
    return [
        {
            "target": target,
            "then": behaviour.then,
            "value": to_wire(behaviour.value),
            "using": behaviour.using,
        }
        for target, behaviour in intercept.items()
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What a replay came to: the intercepted calls in order, where it stopped, what it raised, what is left."""

    records: tuple[Record, ...]
    stopped_at: str | None
    raised: Raised | None
    value: Any
    names: dict[str, Any]

    def calls_of(self, target: str) -> tuple[Record, ...]:
        return tuple(record for record in self.records if record.target == target)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptRun:
    """What running a file as a program came to."""

    exit_code: int | None
    raised: Raised | None
    records: tuple[Record, ...]
    stdout: str
    files: tuple[tuple[str, int], ...]


def _record(session: Session, record: Record) -> Record:
    args = tuple(from_wire(value, session.proxy) for value in record.args)
    kwargs = {name: from_wire(value, session.proxy) for name, value in record.kwargs.items()}
    return Record.model_construct(target=record.target, args=args, kwargs=kwargs)


def replay_of(session: Session, body: dict[str, Any]) -> Replay:
    reply = checked(ReplayReply, session.request(Kind.REPLAY, body))
    return Replay(
        records=tuple(_record(session, record) for record in reply.records),
        stopped_at=reply.stopped_at,
        raised=reply.raised,
        value=from_wire(reply.value, session.proxy),
        names={name: from_wire(value, session.proxy) for name, value in reply.names.items()},
    )


def script_of(session: Session, body: dict[str, Any]) -> ScriptRun:
    reply = checked(ScriptReply, session.request(Kind.SCRIPT, body))
    records = tuple(_record(session, record) for record in reply.records)
    return ScriptRun(
        exit_code=reply.exit_code,
        raised=reply.raised,
        records=records,
        stdout=reply.stdout,
        files=reply.files,
    )
