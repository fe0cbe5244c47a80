from tests.attacks.handins import SYSCALL, in_forward
from tests.attacks.idea import FULL, Idea

IDEA = Idea(
    name="escape_io_uring",
    family="escape",
    what="Ask the kernel by io_uring, past the list of calls",
    source=SYSCALL
    + in_forward("""
try_each(
    ("setup", lambda: syscall(425, 8, b"\\x00" * 120)),
    ("enter", lambda: syscall(426, 3, 1, 0, 0, 0, 0)),
    ("register", lambda: syscall(427, 3, 0, 0, 0)),
)
"""),
    only=("A.output",),
    at_most=FULL,
    at_least=2,
    harms=True,
    tried="REFUSED",
    untold=("DONE ",),
)
