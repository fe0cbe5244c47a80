from tests.attacks.handins import in_count
from tests.attacks.idea import Idea

IDEA = Idea(
    name="exhaust_sleep",
    family="exhaust",
    what="Sleep for ever",
    source=in_count("""
import time
while True:
    time.sleep(1000)
"""),
    only=("A.count",),
    at_most=0,
    at_least=0,
    harms=True,
    endings=("timed_out",),
    told=("did not finish in time",),
)
