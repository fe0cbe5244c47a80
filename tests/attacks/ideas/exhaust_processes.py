from tests.attacks.handins import in_forward
from tests.attacks.idea import FULL, Idea

IDEA = Idea(
    name="exhaust_processes",
    family="exhaust",
    what="Fork until nothing can be forked, each child forking too",
    source=in_forward("""
import os, time
children, refused = [], 0
for _ in range(200):
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
print("REFUSED", refused > 0, "CHILDREN", len(children) < 200)
"""),
    only=("A.output", "A.count"),
    at_most=FULL,
    at_least=0,
    harms=True,
    tried="REFUSED True",
    flags=("many more processes",),
    # The host sees the threads of gVisor's kernel, not what runs on it.
    differs={"gvisor": {"flags": (), "tried": "REFUSED True|more main memory"}},
    on_docker=True,
)
