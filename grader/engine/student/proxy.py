"""What a check holds in place of the student's objects: an explicit, closed set of operations.

The invariant: nothing about a proxy that Python or pytest would ask behind the author's back (`==`, `bool`, `len`,
iteration, `isinstance`) is ever answered by the sandbox. Such questions raise `TypeError` with a hint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import torch

from grader.engine.student.autograd import RemoteCall, differentiable_call
from grader.engine.student.replies import Description, checked
from grader.engine.student.values import HasHandle, from_wire, tensor_leaves, to_wire
from grader.engine.wire.messages import Kind
from grader.engine.wire.tensors import from_data
from grader.engine.wire.values import Handle, TensorData

if TYPE_CHECKING:
    from grader.engine.student.session import Session


class RemoteObject(HasHandle):
    """Any object of the student's that does not travel by value."""

    __slots__ = ("_path", "_session")

    def __init__(self, session: Session, handle: Handle) -> None:
        object.__setattr__(self, "_session", session)
        object.__setattr__(self, "_handle", handle)

    @property
    def remote_type(self) -> str:
        """The type's name as the sandbox tells it: text, for messages only."""
        return self._handle.type_name

    def ref(self) -> dict[str, Any]:
        return {"handle": self._handle.number}

    def get(self, name: str) -> Any:
        """The attribute `name`, by value or as a proxy."""
        reply = self._session.request(Kind.GET, {"ref": self.ref(), "name": name})
        return self._session.value(reply)

    def item(self, index: int | str) -> Any:
        """`self[index]`."""
        if type(index) is int:
            reply = self._session.request(Kind.RESOLVE, {"ref": {**self.ref(), "path": [index]}})
            return self._session.value(reply)
        return self.method("__getitem__")(index)

    def method(self, name: str) -> RemoteFunction:
        """A bound method as something to call, without asking whether it exists."""
        return RemoteMethod(self._session, self._handle, name)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self.get(name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._session.request(Kind.SET, {"ref": self.ref(), "name": name, "value": to_wire(value)})

    def __getitem__(self, index: int | str) -> Any:
        return self.item(index)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._session.call(self.ref(), args, kwargs)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} #{self._handle.number}>"

    def _no(self, what: str) -> NoReturn:
        raise TypeError(f"a remote object has no {what}: the sandbox would answer it; fetch a value and compare that")

    def __eq__(self, other: object) -> bool:
        self._no("equality")

    def __ne__(self, other: object) -> bool:
        self._no("equality")

    def __hash__(self) -> int:  # noqa: PLE0309  # never returns, like the two below
        self._no("hash")

    def __bool__(self) -> bool:  # noqa: PLE0304
        self._no("truth value")

    def __len__(self) -> int:  # noqa: PLE0303
        self._no("len()")

    def __iter__(self) -> NoReturn:
        self._no("iteration")

    def __contains__(self, item: object) -> bool:
        self._no("membership")


class RemoteFunction(RemoteObject):
    """A function, method or other callable."""

    __slots__ = ()


class RemoteClass(RemoteObject):
    """A class; calling it constructs."""

    __slots__ = ()


class RemoteMethod(RemoteFunction):
    """A method that is looked up when it is called."""

    __slots__ = ("_name",)

    def __init__(self, session: Session, handle: Handle, name: str) -> None:
        super().__init__(session, handle)
        object.__setattr__(self, "_name", name)

    def ref(self) -> dict[str, Any]:
        return {"handle": self._handle.number, "path": [self._name]}


class RemoteModule(RemoteObject):
    """A `torch.nn.Module` in the sandbox, differentiable from here.

    `model.weight` is a tensor of this side that mirrors the parameter: a call differentiates with respect to every
    mirror taken so far, `.grad` collects on it, and a mirror whose values were changed here is used in the next call
    in place of the student's own (so `gradcheck` works on parameters).
    """

    __slots__ = ("_mirrors", "_synced")

    def __init__(self, session: Session, handle: Handle) -> None:
        super().__init__(session, handle)
        object.__setattr__(self, "_mirrors", {})
        object.__setattr__(self, "_synced", {})

    def get(self, name: str) -> Any:
        if name in self._mirrors:
            return self._mirrors[name]
        reply = self._session.request(Kind.GET, {"ref": self.ref(), "name": name})
        value = reply.get("value")
        if isinstance(value, TensorData) and value.source == "parameter":
            return self._mirror(name, value)
        return self._session.value(reply)

    def parameter(self, name: str) -> torch.Tensor:
        """The mirror of a parameter by its qualified name, such as "block.0.weight"."""
        if name not in self._mirrors:
            self.parameters_by_name()
        mirror: torch.Tensor = self._mirrors[name]
        return mirror

    def parameters_by_name(self) -> dict[str, torch.Tensor]:
        """Qualified name -> mirror, for every parameter."""
        names = set(self.describe().parameters)
        for name, data in self._state().items():
            if name in names and name not in self._mirrors:
                self._mirror(name, data)
        return {name: mirror for name, mirror in self._mirrors.items() if name in names}

    def describe(self) -> Description:
        return checked(Description, self._session.request(Kind.DESCRIBE, {"ref": self.ref()}))

    def state_dict(self) -> dict[str, torch.Tensor]:
        return {name: from_data(data) for name, data in self._state().items()}

    def load_state_dict(self, state: dict[str, torch.Tensor], *, strict: bool = True) -> None:
        """Set parameters and buffers; raises as the student's own code would where names or shapes do not fit."""
        self._forget()
        body = {"ref": self.ref(), "state": to_wire(dict(state)), "strict": strict}
        self._session.request(Kind.LOAD_STATE_DICT, body)

    def train(self) -> RemoteModule:
        return self._change("train")

    def eval(self) -> RemoteModule:
        return self._change("eval")

    def double(self) -> RemoteModule:
        return self._change("double")

    def float(self) -> RemoteModule:
        return self._change("float")

    def requires_grad_(self, requires_grad: bool = True) -> RemoteModule:
        return self._change("requires_grad_", requires_grad)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._session.call(self.ref(), args, kwargs, module=self)

    def call(
        self,
        *args: Any,
        training: bool | None = None,
        seed: int | None = None,
        parameters: dict[str, torch.Tensor] | None = None,
        **kwargs: Any,
    ) -> Any:
        """A forward pass in a given mode, with a given seed, or with other values for some parameters, by name.

        None of it lasts longer than the call.
        """
        given = None if parameters is None else to_wire(parameters)
        return self._session.call(self.ref(), args, kwargs, module=self, training=training, seed=seed, parameters=given)

    def changed_mirrors(self) -> dict[str, torch.Tensor]:
        """Mirrors whose values differ from the student's own parameters."""
        return {
            name: mirror
            for name, mirror in self._mirrors.items()
            if not torch.equal(mirror.detach(), self._synced[name])
        }

    def tracked_mirrors(self) -> dict[str, torch.Tensor]:
        return {name: mirror for name, mirror in self._mirrors.items() if mirror.requires_grad}

    def _mirror(self, name: str, data: TensorData) -> torch.Tensor:
        mirror = from_data(data)
        self._synced[name] = mirror.clone()
        if mirror.is_floating_point() or mirror.is_complex():
            mirror.requires_grad_()
        self._mirrors[name] = mirror
        return mirror

    def _state(self) -> dict[str, TensorData]:
        state = self._session.request(Kind.STATE_DICT, {"ref": self.ref()}).get("state")
        if type(state) is not dict:
            return {}
        return {str(name): data for name, data in state.items() if isinstance(data, TensorData)}

    def _change(self, method: str, *args: Any) -> RemoteModule:
        if method not in ("train", "eval"):
            self._forget()
        self._session.call({**self.ref(), "path": [method]}, args, {}, keep=True)
        return self

    def _forget(self) -> None:
        self._mirrors.clear()
        self._synced.clear()


_PROXIES: dict[str, type[RemoteObject]] = {
    "module": RemoteModule,
    "class": RemoteClass,
    "function": RemoteFunction,
    "object": RemoteObject,
}


def proxy_for(session: Session, handle: Handle) -> RemoteObject:
    """The proxy of the kind the sandbox claims; a wrong claim only gives a proxy whose verbs then fail."""
    return _PROXIES[handle.kind](session, handle)


def remote_call(
    session: Session,
    ref: dict[str, Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    *,
    module: RemoteModule | None,
    options: dict[str, Any],
) -> Any:
    """Call in the sandbox, attached to this side's graph where something here requires grad."""
    body = {"ref": ref, "args": to_wire(list(args)), "kwargs": to_wire(kwargs), **options}
    mirrors: dict[str, torch.Tensor] = {}
    if module is not None:
        mirrors = module.tracked_mirrors()
        if changed := module.changed_mirrors():
            body["parameters"] = to_wire(changed) | body.get("parameters", {})
    leaves = tensor_leaves([list(args), kwargs])
    tracked = [index for index, leaf in enumerate(leaves) if leaf.requires_grad]
    if not torch.is_grad_enabled() or not (tracked or mirrors):
        return from_wire(session.request(Kind.CALL, body).get("value"), session.proxy)
    body["grad"] = {"inputs": tracked, "parameters": list(mirrors)}
    call = RemoteCall(
        forward=lambda asked: session.request(Kind.CALL, asked),
        vjp=lambda asked: session.request(Kind.VJP, asked),
        body=body,
        parameter_names=tuple(mirrors),
        inputs=len(tracked),
    )
    outputs = differentiable_call(call, [*(leaves[index] for index in tracked), *mirrors.values()])
    return from_wire(call.value, session.proxy, outputs)
