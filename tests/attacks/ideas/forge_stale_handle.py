from tests.attacks.handins import RAW, wrong
from tests.attacks.idea import Idea

IDEA = Idea(
    name="forge_stale_handle",
    family="forge",
    what="Answer twice, with handles of numbers that were never given out",
    source=wrong(
        RAW
        + """
def smooth(x):
    import pickle, struct
    from msgpack import ExtType, packb
    raw(packb({"value": [ExtType(2, packb([2**47, "module", "Tensor"]))]}))
    return torch.zeros(len(x) - 2)
"""
    ),
    only=("A.fresh", "A.count"),
    flags=("nobody had asked for",),
)
