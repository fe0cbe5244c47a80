from tests.attacks.handins import wrong
from tests.attacks.idea import Idea

IDEA = Idea(
    name="train_stops_the_clock",
    family="train",
    what="Stop the clocks that limit the training",
    source=wrong("""
class Patched:
    import time
    began = time.monotonic()
    time.monotonic = lambda began=began: began
    time.time = time.perf_counter = lambda: 0.0
class Net(Net):
    def forward(self, x):
        import time
        print("CLOCK", time.time())
        return super().forward(x)
"""),
    only=("A.count", "B.training"),
    tried="CLOCK 0.0|did not finish in time",
)
