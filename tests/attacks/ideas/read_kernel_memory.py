from tests.attacks.handins import in_forward
from tests.attacks.idea import FULL, Idea

IDEA = Idea(
    name="read_kernel_memory",
    family="read",
    what="Read the kernel's memory, log, keys and symbols",
    source=in_forward("""
for path in ("/dev/mem", "/dev/kmem", "/proc/kcore", "/proc/kmsg", "/dev/kmsg", "/proc/keys", "/proc/kallsyms", "/sys/kernel/notes", "/proc/sys/kernel/random/boot_id"):
    try:
        text = open(path, "rb").read(64)
        useful = text and not (path.endswith("kallsyms") and text.startswith(b"0000000000000000")) and path.split("/")[-1] not in ("boot_id", "keys", "notes")
        print("DONE" if useful else "NOTHING", path)
    except OSError as error:
        print("REFUSED", path, type(error).__name__)
"""),
    only=("A.output",),
    at_most=FULL,
    at_least=2,
    tried="REFUSED",
    untold=("DONE /",),
)
