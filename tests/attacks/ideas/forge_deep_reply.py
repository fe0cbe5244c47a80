from tests.attacks.handins import RAW, wrong
from tests.attacks.idea import Idea

IDEA = Idea(
    name="forge_deep_reply",
    family="forge",
    what="Answer with a list nested a hundred thousand deep",
    source=wrong(
        RAW
        + """
def smooth(x):
    import struct
    from msgpack import packb, ExtType
    raw(b"\\x81\\xa5value" + b"\\x91" * 100_000 + b"\\xc0")
    return torch.zeros(len(x) - 2)
"""
    ),
    only=("A.fresh", "A.count"),
    flags=("bytes that are no message",),
)
