from tests.attacks.handins import RAW, wrong
from tests.attacks.idea import Idea

IDEA = Idea(
    name="forge_wide_reply",
    family="forge",
    what="Answer with eight million empty lists, half a gigabyte once they are built",
    source=wrong(
        RAW
        + """
def smooth(x):
    import struct
    from msgpack import packb, ExtType
    raw(b"\\x81\\xa5value\\xdd" + struct.pack(">I", 8_000_000) + b"\\x90" * 8_000_000)
    return torch.zeros(len(x) - 2)
"""
    ),
    only=("A.fresh", "A.count"),
    flags=("bytes that are no message",),
)
