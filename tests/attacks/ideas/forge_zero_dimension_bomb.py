from tests.attacks.handins import RAW, wrong
from tests.attacks.idea import Idea

IDEA = Idea(
    name="forge_zero_dimension_bomb",
    family="forge",
    what="Describe a tensor of no bytes whose lengths multiply to more than memory and more than 64 bits hold",
    source=wrong(
        RAW
        + """
def smooth(x):
    import struct
    from msgpack import packb, ExtType
    raw(packb({"value": ExtType(1, packb(["float32", [2**39, 2**39, 2**39, 0], 0, 0, "tensor"]))}))
    return torch.zeros(len(x) - 2)
"""
    ),
    only=("A.fresh", "A.count"),
    flags=("bytes that are no message",),
)
