from tests.attacks.handins import in_count
from tests.attacks.idea import FLOOR, Idea

IDEA = Idea(
    name="escape_foreign_calls",
    family="escape",
    what="Enter the kernel by its 32-bit door, where the list of calls would mean other calls",
    source=in_count("""
import ctypes, mmap
code = bytes([0xB8, 0x14, 0, 0, 0, 0xCD, 0x80, 0xC3])
page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
page.write(code)
print("REFUSED none yet")
ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
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
