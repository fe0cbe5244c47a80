from tests.attacks.handins import in_forward
from tests.attacks.idea import FULL, Idea

IDEA = Idea(
    name="read_host_processes",
    family="read",
    what="List processes, read their memory maps, commands and variables, and look for the host's",
    source=in_forward("""
import os
numbers = sorted(int(name) for name in os.listdir("/proc") if name.isdigit())
print("FEW", len(numbers) < 12, "HIGHEST", numbers[-1] < 1000)
for number in (*numbers, @PID@):
    for what in ("environ", "cmdline", "maps", "status", "cwd", "root"):
        try:
            print(number, what, open(f"/proc/{number}/{what}").read()[:200].replace(chr(10), " "))
        except OSError as error:
            pass
"""),
    only=("A.output",),
    at_most=FULL,
    at_least=2,
    tried="FEW True",
)
