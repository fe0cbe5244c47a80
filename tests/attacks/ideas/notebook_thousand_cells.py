from tests.attacks.handins import WRONG
from tests.attacks.idea import Idea, notebook

IDEA = Idea(
    name="notebook_thousand_cells",
    family="notebook",
    what="Send ten thousand cells that each take a moment",
    upload=lambda: ("handin.ipynb", notebook(*["import time\ntime.sleep(0.001)\nx = 1"] * 10_000, WRONG)),
    only=("A.count",),
)
