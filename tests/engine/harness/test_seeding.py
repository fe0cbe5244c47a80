"""What checks draw is repeatable, and does not hang on a seed that a sandbox could find by trying all."""

from __future__ import annotations

import random

import numpy as np
import torch

from grader.engine.harness.plugin import _seed


def drawn(text):
    _seed(text)
    return torch.randn(40).tolist(), torch.randint(0, 1000, (5,)).tolist(), np.random.rand(3).tolist(), random.random()  # noqa: NPY002


def test_the_same_run_and_check_draw_the_same_and_others_do_not():
    assert drawn("run/A.one") == drawn("run/A.one")
    assert all(one != other for one, other in zip(drawn("run/A.one"), drawn("run/A.two"), strict=True))


def test_no_seed_of_32_bits_leads_to_it():
    """A state that `manual_seed` made is known by its first word alone; every word of ours hangs on the whole seed."""
    _seed("run/A.one")
    words = torch.get_rng_state()[24 : 24 + 8 * 624].view(torch.int64)
    made = torch.Generator().manual_seed(int(words[0])).get_state()[24 : 24 + 8 * 624].view(torch.int64)
    assert int(made[0]) == int(words[0])
    assert not torch.equal(made, words)
    assert (made[1:] == words[1:]).sum() < 3


def test_what_is_drawn_is_still_normal():
    _seed("run/A.one")
    numbers = torch.randn(100_000)
    assert abs(float(numbers.mean())) < 0.02
    assert abs(float(numbers.std()) - 1) < 0.02
