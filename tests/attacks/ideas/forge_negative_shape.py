from tests.attacks.handins import RAW, wrong
from tests.attacks.idea import Idea

IDEA = Idea(
    name="forge_negative_shape",
    family="forge",
    what="Describe a tensor with negative lengths and one that starts before its payload",
    source=wrong(
        RAW
        + """
def smooth(x):
    import struct
    from msgpack import packb, ExtType
    raw(packb({"value": ExtType(1, packb(["float32", [-1, -4], 0, 16, "tensor"]))}), b"0" * 16)
    raw(packb({"value": ExtType(1, packb(["float32", [4], -16, 16, "tensor"]))}), b"0" * 16)
    return torch.zeros(len(x) - 2)
"""
    ),
    only=("A.fresh", "A.count"),
    flags=("bytes that are no message",),
)
