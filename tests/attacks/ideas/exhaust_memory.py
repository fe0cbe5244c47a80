from tests.attacks.handins import in_forward
from tests.attacks.idea import FULL, Idea

IDEA = Idea(
    name="exhaust_memory",
    family="exhaust",
    what="Take memory until there is none",
    source=in_forward("""
kept = []
while True:
    kept.append(b"x" * (64 * 2**20))
"""),
    only=("A.output", "A.count"),
    at_most=FULL,
    at_least=0,
    harms=True,
    endings=("out_of_memory",),
    told=("Your code used more main memory than is allowed",),
    on_docker=True,
)
