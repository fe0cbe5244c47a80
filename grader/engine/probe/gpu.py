"""Training on a GPU: FIT and PREDICT take the model and its data there, and bring them back.

The invariant: between those requests everything lies on the CPU, so that all other checks see what a sandbox without
a GPU shows. The accepted gap: a model whose own code mixes devices (a tensor made once, kept in a list) cannot be
moved from outside; it is then computed on the CPU, as a machine without a GPU would, and its student is told.

The limit on device memory is torch's own and holds for honest code alone: student code can undo it.
"""

# ruff: noqa: SLF001 - torch has no public door to a module's own tables
from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import nn

from grader.engine.probe import devices
from grader.engine.probe.handles import is_a

Value = TypeVar("Value")
# Set for a sandbox that has a GPU: the share of its memory, between 0 and 1.
VARIABLE = "GRADER_PROBE_GPU"
# The engine shows a sandbox one device only.
DEVICE = torch.device("cuda", 0)
NOTE = "(The grader trained this model on the processor instead of the GPU, because its code mixes the two: {reason})"
# Words of torch's errors where tensors of one operation lie on two devices, or NumPy is handed one from a GPU.
_MIXED = (
    "expected all tensors to be on the same device", "expected object of device type", "should be the same",
    "indices should be either on cpu", "device type tensor to numpy", "generator but found",
)  # fmt: skip


class _State:
    """Whether this probe trains on a GPU."""

    is_ready = False


def prepare(share: float) -> None:
    """Take hold of the GPU before any of the student's code is there.

    A GPU that fails here fails by nobody's code but ours, and the sandbox ends before it is ready.

    Args:
        share: how much of the device's memory torch may use, between 0 and 1.

    Raises:
        RuntimeError: the GPU cannot be used.

    """
    if not torch.cuda.is_available():
        built = "was built without CUDA" if torch.version.cuda is None else "finds no usable one"
        raise RuntimeError(f"this sandbox should have a GPU, but its torch {torch.__version__} {built}")
    torch.cuda.init()  # type: ignore[no-untyped-call]
    torch.cuda.set_per_process_memory_fraction(share, DEVICE)
    # The first kernel shows what an initialised driver does not: code for this very GPU, memory, an answer.
    ones = torch.ones(8, 8, device=DEVICE)
    if float((ones @ ones).sum()) != 512.0:
        raise RuntimeError("the GPU computed 8 x 8 x 8 wrongly")
    _State.is_ready = True


def is_there() -> bool:
    """Whether FIT and PREDICT go to a GPU."""
    return _State.is_ready


def computed(model: nn.Module, work: Callable[[torch.device], Value], *, may_repeat: Callable[[], bool]) -> Value:
    """What `work` gives on the GPU with the model there; on the CPU where there is none.

    Where the model's own code mixes devices it is put back to what it was, and `work` is done again on the CPU,
    unless `may_repeat` says that somebody has heard of the first try.
    """
    if not is_there():
        return work(device_of(model))
    before = _copied(model)
    try:
        with on_gpu(model):
            return work(DEVICE)
    except (RuntimeError, TypeError) as error:
        if not mixes_devices(error) or not may_repeat():
            raise
        reason = str(error).split("\n", 1)[0][:200]
    _put_back(before)
    # To the student's own output: they should know why this took longer.
    sys.stdout.write(NOTE.format(reason=reason) + "\n")
    return work(devices.CPU)


def mixes_devices(error: BaseException) -> bool:
    text = str(error).lower()
    return ("cuda" in text or "device" in text) and any(words in text for words in _MIXED)


@contextmanager
def on_gpu(model: nn.Module) -> Iterator[None]:
    """The model on the GPU, new tensors and moves going there, the same seed giving the same numbers."""
    with devices.at_home_on(DEVICE), torch.device(DEVICE), _repeatable():
        try:
            move(model, DEVICE)
            yield
        finally:
            # A context that a device-side assert has ended gives nothing back; its sandbox is not used again.
            with contextlib.suppress(RuntimeError):
                move(model, devices.CPU)


def move(model: nn.Module, device: torch.device) -> None:
    """A module's parameters, buffers, and the plain tensors its modules keep, to `device`."""
    nn.Module.to(model, device)
    for module in nn.Module.modules(model):
        for name, value in list(vars(module).items()):
            if is_a(value, torch.Tensor):
                vars(module)[name] = value.to(device)


def device_of(model: nn.Module) -> torch.device:
    first = next(model.parameters(), None)
    return devices.CPU if first is None else first.device


def warm_up(step: Callable[[torch.device], None]) -> None:
    """Load the kernels of a usual training step, as `step` does it."""
    with devices.at_home_on(DEVICE), torch.device(DEVICE), _repeatable():
        step(DEVICE)
    torch.cuda.empty_cache()


@contextmanager
def _repeatable() -> Iterator[None]:
    """The same seed gives the same numbers on the same machine, whatever student code has switched on.

    With CUBLAS_WORKSPACE_CONFIG, which is in the sandbox's environment. An operation that has no repeatable form is
    computed all the same: a warning is nobody's failure.
    """
    # Memory that nobody wrote stays what it is, as on the CPU.
    wanted: list[tuple[Any, str, bool]] = [
        (torch.backends.cudnn, "deterministic", True),
        (torch.backends.cudnn, "benchmark", False),
        (torch.backends.cudnn, "allow_tf32", False),
        (torch.backends.cuda.matmul, "allow_tf32", False),
        (torch.utils.deterministic, "fill_uninitialized_memory", False),
    ]
    before = [getattr(owner, name) for owner, name, _ in wanted]
    was_deterministic = torch.are_deterministic_algorithms_enabled()
    warned_only = torch.is_deterministic_algorithms_warn_only_enabled()
    try:
        for owner, name, value in wanted:
            setattr(owner, name, value)
        torch.use_deterministic_algorithms(True, warn_only=True)
        with warnings.catch_warnings():
            # It would stand in the student's output, who asked for nothing of the kind.
            warnings.filterwarnings("ignore", message=".*deterministic")
            yield
    finally:
        for (owner, name, _), value in zip(wanted, before, strict=True):
            setattr(owner, name, value)
        torch.use_deterministic_algorithms(was_deterministic, warn_only=warned_only)


_Copies = list[tuple[dict[str, Any], str, torch.Tensor]]


def _copied(model: nn.Module) -> _Copies:
    with torch.no_grad():
        return [
            (table, name, tensor.detach().clone())
            for module in nn.Module.modules(model)
            for table in (module._parameters, module._buffers)
            for name, tensor in table.items()
            if tensor is not None
        ]


def _put_back(before: _Copies) -> None:
    with torch.no_grad():
        for table, name, values in before:
            table[name].data.copy_(values)
