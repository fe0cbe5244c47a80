from tests.attacks.handins import TRY_EACH, in_forward
from tests.attacks.idea import FULL, Idea

IDEA = Idea(
    name="escape_terminal",
    family="escape",
    what="Type into the terminal or the input of whoever started the sandbox",
    source=TRY_EACH
    + in_forward("""
import fcntl, os, termios
def push(number):
    return lambda: fcntl.ioctl(number, termios.TIOCSTI, b"x")
try_each(("input", push(0)), ("output", push(1)), ("terminal", lambda: os.open("/dev/tty", os.O_RDWR)), ("pty", lambda: fcntl.ioctl(os.open("/dev/ptmx", os.O_RDWR), termios.TIOCSTI, b"x")))
"""),
    only=("A.output",),
    at_most=FULL,
    at_least=2,
    harms=True,
    tried="REFUSED",
    untold=("DONE ",),
)
