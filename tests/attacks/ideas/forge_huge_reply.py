from tests.attacks.handins import RAW, wrong
from tests.attacks.idea import Idea

IDEA = Idea(
    name="forge_huge_reply",
    family="forge",
    what="Announce a payload of 16 exabytes, and a header of 4 GB",
    source=wrong(
        RAW
        + """
def smooth(x):
    import struct
    from msgpack import packb, ExtType
    raw(b"", header_length=2**32 - 1, payload_length=2**64 - 1)
    return torch.zeros(len(x) - 2)
"""
    ),
    only=("A.fresh", "A.count"),
    flags=("bytes that are no message",),
    told=("disturbed the grader's connection",),
)
