"""What went wrong on a GPU, told apart by the words of an exception that came out of a sandbox.

The invariant: those words are a claim. A claim against oneself (memory, an impossible label) costs the check, as any
exception does. A claim that the platform failed gains nothing: the stage has no result, is tried again on another
device where there is one, at most three times, and then the run has no score. Whether a device is really broken is
asked of the host (`sandbox/devices.py`), never read from here.
"""

from __future__ import annotations

import re
from enum import StrEnum


class Accident(StrEnum):
    """Kinds of trouble that an exception's own words explain badly."""

    GPU_MEMORY = "gpu_memory"
    MAIN_MEMORY = "main_memory"
    IMPOSSIBLE_INDEX = "impossible_index"
    PLATFORM = "platform"


SENTENCES: dict[Accident, str] = {
    Accident.GPU_MEMORY: (
        "Your code ran out of GPU memory{wanted}. Make the batch or the model smaller; keep numbers of earlier steps, "
        "not tensors (loss.item(), not loss); predict under torch.no_grad()."
    ),
    Accident.MAIN_MEMORY: (
        "Your code ran out of main memory (the computer's, not the GPU's){wanted}. Make arrays and batches smaller, "
        "and do not keep what is no longer needed."
    ),
    Accident.IMPOSSIBLE_INDEX: (
        "Your code used an index that does not exist, which ended its work on the GPU (a device-side assert). The "
        "usual cause is a label outside 0 to classes - 1 in a loss such as cross_entropy: compare the number of your "
        "model's outputs with the labels. Else look for an index outside an embedding or a tensor; on the CPU the "
        "error names the line."
    ),
    Accident.PLATFORM: (
        "The sandbox said that the GPU or its driver failed ({said}); this is not the submission's fault as far as is "
        "known, so the stage is tried again. If `nvidia-smi` finds nothing wrong, read the submission."
    ),
}
_GPU_MEMORY = (
    "cuda out of memory", "cuda error: out of memory", "cudaerrormemoryallocation", "cublas_status_alloc_failed",
    "cudnn_status_alloc_failed", "hip out of memory",
)  # fmt: skip
_MAIN_MEMORY = ("defaultcpuallocator", "cannot allocate memory", "unable to allocate")
_PLATFORM = (
    "no kernel image is available", "cuda unknown error", "cuda error: unknown error", "uncorrectable ecc",
    "uncorrectable nvlink", "gpu is lost", "fallen off the bus", "driver shutting down", "hardware stack error",
    "driver version is insufficient", "nvidia driver on your system is too old", "found no nvidia driver",
    "devices are busy or unavailable", "no cuda-capable device", "no cuda gpus are available",
    "system not yet initialized", "cuda error: initialization error", "cuda driver error: device not ready",
    "nccl error", "ncclsystemerror", "ncclunhandledcudaerror", "ncclinternalerror",
)  # fmt: skip
_WANTED = re.compile(r"Tried to allocate ([0-9.]+ [KMGT]iB)|you tried to allocate ([0-9]+ bytes)")


def accident_of(kind: str, text: str, *, on_gpu: bool) -> Accident | None:
    """What an exception of the class `kind` with the message `text` means; None if its own words say enough."""
    said = f"{kind}: {text}".lower()
    if on_gpu:
        if "device-side assert" in said:
            return Accident.IMPOSSIBLE_INDEX
        if kind == "OutOfMemoryError" or any(words in said for words in _GPU_MEMORY):
            return Accident.GPU_MEMORY
        if any(words in said for words in _PLATFORM):
            return Accident.PLATFORM
    if kind in ("MemoryError", "_ArrayMemoryError") or any(words in said for words in _MAIN_MEMORY):
        return Accident.MAIN_MEMORY
    return None


def sentence_of(accident: Accident, text: str) -> str:
    """What the student reads (of PLATFORM: staff)."""
    found = _WANTED.search(text)
    wanted = f" (it asked for another {found[1] or found[2]})" if found else ""
    return SENTENCES[accident].format(wanted=wanted, said=text[:160] or "no words")


def ends_the_context(text: str) -> bool:
    """Whether CUDA answers nothing more in that process: the next check needs another sandbox."""
    said = text.lower()
    return "cuda error:" in said and not any(words in said for words in _GPU_MEMORY)


def diverged(step: int, *, batch_size: int, count: int) -> str:
    """The sentence for a loss that is no finite number from `step` on, in a training on `count` inputs."""
    steps_per_epoch = max(1, -(-count // batch_size))
    epoch = (step - 1) // steps_per_epoch + 1
    return (
        f"The training was stopped because from step {step} on, in epoch {epoch}, its loss was no finite number (NaN "
        "or infinite). Look for a logarithm or square root of 0 or of a negative number, a division by 0, a softmax "
        "before a loss that has one, or values that grow from layer to layer."
    )
