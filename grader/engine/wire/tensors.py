"""Between `TensorData` and torch. Kept apart, so that the rest of the wire needs no torch."""

from __future__ import annotations

from typing import Any

import torch

from grader.engine.wire.values import DTYPES, TensorData, Unsendable

TORCH_DTYPES: dict[str, torch.dtype] = {name: getattr(torch, name) for name in DTYPES}
NAMES: dict[torch.dtype, str] = {dtype: name for name, dtype in TORCH_DTYPES.items()}


def to_data(tensor: torch.Tensor, *, max_bytes: int, source: str = "tensor") -> TensorData:
    """A tensor's values, detached, on the CPU, contiguous.

    Raises:
        Unsendable: a sparse, quantised or otherwise odd tensor, or one over `max_bytes` bytes.

    """
    plain = tensor.detach()
    if plain.layout is not torch.strided or plain.dtype not in NAMES:
        raise Unsendable(f"a tensor of layout {plain.layout} and dtype {plain.dtype} cannot travel")
    size = plain.numel() * plain.element_size()
    if size > max_bytes:
        raise Unsendable(f"a tensor of {size:,} bytes is over the limit of {max_bytes:,}")
    dense = plain.resolve_conj().resolve_neg().to("cpu").contiguous()
    name, shape = NAMES[dense.dtype], tuple(dense.shape)
    if size == 0:
        return TensorData(name, shape, b"", source)
    # Through bytes, because NumPy has no bfloat16.
    array: Any = dense.reshape(-1).view(torch.uint8).numpy()
    return TensorData(name, shape, memoryview(array), source)


def from_data(data: TensorData) -> torch.Tensor:
    """A fresh tensor that owns its memory; the caller has checked dtype and size by decoding."""
    dtype = TORCH_DTYPES[data.dtype]
    if not memoryview(data.data).nbytes:
        return torch.empty(data.shape, dtype=dtype)
    raw = torch.frombuffer(bytearray(data.data), dtype=torch.uint8)
    if dtype is torch.bool:
        # A hostile byte other than 0 and 1 in a bool tensor is undefined behaviour; make it a plain truth value.
        return raw.ne(0).reshape(data.shape)
    return raw.view(dtype).reshape(data.shape)
