from tests.attacks.handins import RAW, wrong
from tests.attacks.idea import Idea

IDEA = Idea(
    name="forge_wrong_dtype",
    family="forge",
    what="Describe tensors whose dtype, shape and number of bytes disagree",
    source=wrong(
        RAW
        + """
def smooth(x):
    import struct
    from msgpack import packb, ExtType
    for dtype, shape in (("float32", [2**20]), ("object", [1]), ("float64", [1, 1])):
        raw(packb({"value": ExtType(1, packb([dtype, shape, 0, 4, "tensor"]))}), b"1234")
    return torch.zeros(len(x) - 2)
"""
    ),
    only=("A.fresh", "A.count"),
    flags=("bytes that are no message",),
)
