from tests.attacks.handins import SYSCALL, in_forward
from tests.attacks.idea import FULL, Idea

IDEA = Idea(
    name="escape_bpf",
    family="escape",
    what="Load programs into the kernel, watch it, and handle its page faults",
    source=SYSCALL
    + in_forward("""
try_each(
    ("bpf", lambda: syscall(321, 0, b"\\x00" * 64, 64)),
    ("perf_event_open", lambda: syscall(298, b"\\x00" * 112, 0, -1, -1, 0)),
    ("userfaultfd", lambda: syscall(323, 0)),
    ("init_module", lambda: syscall(175, b"", 0, b"")),
    ("kexec_load", lambda: syscall(246, 0, 0, 0, 0)),
)
"""),
    only=("A.output",),
    at_most=FULL,
    at_least=2,
    harms=True,
    tried="REFUSED",
    untold=("DONE ",),
)
