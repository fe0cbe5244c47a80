from tests.attacks.handins import wrong
from tests.attacks.idea import Idea

IDEA = Idea(
    name="forge_exit_hook",
    family="forge",
    what="End the process with status 0, by atexit and in the middle of a check, as test runners read success",
    source=wrong("""
    import atexit, os
    class Patched:
        atexit.register(lambda: os._exit(0))
    def smooth(x):
        print("leaving", flush=True)
        os._exit(0)
    """),
    endings=("exited",),
    told=("Your code ended the Python process (exit status 0)",),
)
