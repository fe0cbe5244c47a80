from tests.attacks.handins import wrong
from tests.attacks.idea import Idea

IDEA = Idea(
    name="forge_event_for_answer",
    family="forge",
    what="Send messages of the wrong kind and out of order: an event, a second READY, an unknown kind",
    source=wrong("""
    def smooth(x):
        import gc, os, struct
        from grader.engine.probe.serve import Server
        serial = 5
        for kind in (68, 64, 99):
            frame = struct.pack(">2sBBIIQ", b"GW", kind, 0, serial, 1, 0) + b"\\x80"
            for number in range(200, 210):
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
