from tests.attacks.handins import SYSCALL, in_forward
from tests.attacks.idea import FULL, Idea

IDEA = Idea(
    name="escape_mount",
    family="escape",
    what="Mount file systems, by the old calls and the new ones",
    source=SYSCALL
    + in_forward("""
try_each(
    ("mount", lambda: syscall(165, b"none", b"/tmp", b"tmpfs", 0, 0)),
    ("remount", lambda: syscall(165, b"none", b"/", 0, 0x1020, 0)),
    ("umount", lambda: syscall(166, b"/proc", 2)),
    ("fsopen", lambda: syscall(430, b"tmpfs", 0)),
    ("open_tree", lambda: syscall(428, -100, b"/", 1)),
    ("move_mount", lambda: syscall(429, -100, b"/", -100, b"/tmp", 0)),
    ("pivot_root", lambda: syscall(155, b"/tmp", b"/tmp")),
    ("chroot", lambda: syscall(161, b"/tmp")),
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
