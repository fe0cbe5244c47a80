from tests.attacks.handins import WRONG
from tests.attacks.idea import Idea, notebook

IDEA = Idea(
    name="notebook_giant_output",
    family="notebook",
    what="Keep seven megabytes of output in a cell",
    upload=lambda: (
        "handin.ipynb",
        notebook(WRONG, outputs=[{"output_type": "stream", "name": "stdout", "text": "x" * (7 * 2**20)}]),
    ),
)
