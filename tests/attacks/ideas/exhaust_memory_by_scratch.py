from tests.attacks.handins import in_forward
from tests.attacks.idea import FULL, Idea

IDEA = Idea(
    name="exhaust_memory_by_scratch",
    family="exhaust",
    what="Fill /tmp and /dev/shm, which count as memory",
    source=in_forward("""
import os
written = 0
for place in ("/tmp/fill", "/dev/shm/fill"):
    try:
        with open(place, "wb") as file:
            while True:
                written += file.write(bytes(2**20))
    except OSError as error:
        print("FULL", place, type(error).__name__, written < 2**30)
"""),
    only=("A.output",),
    at_most=FULL,
    at_least=0,
    harms=True,
    tried="FULL /tmp/fill OSError True",
)
