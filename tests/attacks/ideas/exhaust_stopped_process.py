from tests.attacks.handins import in_count
from tests.attacks.idea import Idea

IDEA = Idea(
    name="exhaust_stopped_process",
    family="exhaust",
    what="Stop this process by SIGSTOP, so that it neither answers nor ends",
    source=in_count("""
import os, signal
os.kill(os.getpid(), signal.SIGSTOP)
"""),
    only=("A.count",),
    at_most=0,
    at_least=0,
    harms=True,
    endings=("timed_out",),
    told=("did not finish in time",),
)
