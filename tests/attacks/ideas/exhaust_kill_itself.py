from tests.attacks.handins import in_forward
from tests.attacks.idea import FULL, Idea

IDEA = Idea(
    name="exhaust_kill_itself",
    family="exhaust",
    what="End this process by SIGKILL, as if a limit or the grader had done it",
    source=in_forward("""
import os, signal
os.kill(os.getpid(), signal.SIGKILL)
"""),
    only=("A.output", "A.count"),
    at_most=FULL,
    at_least=0,
    harms=True,
    endings=("crashed",),
    told=("crashed (SIGKILL)",),
    flags=("SIGKILL",),
)
