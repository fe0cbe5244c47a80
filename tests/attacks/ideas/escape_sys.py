from tests.attacks.handins import TRY_EACH, in_forward
from tests.attacks.idea import FULL, Idea

IDEA = Idea(
    name="escape_sys",
    family="escape",
    what="Write to /sys: release agents, control groups, devices",
    source=TRY_EACH
    + in_forward("""
import glob, os
def write(path, text):
    return lambda: os.write(os.open(path, os.O_WRONLY), text.encode())
places = [("limit", "/sys/fs/cgroup/memory.max"), ("limit of v1", "/sys/fs/cgroup/memory/memory.limit_in_bytes"),
          ("agent", "/sys/fs/cgroup/release_agent"), ("firmware", "/sys/kernel/uevent_helper"), ("power", "/sys/power/state")]
places += [("group", path) for path in glob.glob("/sys/fs/cgroup/**/cgroup.procs", recursive=True)[:5]]
try_each(*((what, write(path, "1")) for what, path in places), ("folder", lambda: os.mkdir("/sys/fs/cgroup/own")))
"""),
    only=("A.output",),
    at_most=FULL,
    at_least=2,
    harms=True,
    tried="REFUSED",
    untold=("DONE ",),
)
