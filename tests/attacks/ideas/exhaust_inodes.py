from tests.attacks.handins import in_forward
from tests.attacks.idea import FULL, Idea

IDEA = Idea(
    name="exhaust_inodes",
    family="exhaust",
    what="Make files until there are no inodes left",
    source=in_forward("""
import os
os.makedirs("/tmp/many", exist_ok=True)
made, began = 0, __import__("time").monotonic()
try:
    while __import__("time").monotonic() - began < 3:
        os.close(os.open(f"/tmp/many/{made}", os.O_CREAT | os.O_WRONLY))
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
