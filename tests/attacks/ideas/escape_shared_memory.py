from tests.attacks.handins import SYSCALL, in_forward
from tests.attacks.idea import FULL, Idea

IDEA = Idea(
    name="escape_shared_memory",
    family="escape",
    what="Meet other sandboxes in System V and POSIX queues, semaphores and shared memory",
    source=SYSCALL
    + in_forward("""
def reach(number):
    found = syscall(29, number, 4096, 0o1666)
    raise PermissionError("a segment of one's own namespace") if found >= 0 else OSError()
try_each(
    ("message queue", lambda: syscall(68, 1, 0o1666)),
    ("posix queue", lambda: syscall(240, b"queue", 0o102, 0o666, 0)),
    ("shared memory", lambda: reach(1)),
)
import os
print("SHARED", [name for name in os.listdir("/dev/shm")])
"""),
    only=("A.output",),
    at_most=FULL,
    at_least=2,
    harms=True,
    tried="REFUSED[\\s\\S]*SHARED \\[\\]",
    untold=("DONE ",),
)
