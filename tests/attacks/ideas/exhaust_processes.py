from tests.attacks.handins import in_forward
from tests.attacks.idea import FULL, Idea

IDEA = Idea(
    name="exhaust_processes",
    family="exhaust",
    what="Fork until nothing can be forked, each child forking too",
    source=in_forward("""
import os, time
children, refused = [], 0
for _ in range(80):
    try:
        number = os.fork()
    except OSError:
        refused += 1
        continue
    if number == 0:
        try:
            os.fork()
        except OSError:
            pass
        time.sleep(60)
    children.append(number)
print("REFUSED", refused > 0, "CHILDREN", len(children) < 80)
"""),
    only=("A.output", "A.count"),
    at_most=FULL,
    at_least=0,
    harms=True,
    tried="REFUSED True",
    on_docker=True,
)
