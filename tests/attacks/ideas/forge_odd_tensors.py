from tests.attacks.handins import wrong
from tests.attacks.idea import Idea

IDEA = Idea(
    name="forge_odd_tensors",
    family="forge",
    what="Return arrays with negative strides, and sparse, quantised, complex, expanded and meta tensors, in turn",
    source=wrong("""
import numpy as np
turns = []
def smooth(x):
    n = len(x) - 2
    turns.append(n)
    odd = [
        lambda: np.zeros((n, 3), dtype=">f8")[::-1, ::-2][:, 0],
        lambda: torch.empty(n, device="meta"),
        lambda: torch.zeros(n).to_sparse(),
        lambda: torch.zeros(1).expand(n),
        lambda: torch.zeros(n, dtype=torch.complex64).conj(),
        lambda: np.lib.stride_tricks.as_strided(np.zeros(1, dtype=np.float32), (2**40,), (0,)),
    ]
    return odd[len(turns) % len(odd)]()
"""),
)
