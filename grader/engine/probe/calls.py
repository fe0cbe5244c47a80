"""CALL and VJP: a call of student code, and products of its Jacobian with what the harness sends.

The graph of a call made with `grad` stays on a tape here; the harness sees numbers only. Parameters that the harness
puts in the place of the student's are swapped in for the length of the call, in every place that shares them.
"""

# ruff: noqa: SLF001 - torch has no public door to a module's own tables and a tensor's version
from __future__ import annotations

import random
import types
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch

from grader.engine.probe.conversion import Incoming
from grader.engine.probe.handles import is_a
from grader.engine.probe.refusal import BAD_REQUEST, Refused, field, optional
from grader.engine.probe.room import Room, Tape
from grader.engine.wire.tensors import from_data
from grader.engine.wire.values import TensorData


def seed_everything(seed: int | None) -> None:
    """Seed the generators of torch, NumPy and the standard library; None leaves them as they are."""
    if seed is not None:
        torch.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002 - the generator that student code uses


def module_behind(target: Any) -> torch.nn.Module | None:
    """The module that a call of `target` goes through: itself, or the one it is a method of."""
    # Only real methods are asked: a student's `__getattr__` may answer anything.
    owner = target.__self__ if is_a(target, types.MethodType) else target
    return owner if is_a(owner, torch.nn.Module) else None


@contextmanager
def mode_of(module: torch.nn.Module | None, training: bool | None) -> Iterator[None]:
    """A module in training or evaluation mode, with every submodule's own flag put back afterwards."""
    if module is None or training is None:
        yield
        return
    flags = [(part, part.training) for part in module.modules()]
    try:
        module.train(training)
        yield
    finally:
        for part, flag in flags:
            part.training = flag


@contextmanager
def swapped(module: torch.nn.Module | None, tensors: dict[str, torch.Tensor]) -> Iterator[None]:
    """A module with other tensors in the place of its parameters and buffers, wherever they are shared."""
    if module is None or not tensors:
        yield
        return
    undo: list[tuple[dict[str, Any], str, Any]] = []
    tables: list[dict[str, Any]] = [table for part in module.modules() for table in (part._parameters, part._buffers)]
    wanted = {id(own_tensor(module, name)): tensor for name, tensor in tensors.items()}
    try:
        for table in tables:
            undo += [(table, name, tensor) for name, tensor in table.items() if id(tensor) in wanted]
        for table, name, tensor in undo:
            table[name] = wanted[id(tensor)]
        yield
    finally:
        for table, name, tensor in undo:
            table[name] = tensor


def own_tensor(module: torch.nn.Module, name: str) -> torch.Tensor:
    """A parameter or buffer by its qualified name.

    Raises:
        Refused: the module has none of that name.

    """
    path, _, last = name.rpartition(".")
    try:
        part = module.get_submodule(path)
    except AttributeError:
        part = None
    found = None if part is None else part._parameters.get(last, part._buffers.get(last))
    if found is None:
        raise Refused(BAD_REQUEST, f"the module has no parameter {name!r}")
    return found


def can_differentiate(tensor: Any) -> bool:
    return is_a(tensor, torch.Tensor) and (tensor.is_floating_point() or tensor.is_complex())


def call(room: Room, body: dict[str, Any]) -> dict[str, Any]:
    """CALL: see docs/protocol.md."""
    target = room.resolve(body.get("ref"))
    training, seed, grad = (
        optional(body, "training", bool),
        optional(body, "seed", int),
        optional(body, "grad", dict),
    )
    substitutes = optional(body, "parameters", dict) or {}
    module = module_behind(target)
    if module is None and (training is not None or substitutes or (grad and grad.get("parameters"))):
        raise Refused(BAD_REQUEST, "only a module or its method has a mode and parameters")
    incoming = room.incoming()
    args = incoming.live(field(body, "args", list, default=[]))
    kwargs = incoming.live(field(body, "kwargs", dict, default={}))
    tape = Tape([], [], {})
    in_place = {name: _live_tensor(data) for name, data in substitutes.items()}
    if grad is not None:
        args, kwargs = _track_inputs(incoming, grad, (args, kwargs), tape)
        _track_parameters(module, grad, in_place, tape)
    versions = [_version(tensor) for tensor in incoming.tensors]
    with ExitStack() as stack:
        stack.enter_context(torch.enable_grad())
        stack.enter_context(mode_of(module, training))
        stack.enter_context(swapped(module, in_place))
        seed_everything(seed)
        value = target(*args, **kwargs)
    modified = [index for index, tensor in enumerate(incoming.tensors) if _version(tensor) != versions[index]]
    return _reply(room, value, tape if grad is not None else None, keep=body.get("keep") is True) | {
        "modified_inputs": modified
    }


def _reply(room: Room, value: Any, tape: Tape | None, *, keep: bool) -> dict[str, Any]:
    outgoing = room.outgoing()
    reply: dict[str, Any] = {"value": room.handles.keep(value) if keep else outgoing.value(value)}
    if tape is not None:
        tape.outputs = outgoing.tensors
        with torch._C.DisableTorchFunctionSubclass():
            reply["differentiable"] = [tensor is not None and tensor.requires_grad for tensor in tape.outputs]
        reply["tape"] = room.keep_tape(tape)
    return reply


def _version(tensor: Any) -> int:
    # Torch counts in-place changes; NumPy arrays do not, and are left out.
    return int(tensor._version) if is_a(tensor, torch.Tensor) else 0


def _live_tensor(data: Any) -> torch.Tensor:
    if type(data) is not TensorData:
        raise Refused(BAD_REQUEST, "a parameter's substitute is a tensor")
    return from_data(data)


def _track_inputs(incoming: Incoming, grad: dict[str, Any], given: Any, tape: Tape) -> Any:
    """The arguments with leaves in the place of the tensors to differentiate by, which go on the tape."""
    copies: dict[int, torch.Tensor] = {}
    for index in field(grad, "inputs", list, default=[]):
        if type(index) is not int or not 0 <= index < len(incoming.tensors):
            raise Refused(BAD_REQUEST, "there is no argument tensor of that number")
        tensor = incoming.tensors[index]
        if not can_differentiate(tensor):
            tape.inputs.append(None)
            continue
        leaf = tensor.detach().requires_grad_()
        tape.inputs.append(leaf)
        # The callee gets a copy in the graph and not the leaf: an in-place activation may then work on its input,
        # as it may where the harness's own tensor is the result of another operation.
        copies[id(tensor)] = incoming.tensors[index] = leaf.clone()
    return _replaced(given, copies)


def _replaced(value: Any, copies: dict[int, torch.Tensor]) -> Any:
    if type(value) is list:
        return [_replaced(item, copies) for item in value]
    if type(value) is tuple:
        return tuple(_replaced(item, copies) for item in value)
    if type(value) is dict:
        return {key: _replaced(item, copies) for key, item in value.items()}
    return copies.get(id(value), value)


def _track_parameters(
    module: torch.nn.Module | None, grad: dict[str, Any], in_place: dict[str, torch.Tensor], tape: Tape
) -> None:
    for name in field(grad, "parameters", list, default=[]):
        if module is None or type(name) is not str:
            raise Refused(BAD_REQUEST, "parameters to differentiate by are names")
        own = own_tensor(module, name)
        if name not in in_place and own.requires_grad and own.is_leaf:
            # The student's own tensor, so that references to it beside the module count too.
            tape.parameters[name] = own
            continue
        leaf = in_place.get(name, own).detach()
        if can_differentiate(leaf):
            tape.parameters[name] = in_place[name] = leaf.requires_grad_()


def vjp(room: Room, body: dict[str, Any]) -> dict[str, Any]:
    """VJP: see docs/protocol.md."""
    tape = room.tapes.get(field(body, "tape", int))
    if tape is None:
        raise Refused(BAD_REQUEST, "there is no such tape, or it was released")
    cotangents = field(body, "cotangents", list)
    if len(cotangents) != len(tape.outputs):
        raise Refused(BAD_REQUEST, f"{len(cotangents)} cotangents for {len(tape.outputs)} tensors")
    outputs, weights = [], []
    for output, data in zip(tape.outputs, cotangents, strict=True):
        if data is None or output is None or not output.requires_grad:
            continue
        weight = _live_tensor(data)
        if weight.shape != output.shape:
            raise Refused(BAD_REQUEST, "a cotangent has another shape than its tensor")
        outputs.append(output)
        weights.append(weight.to(output.device, output.dtype))
    leaves = [*tape.inputs, *tape.parameters.values()]
    gradients = _gradients(outputs, weights, leaves)
    outgoing = room.outgoing()
    sent = [None if gradient is None else outgoing.plain_tensor(gradient) for gradient in gradients]
    count = len(tape.inputs)
    return {"inputs": sent[:count], "parameters": dict(zip(tape.parameters, sent[count:], strict=True))}


def _gradients(
    outputs: list[torch.Tensor], weights: list[torch.Tensor], leaves: list[torch.Tensor | None]
) -> list[torch.Tensor | None]:
    wanted = [leaf for leaf in leaves if leaf is not None]
    if not outputs or not wanted:
        return [None] * len(leaves)
    found = iter(torch.autograd.grad(outputs, wanted, weights, allow_unused=True, retain_graph=True))
    return [None if leaf is None else next(found) for leaf in leaves]
