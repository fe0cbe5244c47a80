from tests.attacks.handins import in_forward
from tests.attacks.idea import FULL, Idea

IDEA = Idea(
    name="exhaust_kill_all",
    family="exhaust",
    what="Send signals to every process there is, to process 1, to the parent and to a process of the host",
    source=in_forward("""
import os, signal
for number in (-1, 1, os.getppid(), @PID@):
    for sent in (signal.SIGTERM, signal.SIGSTOP, signal.SIGKILL):
        if number == -1 and sent == signal.SIGSTOP:
            continue
        try:
            if number != os.getpid():
                os.kill(number, sent)
        except OSError as error:
            print("REFUSED", number, type(error).__name__)
"""),
    only=("A.output", "A.count"),
    at_most=FULL,
    at_least=0,
    harms=True,
    on_docker=True,
    # There process 1 hands a SIGTERM on to this one.
    differs={
        "docker": {"flags": ("neither grader nor limit",)},
        "gvisor": {"flags": ("neither grader nor limit",)},
    },
)
