from tests.attacks.handins import WRONG
from tests.attacks.idea import Idea, notebook

IDEA = Idea(
    name="notebook_loops_while_loading",
    family="notebook",
    what="Loop for ever while the notebook is loaded",
    upload=lambda: ("handin.ipynb", notebook(WRONG, "class Slow:\n    while True:\n        pass")),
    harms=True,
)
