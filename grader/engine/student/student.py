"""The `student` fixture: the door through which a check reaches the student's code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from grader.domain.errors import NotDefined
from grader.engine.student.fit import FitResult, Goal, Judge, fit
from grader.engine.student.proxy import RemoteModule, RemoteObject
from grader.engine.student.replay import Behaviour, Replay, ScriptRun, behaviours, replay_of, script_of
from grader.engine.student.replies import (
    AnswersReply,
    Cell,
    CellFacts,
    Document,
    LoadReport,
    MatchReply,
    Operation,
    TraceReply,
    checked,
)
from grader.engine.student.session import Session
from grader.engine.student.values import from_wire, tensor_or_violation, to_wire
from grader.engine.wire.messages import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionFacts:
    """What intake listed on the trusted side: the upload's name, its files, and their roles.

    `misnamed` holds, for each file rule that nothing fits, a sentence for the student.
    """

    name: str
    kind: str
    files: tuple[str, ...]
    roles: tuple[tuple[str, str], ...] = ()
    misnamed: tuple[tuple[str, str], ...] = ()

    def entries_by_role(self, role: str) -> tuple[str, ...]:
        return tuple(path for path, of in self.roles if of == role)

    def problem(self, rule: str) -> str | None:
        return dict(self.misnamed).get(rule)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """A traced forward pass.

    `operations` are the calls of torch's public functions, `low` the operators beneath them, which no Python code can
    leave out; `arguments` numbers the tensors that went in.
    """

    operations: tuple[Operation, ...]
    low: tuple[Operation, ...]
    arguments: tuple[int, ...]
    value: Any

    def of(self, *names: str) -> tuple[Operation, ...]:
        """Operations whose last word is one of `names`, such as "cat" or "torch.cat"."""
        return tuple(
            operation for operation in self.operations if operation.is_a(*(name.rsplit(".", 1)[-1] for name in names))
        )


class Student:
    """The student's code as a check sees it; see `docs/writing-a-spec.md` for every verb."""

    def __init__(self, session: Session, submission: SubmissionFacts) -> None:
        self._session = session
        self.submission = submission

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._session.resolve(name)

    @property
    def load_report(self) -> LoadReport:
        return self._session.load_report

    @property
    def cells(self) -> tuple[CellFacts, ...]:
        return self._session.load_report.cells

    def cell(self, index: int) -> Cell:
        """A notebook cell's source and the text it shows, as the sandbox read them."""
        return checked(Cell, self._session.request(Kind.CELL, {"index": index}))

    def defines(self, name: str) -> bool:
        return name in self.load_report.names

    def versions(self, name: str) -> int:
        """How many definitions of `name` the submission holds."""
        facts = self.load_report.names.get(name)
        return len(facts.versions) if facts else 0

    def version(self, name: str, version: int) -> Any:
        """One of several definitions; negative counts from the last."""
        count = self.versions(name)
        if not -count <= version < count:
            raise NotDefined(self._session.missing(name))
        return self._session.resolve(name, version % count)

    def first_of(self, *names: str) -> Any:
        """The first of `names` that the submission defines.

        Raises:
            NotDefined: none of them.

        """
        for name in names:
            if self.defines(name):
                return self._session.resolve(name)
        raise NotDefined(f"Your submission defines none of {', '.join(names)}.")

    def support(self, source: str) -> None:
        """Put helper code of the spec into the sandbox. It is no secret there."""
        self._session.support(source)

    def supported(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Call a function of the support code; the result stays in the sandbox."""
        return self._session.call({"support": name}, args, kwargs, keep=True)

    def trace(
        self,
        model: RemoteObject,
        *args: Any,
        training: bool | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> Trace:
        """The tensor operations of one call. A claim: test what matters by its effect too."""
        body: dict[str, Any] = {"ref": model.ref(), "args": to_wire(list(args)), "kwargs": to_wire(kwargs)}
        body |= {name: value for name, value in {"training": training, "seed": seed}.items() if value is not None}
        reply = checked(TraceReply, self._session.request(Kind.TRACE, body))
        value = from_wire(reply.value, self._session.proxy)
        return Trace(operations=reply.operations, low=reply.low, arguments=reply.arguments, value=value)

    def fit(
        self,
        model: RemoteModule,
        inputs: torch.Tensor,
        targets: torch.Tensor,
        *,
        loss: str | RemoteObject = "cross_entropy",
        optimizer: str = "adam",
        lr: float = 1e-3,
        weight_decay: float = 0.0,
        batch_size: int = 50,
        steps: int = 120,
        seed: int = 0,
        budget_s: float = 60.0,
        report_every: int = 20,
        trainable: str = "all",
        validation: torch.Tensor | None = None,
        judge: Judge | None = None,
        below: float | None = None,
        above: float | None = None,
    ) -> FitResult:
        """Train in the sandbox; `judge` measures predictions on `validation` here, by labels the sandbox never had."""
        goal = Goal(inputs=validation, judge=judge, below=below, above=above)
        options = {
            "loss": loss, "optimizer": optimizer, "lr": lr, "weight_decay": weight_decay, "batch_size": batch_size,
            "steps": steps, "seed": seed, "budget_s": budget_s, "report_every": report_every, "trainable": trainable,
        }  # fmt: skip
        return fit(self._session, model, inputs, targets, goal, options)

    def predict(self, model: RemoteModule, inputs: torch.Tensor, *, batch_size: int = 100) -> torch.Tensor:
        """Predictions in evaluation mode, shape (len(inputs), ...)."""
        body = {"ref": model.ref(), "inputs": to_wire(inputs), "batch_size": batch_size}
        return tensor_or_violation(self._session.request(Kind.PREDICT, body).get("value"), "predictions")

    def replay(
        self,
        *,
        call: RemoteObject | None = None,
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
        cells: Sequence[int] = (),
        intercept: dict[str, Behaviour] | None = None,
        names: dict[str, Any] | None = None,
        keep: Sequence[str] = (),
        seed: int | None = None,
    ) -> Replay:
        """Run a function or chosen cells while named things are replaced by stand-ins or recorders."""
        body: dict[str, Any] = {
            "intercept": behaviours(intercept or {}),
            "names": to_wire(names or {}),
            "keep": list(keep),
        }
        if call is not None:
            body["call"] = {"ref": call.ref(), "args": to_wire(list(args)), "kwargs": to_wire(kwargs or {})}
        else:
            body["cells"] = list(cells)
        if seed is not None:
            body["seed"] = seed
        return replay_of(self._session, body)

    def match_parameters(self, collection: Any, module: RemoteObject) -> list[str | None]:
        """The qualified names in `module` of the parameters in `collection`; None for a stranger."""
        if not isinstance(collection, RemoteObject):
            return [] if not collection else [None] * len(collection)
        body = {"collection": collection.ref(), "module": module.ref()}
        return [
            member.name for member in checked(MatchReply, self._session.request(Kind.MATCH_PARAMETERS, body)).members
        ]

    def script(
        self,
        path: str,
        argv: Sequence[str] = (),
        *,
        files: dict[str, bytes] | None = None,
        intercept: dict[str, Behaviour] | None = None,
    ) -> ScriptRun:
        """Run a file of the submission as a program."""
        body = {
            "path": path,
            "argv": list(argv),
            "files": files or {},
            "intercept": behaviours(intercept or {}),
        }
        return script_of(self._session, body)

    def document(self, path: str) -> Document:
        """A PDF as the sandbox read it."""
        return checked(Document, self._session.request(Kind.DOCUMENT, {"path": path}))

    def answers(self) -> dict[str, Any]:
        """Written answers by key."""
        return dict(checked(AnswersReply, self._session.request(Kind.ANSWERS, {})).answers)
