from tests.attacks.handins import WRONG
from tests.attacks.idea import Idea, notebook

MESSAGE = """
def smooth(x):
    print("FAILED" + chr(13) + "PASSED" + chr(27) + "[2J" + chr(27) + "]0;owned" + chr(7))
    raise ValueError(chr(27) + "[31m" + chr(8) * 50 + chr(0x202e) + "dessap")
"""

IDEA = Idea(
    name="notebook_terminal_escapes",
    family="notebook",
    what="Put terminal escapes, carriage returns and direction marks into what staff read",
    upload=lambda: ("handin.ipynb", notebook(WRONG + MESSAGE)),
    tried="PASSED",
    untold=("\\u001b", "\x1b", "\\u202e"),
)
