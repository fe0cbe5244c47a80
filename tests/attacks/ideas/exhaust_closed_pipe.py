from tests.attacks.handins import in_forward
from tests.attacks.idea import FULL, Idea

IDEA = Idea(
    name="exhaust_closed_pipe",
    family="exhaust",
    what="Close every descriptor, so that nobody can be answered",
    source=in_forward("""
import os
os.closerange(0, 256)
"""),
    only=("A.output", "A.count"),
    at_most=FULL,
    at_least=0,
    harms=True,
    endings=("exited", "crashed"),
)
