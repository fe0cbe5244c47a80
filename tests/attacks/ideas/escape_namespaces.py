from tests.attacks.handins import SYSCALL, in_forward
from tests.attacks.idea import FULL, Idea

IDEA = Idea(
    name="escape_namespaces",
    family="escape",
    what="Make new namespaces and enter others', as the first step of most kernel exploits",
    source=SYSCALL
    + in_forward("""
import os
try_each(
    ("unshare user", lambda: syscall(272, 0x10000000)),
    ("unshare mount", lambda: syscall(272, 0x00020000)),
    ("clone user", lambda: syscall(56, 0x10000000 | 17, 0, 0, 0, 0)),
    ("clone3", lambda: syscall(435, b"\\x00" * 4 + b"\\x10" + b"\\x00" * 83, 88)),
    ("setns", lambda: syscall(308, os.open("/proc/self/ns/net", 0), 0)),
    ("setns of 1", lambda: syscall(308, os.open("/proc/1/ns/mnt", 0), 0)),
)
"""),
    only=("A.output",),
    at_most=FULL,
    at_least=2,
    harms=True,
    tried="REFUSED",
    untold=("DONE ",),
    differs={"gvisor": {"untold": ()}},
)
