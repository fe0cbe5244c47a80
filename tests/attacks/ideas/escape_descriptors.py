from tests.attacks.handins import SYSCALL, in_forward
from tests.attacks.idea import FULL, Idea

IDEA = Idea(
    name="escape_descriptors",
    family="escape",
    what="Take descriptors out of other processes, and open files by their handles",
    source=SYSCALL
    + in_forward("""
try_each(
    ("pidfd_open", lambda: syscall(434, 1, 0)),
    ("pidfd_getfd", lambda: syscall(438, 3, 0, 0)),
    ("name_to_handle", lambda: syscall(303, -100, b"/", b"\\x00" * 200, b"\\x00" * 8, 0)),
    ("open_by_handle", lambda: syscall(304, 3, b"\\x00" * 200, 0)),
    ("kcmp", lambda: syscall(312, 1, 1, 0, 0, 0)),
)
"""),
    only=("A.output",),
    at_most=FULL,
    at_least=2,
    harms=True,
    tried="REFUSED",
    untold=("DONE ",),
)
