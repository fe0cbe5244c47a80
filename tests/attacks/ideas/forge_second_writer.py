from tests.attacks.handins import wrong
from tests.attacks.idea import Idea

IDEA = Idea(
    name="forge_second_writer",
    family="forge",
    what="Write whole answers to every descriptor there is, while the grader waits for its own",
    source=wrong("""
    def smooth(x):
        import os, struct
        for serial in range(1, 60):
            frame = struct.pack(">2sBBIIQ", b"GW", 65, 0, serial, 1, 0) + b"\\x80"
            for number in range(3, 256):
                try:
                    os.write(number, frame)
                except OSError:
                    pass
        return torch.zeros(len(x) - 2)
    """),
    only=("A.fresh", "A.count"),
    told=("disturbed the grader's connection",),
    flags=("nobody had asked for",),
)
