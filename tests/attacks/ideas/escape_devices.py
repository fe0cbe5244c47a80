from tests.attacks.handins import TRY_EACH, in_forward
from tests.attacks.idea import FULL, Idea

IDEA = Idea(
    name="escape_devices",
    family="escape",
    what="Open the disks and the memory, and make device nodes of one's own",
    source=TRY_EACH
    + in_forward("""
import os, stat
try_each(
    *((path, lambda path=path: os.open(path, os.O_RDWR)) for path in ("/dev/mem", "/dev/sda", "/dev/vda", "/dev/kvm", "/dev/fuse", "/dev/net/tun", "/dev/loop0", "/dev/console")),
    ("node", lambda: os.mknod("/tmp/mem", stat.S_IFCHR | 0o666, os.makedev(1, 1))),
    ("disk", lambda: os.mknod("/tmp/disk", stat.S_IFBLK | 0o666, os.makedev(8, 0))),
)
"""),
    only=("A.output",),
    at_most=FULL,
    at_least=2,
    harms=True,
    tried="REFUSED",
    untold=("DONE ",),
    # Two device nodes are gVisor's own: its kernel answers for them, not the host's.
    differs={
        "gvisor": {
            "untold": tuple(
                f"DONE {one}"
                for one in ("/dev/mem", "/dev/sd", "/dev/vd", "/dev/kvm", "/dev/loop", "/dev/con", "node", "disk")
            )
        }
    },
)
