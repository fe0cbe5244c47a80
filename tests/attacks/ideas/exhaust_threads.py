from tests.attacks.handins import in_forward
from tests.attacks.idea import FULL, Idea

IDEA = Idea(
    name="exhaust_threads",
    family="exhaust",
    what="Start threads until none can be started",
    source=in_forward("""
import threading, time
started, refused = [], False
try:
    for _ in range(2000):
        thread = threading.Thread(target=time.sleep, args=(2,), daemon=True)
        thread.start()
        started.append(thread)
except RuntimeError as error:
    refused = True
print("REFUSED", refused, len(started) < 2000)
"""),
    only=("A.output",),
    at_most=FULL,
    at_least=0,
    harms=True,
    tried="REFUSED True True",
)
