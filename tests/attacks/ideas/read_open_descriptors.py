from tests.attacks.handins import in_forward
from tests.attacks.idea import FULL, Idea

IDEA = Idea(
    name="read_open_descriptors",
    family="read",
    what="Read every open descriptor, the protocol's own pipe among them",
    source=in_forward("""
import os
got = []
for number in range(3, 256):
    try:
        os.set_blocking(number, False)
        got.append((number, os.readlink(f"/proc/self/fd/{number}"), os.read(number, 1000)))
    except OSError as error:
        pass
print("READ", got)
"""),
    only=("A.output",),
    at_most=FULL,
    at_least=2,
    tried="READ",
    untold=("held_out", "questions"),
)
