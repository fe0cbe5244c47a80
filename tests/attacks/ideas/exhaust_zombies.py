from tests.attacks.handins import in_forward
from tests.attacks.idea import FULL, Idea

IDEA = Idea(
    name="exhaust_zombies",
    family="exhaust",
    what="Leave children behind that nobody waits for",
    source=in_forward("""
import os
made = 0
try:
    for _ in range(500):
        if os.fork() == 0:
            os._exit(0)
        made += 1
except OSError as error:
    print("REFUSED", type(error).__name__)
print("MADE", made > 0)
"""),
    only=("A.output",),
    at_most=FULL,
    at_least=0,
    harms=True,
    tried="MADE True",
)
