from tests.attacks.handins import in_forward
from tests.attacks.idea import FULL, Idea

IDEA = Idea(
    name="read_environment",
    family="read",
    what="Read the variables of this process, of its parent and of process 1 for tokens and addresses",
    source=in_forward("""
    import os
    print("OWN", sorted(os.environ))
    for number in ("self", "1", str(os.getppid())):
        try:
            print("OF", number, open(f"/proc/{number}/environ").read().replace(chr(0), " "))
            print("COMMAND", open(f"/proc/{number}/cmdline").read().replace(chr(0), " ")[:300])
        except OSError as error:
            print("REFUSED", number, type(error).__name__)
    """),
    only=("A.output",),
    at_most=FULL,
    at_least=2,
    tried="OWN",
    untold=("DATABASE", "TOKEN", "GRADER_DATA", "AWS_", "SSH_"),
)
