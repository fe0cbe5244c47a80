from tests.attacks.handins import RAW, wrong
from tests.attacks.idea import Idea

IDEA = Idea(
    name="forge_foreign_object",
    family="forge",
    what="Answer with a pickle under an extension of its own, and with a date out of range",
    source=wrong(
        RAW
        + """
def smooth(x):
    import pickle, struct
    from msgpack import ExtType, packb
    raw(packb({"value": ExtType(99, pickle.dumps(print))}))
    raw(b"\\x81\\xa5value\\xc7\\x0c\\xff" + b"\\xff" * 12)
    return torch.zeros(len(x) - 2)
"""
    ),
    only=("A.fresh", "A.count"),
    flags=("bytes that are no message",),
)
