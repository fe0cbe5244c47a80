"""The shapes of replies, checked field by field before anything is used. Everything in them is a claim."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict, ValidationError

from grader.domain.errors import ProtocolViolation
from grader.kit.text import plain


def _plain_text(text: str) -> str:
    return plain(text, limit=20_000)


def _name(text: str) -> str:
    return plain(text, limit=300)


# Strict, because bytes would become text that nothing has made safe.
Text = Annotated[str, Strict(), AfterValidator(_plain_text)]
Name = Annotated[str, Strict(), AfterValidator(_name)]
Shape = tuple[Annotated[int, Field(ge=0, lt=2**40)], ...]


class Reply(BaseModel):
    """Unknown fields are dropped: an older harness reads a newer probe."""

    model_config = ConfigDict(frozen=True, extra="ignore", arbitrary_types_allowed=True)


class ParameterFacts(Reply):
    """Shape, dtype name such as "torch.float32", and whether it is trained."""

    shape: Shape
    dtype: Name
    requires_grad: bool = False


class ModuleFacts(Reply):
    """One module as the probe describes it. `bases` are qualified class names, nearest first."""

    name: Name
    type: Name
    bases: tuple[Name, ...]
    hyper: dict[Name, Any] = {}
    training: bool = True
    parameters: dict[Name, ParameterFacts] = {}
    buffers: dict[Name, ParameterFacts] = {}

    def is_a(self, *class_names: str) -> bool:
        """Whether any base has one of these plain class names, such as "Conv2d"."""
        return any(base.rsplit(".", 1)[-1] in class_names for base in self.bases)


class Description(Reply):
    """A module tree, the module itself first (its name is empty)."""

    type: Name
    bases: tuple[Name, ...]
    modules: tuple[ModuleFacts, ...]
    parameters: dict[Name, ParameterFacts]

    def of(self, *class_names: str) -> tuple[ModuleFacts, ...]:
        return tuple(module for module in self.modules if module.is_a(*class_names))

    @property
    def count(self) -> int:
        """Number of weights over all parameters."""
        total = 0
        for facts in self.parameters.values():
            size = 1
            for length in facts.shape:
                size *= length
            total += size
        return total


Numbered = tuple[int, Shape]


class Operation(Reply):
    """One tensor operation of a traced forward pass; tensors are (number, shape)."""

    op: Name
    module: Name = ""
    module_type: Name = ""
    module_bases: tuple[Name, ...] = ()
    inputs: tuple[Numbered, ...] = ()
    outputs: tuple[Numbered, ...] = ()
    options: dict[Name, Any] = {}

    def is_a(self, *names: str) -> bool:
        """Whether the operation's last word is one of these, such as "cat"; trailing underscores are ignored."""
        return self.op.rsplit(".", 1)[-1].rstrip("_") in {name.rstrip("_") for name in names}


class TraceReply(Reply):
    operations: tuple[Operation, ...]
    low: tuple[Operation, ...] = ()
    arguments: tuple[int, ...] = ()
    value: Any = None


class FileFacts(Reply):
    path: Name
    status: Name
    note: Text = ""


class NameFacts(Reply):
    kind: Name
    versions: tuple[int | None, ...] = ()
    file: Name = ""
    supplied: bool = False


class CellFacts(Reply):
    """One notebook cell: what loading did with it."""

    index: int
    file: Name = ""
    kind: Name = "code"
    status: Name = ""
    defines: tuple[Name, ...] = ()
    calls: tuple[Name, ...] = ()
    error: Text = ""


class LoadReport(Reply):
    files: tuple[FileFacts, ...] = ()
    names: dict[Name, NameFacts] = {}
    cells: tuple[CellFacts, ...] = ()
    missing_imports: tuple[Name, ...] = ()
    notes: tuple[Text, ...] = ()


class Raised(Reply):
    type: Name
    message: Text = ""
    where: Text = ""


class Record(Reply):
    """One intercepted call."""

    target: Name
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = {}


class ReplayReply(Reply):
    records: tuple[Record, ...] = ()
    stopped_at: Name | None = None
    raised: Raised | None = None
    value: Any = None
    names: dict[str, Any] = {}


class Member(Reply):
    name: Name | None = None
    shape: Shape = ()


class MatchReply(Reply):
    members: tuple[Member, ...]


class MadeFile(Reply):
    path: Name
    size: int = 0


class ScriptReply(Reply):
    exit_code: int | None = None
    raised: Raised | None = None
    records: tuple[Record, ...] = ()
    stdout: Text = ""
    files: tuple[tuple[Name, int], ...] = ()


class Document(Reply):
    """A document as the sandbox read it."""

    kind: Name = ""
    readable: bool = False
    pages: int = 0
    encrypted: bool = False
    text: Text = ""
    note: Text = ""


class AnswersReply(Reply):
    answers: dict[str, Any] = {}
    source: Text = ""
    notes: tuple[Text, ...] = ()


class Cell(Reply):
    source: Text = ""
    outputs: Text = ""


class FitReply(Reply):
    steps: int
    losses: tuple[tuple[int, float], ...] = ()
    seconds: float = 0.0
    stopped: Any = None
    diverged_at: int | None = None
    device: Name = ""


Some = TypeVar("Some", bound=Reply)


def checked(shape: type[Some], body: dict[str, Any]) -> Some:
    """`body` as `shape`.

    Raises:
        ProtocolViolation: a field is missing or of the wrong kind.

    """
    try:
        return shape.model_validate(body)
    except (ValidationError, RecursionError) as error:
        fault = ProtocolViolation("The sandbox sent an answer that does not have the right form.")
        fault.add_note(f"{shape.__name__}: {str(error)[:500]}")
        raise fault from None
