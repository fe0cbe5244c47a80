from tests.attacks.handins import SYSCALL, in_forward
from tests.attacks.idea import FULL, Idea

IDEA = Idea(
    name="escape_ptrace",
    family="escape",
    what="Trace the parent and process 1, and write to their memory",
    source=SYSCALL
    + in_forward("""
import os
try_each(
    ("attach", lambda: syscall(101, 16, 1, 0, 0)),
    ("seize", lambda: syscall(101, 0x4206, os.getppid(), 0, 0)),
    ("read", lambda: syscall(310, 1, 0, 0, 0, 0, 0)),
    ("write", lambda: syscall(311, 1, 0, 0, 0, 0, 0)),
    ("memory", lambda: open("/proc/1/mem", "rb+", 0).write(b"x")),
)
"""),
    only=("A.output",),
    at_most=FULL,
    at_least=2,
    harms=True,
    tried="REFUSED",
    untold=("DONE ",),
    on_docker=True,
)
