from tests.attacks.handins import in_count
from tests.attacks.idea import FLOOR, Idea

IDEA = Idea(
    name="escape_x32_calls",
    family="escape",
    what="Enter the kernel by the x32 numbers of its calls",
    source=in_count("""
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
result = libc.syscall(ctypes.c_long(0x40000000 + 39))
print("REFUSED" if result < 0 else "DONE ", ctypes.get_errno())
"""),
    only=("A.count",),
    at_most=0,
    at_least=0,
    harms=True,
    tried="",
    untold=("DONE ",),
    endings=("forbidden_call", "crashed"),
    flags=("another architecture",),
    # The engine's filter ends the thread that called, not the process, so that the check waits for its time. gVisor's
    # kernel, which is not the host's, refuses such a call and lets the code go on.
    differs={
        "docker": {"endings": ("timed_out", "forbidden_call"), "flags": ()},
        "gvisor": {"at_most": FLOOR, "endings": (), "flags": (), "tried": "REFUSED"},
    },
)
