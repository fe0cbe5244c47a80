"""Makes a remote call differentiable: its backward asks the probe for a vector-Jacobian product.

What comes back is checked for shape and dtype against the tensor it is the gradient of, so that a lying sandbox can
give wrong numbers (which the check then judges) but cannot break autograd on the trusted side.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from grader.domain.errors import ProtocolViolation, WrongResult
from grader.engine.student.values import tensors_of
from grader.engine.wire.tensors import from_data, to_data
from grader.engine.wire.values import TensorData

Request = Callable[[dict[str, Any]], dict[str, Any]]
MAX_TENSOR_BYTES = 256 * 2**20


@dataclass(slots=True)
class RemoteCall:
    """One call under way: how to ask, which inputs and parameters are differentiated, and what came back."""

    forward: Request
    vjp: Request
    body: dict[str, Any]
    parameter_names: tuple[str, ...]
    inputs: int
    value: Any = None
    tape: int = -1
    outputs: list[torch.Tensor] = field(default_factory=list)


class _Remote(torch.autograd.Function):
    """Tensors in: the differentiated inputs, then the parameters. Tensors out: every tensor of the call's value."""

    @staticmethod
    def forward(ctx: Any, call: RemoteCall, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        reply = call.forward(call.body)
        call.value = reply.get("value")
        outputs = tensors_of(call.value)
        flags = reply.get("differentiable")
        tape = reply.get("tape")
        if type(flags) is not list or len(flags) != len(outputs) or type(tape) is not int:
            raise ProtocolViolation("The sandbox did not say which results can be differentiated.")
        call.tape = tape
        ctx.call = call
        ctx.shapes = [(tuple(tensor.shape), tensor.dtype) for tensor in tensors]
        ctx.set_materialize_grads(False)
        frozen = [
            output
            for output, flag in zip(outputs, flags, strict=True)
            if flag is not True or not (output.is_floating_point() or output.is_complex())
        ]
        ctx.mark_non_differentiable(*frozen)
        return tuple(outputs)

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor | None) -> tuple[torch.Tensor | None, ...]:
        call: RemoteCall = ctx.call
        sent = [None if grad is None else to_data(grad, max_bytes=MAX_TENSOR_BYTES) for grad in cotangents]
        reply = call.vjp({"tape": call.tape, "cotangents": sent})
        inputs, parameters = reply.get("inputs"), reply.get("parameters")
        if type(inputs) is not list or len(inputs) != call.inputs or type(parameters) is not dict:
            raise ProtocolViolation("The sandbox sent no gradients.")
        received = [*inputs, *(parameters.get(name) for name in call.parameter_names)]
        return (None, *(_gradient(data, *facts) for data, facts in zip(received, ctx.shapes, strict=True)))


def _gradient(data: Any, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor | None:
    if data is None:
        return None
    if not isinstance(data, TensorData) or data.shape != shape:
        raise WrongResult("The gradient of your code's result has another shape than the tensor it belongs to.")
    return from_data(data).to(dtype)


def differentiable_call(call: RemoteCall, tensors: list[torch.Tensor]) -> list[torch.Tensor]:
    """Run the call; the tensors of its value, attached to this side's graph. `call.value` holds the structure."""
    outputs = _Remote.apply(call, *tensors)  # type: ignore[no-untyped-call]
    call.outputs = [outputs] if isinstance(outputs, torch.Tensor) else list(outputs)
    return call.outputs
