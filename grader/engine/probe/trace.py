"""TRACE: the tensor operations of a call, with what went in, what came out and the module they ran in.

Two lists are made. `operations` are calls of torch's public functions, as a reader of the code would name them; code
that calls `torch._C` directly stays out of it. `low` are the operators beneath, which nothing that computes with
tensors in this process can avoid. Tensors carry numbers: two tensors over the same memory in the same arrangement
have the same one, so that both lists and the arguments speak of the same tensors.
"""

# ruff: noqa: SLF001 - an operator's schema has no public name
from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import torch
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.overrides import TorchFunctionMode, resolve_name
from torch.utils._python_dispatch import TorchDispatchMode

from grader.engine.probe.calls import mode_of, module_behind, seed_everything
from grader.engine.probe.describe import class_names
from grader.engine.probe.handles import clean, is_a, qualified_name
from grader.engine.probe.refusal import field, optional
from grader.engine.probe.room import Room

OPERATIONS = 20_000
# The trusted side takes 200,000 entries in a message; the call's value may have its own share.
ENTRIES = 100_000
VALUE_ENTRIES = 50_000
OPTION_ITEMS = 16
OPTION_TEXT = 100


class TensorNumbers:
    """Numbers for the tensors of one trace, which are kept alive so that no memory is used twice."""

    def __init__(self) -> None:
        self._numbers: dict[Any, int] = {}
        self._alive: list[torch.Tensor] = []

    def of(self, tensor: torch.Tensor) -> int:
        key = self._key(tensor)
        if key not in self._numbers:
            self._numbers[key] = len(self._numbers)
            self._alive.append(tensor)
        return self._numbers[key]

    @staticmethod
    def _key(tensor: torch.Tensor) -> Any:
        try:
            place = tensor.untyped_storage().data_ptr()
        except (RuntimeError, NotImplementedError):
            place = 0
        if not place:
            return id(tensor)
        return place, tensor.storage_offset(), tuple(tensor.shape), tuple(tensor.stride()), tensor.dtype


class ModuleStack:
    """The modules a call is in at the moment, by hooks on every module there is."""

    def __init__(self, root: torch.nn.Module | None) -> None:
        self._names = {} if root is None else {id(module): name for name, module in root.named_modules()}
        self._stack: list[tuple[str, dict[str, Any]]] = []

    def facts(self) -> dict[str, Any]:
        return self._stack[-1][1] if self._stack else {"module": "", "module_type": "", "module_bases": []}

    def watch(self, stack: ExitStack) -> None:
        """Follow every module's forward pass until the stack is left."""
        before = register_module_forward_pre_hook(self._enter)
        stack.callback(before.remove)
        after = register_module_forward_hook(self._leave, always_call=True)
        stack.callback(after.remove)

    def _enter(self, module: torch.nn.Module, args: Any) -> None:
        del args
        # A module made during the call has no name of its own: it goes by that of the one it runs in.
        name = self._names.get(id(module), self._stack[-1][0] if self._stack else "")
        facts = {
            "module": clean(name, 300),
            "module_type": qualified_name(type(module)),
            "module_bases": class_names(module),
        }
        self._stack.append((name, facts))

    def _leave(self, module: torch.nn.Module, args: Any, output: Any) -> None:
        del module, args, output
        if self._stack:
            self._stack.pop()


class Recorder:
    """Collects operations from both levels under one cap."""

    def __init__(self, modules: ModuleStack) -> None:
        self.numbers = TensorNumbers()
        self.operations: list[dict[str, Any]] = []
        self.low: list[dict[str, Any]] = []
        self.truncated = False
        self._modules = modules
        self._entries = 0

    def add(
        self,
        into: list[dict[str, Any]],
        op: str,
        inputs: list[tuple[int, list[int]]],
        result: Any,
        options: dict[str, Any],
    ) -> None:
        outputs = self.numbered(result)
        if not outputs:
            # Sizes, truth values and numbers read from a tensor are no tensor operation.
            return
        facts = self._modules.facts()
        tensors = [[number, shape] for number, shape in [*inputs, *outputs]]
        cost = 20 + len(facts["module_bases"]) + 5 * len(options) + sum(3 + len(shape) for _, shape in outputs + inputs)
        if len(self.operations) + len(self.low) >= OPERATIONS or self._entries + cost > ENTRIES:
            self.truncated = True
            return
        self._entries += cost
        sides = {"inputs": tensors[: len(inputs)], "outputs": tensors[len(inputs) :]}
        into.append({"op": op, **facts, **sides, "options": options})

    def numbered(self, value: Any) -> list[tuple[int, list[int]]]:
        return [(self.numbers.of(tensor), [int(n) for n in tensor.shape]) for tensor in tensors_within(value)]


class _Public(TorchFunctionMode):
    """Sees calls of torch's public functions and tensor methods, the outermost of nested ones."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self._recorder = recorder

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        # Numbered before the call: an in-place resize changes what the input was.
        inputs = self._recorder.numbered((args, kwargs))
        result = func(*args, **kwargs)
        name = public_name(func)
        if not name.endswith(".__get__"):
            self._recorder.add(self._recorder.operations, name, inputs, result, options_of(args, kwargs))
        return result


class _Operators(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees every operator that is computed."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._recorder = recorder

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        inputs = self._recorder.numbered((args, kwargs))
        result = func(*args, **kwargs)
        schema = func._schema
        names = [argument.name for argument in schema.arguments]
        op = schema.name.replace("::", ".")
        self._recorder.add(self._recorder.low, op, inputs, result, options_of(args, kwargs, names))
        return result


def public_name(func: Any) -> str:
    """The name by which torch's documentation knows a function, such as "torch.cat" or "Tensor.view"."""
    try:
        name = resolve_name(func)
    except Exception:
        name = None
    if name is None:
        name = f"{getattr(func, '__module__', None) or 'torch'}.{getattr(func, '__name__', 'unknown')}"
    return clean(str(name), 200).removeprefix("torch.") if str(name).startswith("torch.Tensor.") else clean(name, 200)


def options_of(args: Any, kwargs: dict[str, Any], names: list[str] | None = None) -> dict[str, Any]:
    """The plain arguments, by name where there is one and by position otherwise."""
    keys = [names[index] if names and index < len(names) else str(index) for index in range(len(args))]
    found: dict[str, Any] = {}
    for key, value in [*zip(keys, args, strict=True), *kwargs.items()]:
        plain = _plain(value)
        if plain is not _NOTHING and len(found) < OPTION_ITEMS:
            found[clean(str(key), OPTION_TEXT)] = plain
    return found


_NOTHING = object()


def _plain(value: Any) -> Any:
    if value is None or type(value) in (bool, float):
        return value
    if type(value) is int:
        return value if abs(value) < 2**63 else _NOTHING
    if type(value) is str:
        return clean(value, OPTION_TEXT)
    if is_a(value, torch.dtype, torch.device):
        return str(value)
    if is_a(value, tuple, list) and 0 < len(value) <= OPTION_ITEMS and all(type(n) in (int, float) for n in value):
        return tuple(value)
    return _NOTHING


def tensors_within(value: Any, depth: int = 0) -> Iterator[torch.Tensor]:
    """The tensors in arguments or results, through lists, tuples and dicts."""
    if is_a(value, torch.Tensor):
        yield value
    elif depth < 6 and is_a(value, list, tuple):
        for item in value:
            yield from tensors_within(item, depth + 1)
    elif depth < 6 and is_a(value, dict):
        for item in value.values():
            yield from tensors_within(item, depth + 1)


def trace(room: Room, body: dict[str, Any]) -> dict[str, Any]:
    """TRACE: see docs/protocol.md."""
    target = room.resolve(body.get("ref"))
    module = module_behind(target)
    training, seed = optional(body, "training", bool), optional(body, "seed", int)
    incoming = room.incoming()
    args = incoming.live(field(body, "args", list, default=[]))
    kwargs = incoming.live(field(body, "kwargs", dict, default={}))
    modules = ModuleStack(module)
    recorder = Recorder(modules)
    arguments = [recorder.numbers.of(torch.as_tensor(tensor)) for tensor in incoming.tensors]
    with ExitStack() as stack:
        stack.enter_context(torch.enable_grad())
        stack.enter_context(mode_of(module, training))
        seed_everything(seed)
        modules.watch(stack)
        stack.enter_context(_Operators(recorder))
        stack.enter_context(_Public(recorder))
        value = target(*args, **kwargs)
    outgoing = room.outgoing(entries=VALUE_ENTRIES)
    return {
        "operations": recorder.operations,
        "low": recorder.low,
        "truncated": recorder.truncated,
        "arguments": arguments,
        "value": outgoing.value(value),
        "results": [-1 if tensor is None else recorder.numbers.of(tensor) for tensor in outgoing.tensors],
    }
