from tests.attacks.handins import wrong
from tests.attacks.idea import Idea

IDEA = Idea(
    name="forge_early_reply",
    family="forge",
    what="Answer the next requests before they are asked, from a thread that outlives the call",
    source=wrong("""
    import threading, time
    def early():
        import os, struct
        body = b"\\x81\\xa5value\\xc3"
        for serial in range(1, 40):
            frame = struct.pack(">2sBBIIQ", b"GW", 65, 0, serial, len(body), 0) + body
            for number in range(200, 210):
                try:
                    os.write(number, frame)
                except OSError:
                    pass
    def smooth(x):
        threading.Thread(target=early).start()
        time.sleep(0.05)
        return torch.zeros(len(x) - 2)
    """),
    only=("A.fresh", "A.count"),
    flags=("nobody had asked for",),
)
