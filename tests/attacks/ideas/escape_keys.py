from tests.attacks.handins import SYSCALL, in_forward
from tests.attacks.idea import FULL, Idea

IDEA = Idea(
    name="escape_keys",
    family="escape",
    what="Use the kernel's keyrings, which are not part of a namespace",
    source=SYSCALL
    + in_forward("""
try_each(
    ("add_key", lambda: syscall(248, b"user", b"name", b"secret", 6, -4)),
    ("request_key", lambda: syscall(249, b"user", b"name", 0, 0)),
    ("keyctl", lambda: syscall(250, 0, -3, 0)),
)
"""),
    only=("A.output",),
    at_most=FULL,
    at_least=2,
    harms=True,
    tried="REFUSED",
    untold=("DONE ",),
)
