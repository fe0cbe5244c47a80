from tests.attacks.handins import wrong
from tests.attacks.idea import Idea

IDEA = Idea(
    name="forge_thread_outlives",
    family="forge",
    what="Leave threads behind that rewrite what looks like results while other checks run",
    source=wrong("""
import threading
def for_ever():
    import gc, time
    while True:
        for thing in gc.get_objects():
            if type(thing) is dict and "points" in thing:
                thing["points"] = 100
        time.sleep(0.2)
def smooth(x):
    for _ in range(3):
        threading.Thread(target=for_ever, daemon=True).start()
    print("threads:", threading.active_count() > 3)
    return torch.zeros(len(x) - 2)
"""),
    only=("A.*",),
    tried="threads: True",
)
