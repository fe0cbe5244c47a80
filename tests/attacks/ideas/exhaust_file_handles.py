from tests.attacks.handins import in_forward
from tests.attacks.idea import FULL, Idea

IDEA = Idea(
    name="exhaust_file_handles",
    family="exhaust",
    what="Open files until none can be opened",
    source=in_forward("""
import os
kept = []
try:
    while len(kept) < 100_000:
        kept.append(os.open("/dev/null", os.O_RDONLY))
except OSError as error:
    print("REFUSED", type(error).__name__, len(kept))
for number in kept:
    os.close(number)
"""),
    only=("A.output",),
    at_most=FULL,
    at_least=2,
    harms=True,
    tried="REFUSED OSError",
)
