from tests.attacks.handins import wrong
from tests.attacks.idea import Idea

IDEA = Idea(
    name="forge_trace_function",
    family="forge",
    what="Rewrite the local variables of whoever calls, by sys.settrace and sys.setprofile",
    source=wrong("""
    import sys, threading
    def rewrite(frame, event, argument):
        for name in ("passed", "points", "status", "share", "verdict", "score"):
            if name in frame.f_locals:
                frame.f_locals[name] = True
        return rewrite
    class Patched:
        sys.settrace(rewrite)
        threading.settrace(rewrite)
        sys.setprofile(rewrite)
    def smooth(x):
        sys.settrace(rewrite)
        frame = sys._getframe()
        while frame:
            frame.f_trace = rewrite
            frame = frame.f_back
        print("traced:", sys.gettrace() is rewrite)
        return torch.zeros(len(x) - 2)
    """),
    tried="traced: True",
)
