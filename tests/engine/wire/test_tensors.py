"""Tensors come out as they went in, whatever their dtype, shape and layout."""

import pytest
import torch

from grader.engine.wire.tensors import TORCH_DTYPES, from_data, to_data
from grader.engine.wire.values import DTYPES, TensorData, Unsendable, decode, encode

LIMIT = 2**20


def sent(tensor):
    header, buffers = encode(to_data(tensor, max_bytes=LIMIT))
    return from_data(decode(header, b"".join(buffers)))


@pytest.mark.parametrize("name", sorted(DTYPES))
@pytest.mark.parametrize("shape", [(), (3,), (0,), (2, 0, 3), (2, 3, 4)])
def test_every_dtype_and_shape(name, shape):
    dtype = TORCH_DTYPES[name]
    tensor = (torch.randn(shape) * 3).to(torch.int64).abs().to(dtype)
    found = sent(tensor)
    assert found.dtype == dtype
    assert found.shape == tensor.shape
    assert torch.equal(found, tensor)
    assert DTYPES[name] == tensor.element_size()


def test_special_numbers_keep_their_bits():
    for dtype in (torch.float32, torch.bfloat16, torch.float16, torch.float64):
        tensor = torch.tensor([float("nan"), float("inf"), -0.0, 1e-40], dtype=dtype)
        assert torch.equal(sent(tensor).view(torch.uint8), tensor.view(torch.uint8))


def test_layouts_become_plain():
    base = torch.arange(24.0).reshape(2, 3, 4)
    for tensor in (base.permute(2, 0, 1), base[:, ::2], base[0, 0].expand(5, 4), base.requires_grad_()):
        assert torch.equal(sent(tensor), tensor.detach())
    both = torch.tensor([1 + 2j, 3 - 1j])
    assert torch.equal(sent(both.conj()), both.conj().resolve_conj())
    assert torch.equal(sent(both.conj().imag), torch.tensor([-2.0, 1.0]))


def test_a_fresh_tensor_owns_its_memory():
    data = to_data(torch.ones(3), max_bytes=LIMIT)
    first, second = from_data(data), from_data(data)
    first += 1
    assert second.tolist() == [1, 1, 1]
    assert not first.requires_grad


def test_booleans_made_of_other_bytes_are_truth_values():
    tensor = from_data(TensorData("bool", (4,), bytes([0, 1, 2, 255])))
    assert tensor.tolist() == [False, True, True, True]
    assert tensor.view(torch.uint8).tolist() == [0, 1, 1, 1]
    assert int(tensor.sum()) == 3


@pytest.mark.parametrize("make", [
    lambda: torch.eye(3).to_sparse(),
    lambda: torch.zeros(1).expand(10**5, 10**5),
    lambda: torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8),
])  # fmt: skip
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
def test_what_cannot_travel_is_refused_before_memory_is_taken(make):
    with pytest.raises(Unsendable):
        to_data(make(), max_bytes=LIMIT)
