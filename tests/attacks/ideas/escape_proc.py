from tests.attacks.handins import TRY_EACH, in_forward
from tests.attacks.idea import FULL, Idea

IDEA = Idea(
    name="escape_proc",
    family="escape",
    what="Write to the kernel's switches in /proc: core pattern, magic keys, its own limits",
    source=TRY_EACH
    + in_forward("""
import os
def write(path, text):
    return lambda: os.write(os.open(path, os.O_WRONLY), text.encode())
try_each(
    ("core pattern", write("/proc/sys/kernel/core_pattern", "|/tmp/x")),
    ("modprobe", write("/proc/sys/kernel/modprobe", "/tmp/x")),
    ("sysrq", write("/proc/sysrq-trigger", "c")),
    ("host name", write("/proc/sys/kernel/hostname", "x")),
    ("files", write("/proc/sys/fs/file-max", "1")),
    ("interrupts", write("/proc/irq/0/smp_affinity", "1")),
    ("uid map", write("/proc/self/uid_map", "0 0 1")),
)
"""),
    only=("A.output",),
    at_most=FULL,
    at_least=2,
    harms=True,
    tried="REFUSED",
    untold=("DONE ",),
)
