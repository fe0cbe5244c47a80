from tests.attacks.handins import in_forward
from tests.attacks.idea import FULL, Idea

IDEA = Idea(
    name="exhaust_recursion",
    family="exhaust",
    what="Recurse until the stack overflows in C code",
    source=in_forward("""
import sys
sys.setrecursionlimit(10**9)
def down(n):
    return down(n + 1)
try:
    down(0)
finally:
    pass
"""),
    only=("A.output", "A.count"),
    at_most=FULL,
    at_least=0,
    harms=True,
    endings=("crashed", "out_of_memory"),
)
