from tests.attacks.handins import wrong
from tests.attacks.idea import Idea

IDEA = Idea(
    name="forge_malformed_reply",
    family="forge",
    what="Write bytes that are no message to the protocol's pipe",
    source=wrong("""
    def smooth(x):
        import os
        for number in range(3, 256):
            try:
                os.write(number, b"\\x00" * 32)
            except OSError:
                pass
        return torch.zeros(len(x) - 2)
    """),
    only=("A.fresh", "A.count"),
    told=("disturbed the grader's connection",),
    flags=("bytes that are no message",),
)
