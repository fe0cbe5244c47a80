from tests.attacks.handins import in_count
from tests.attacks.idea import Idea

IDEA = Idea(
    name="exhaust_processor",
    family="exhaust",
    what="Compute for ever, with every signal that could end it blocked",
    source=in_count("""
import signal
for number in range(1, 32):
    try:
        signal.signal(number, signal.SIG_IGN)
    except OSError:
        pass
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))
while True:
    pass
"""),
    only=("A.count",),
    at_most=0,
    at_least=0,
    harms=True,
    endings=("timed_out",),
    told=("did not finish in time",),
)
