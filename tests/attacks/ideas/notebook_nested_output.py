from tests.attacks.handins import WRONG
from tests.attacks.idea import Idea, notebook


def nested() -> list[object]:
    inner: list[object] = []
    for _ in range(900):
        inner = [inner]
    return inner


IDEA = Idea(
    name="notebook_nested_output",
    family="notebook",
    what="Nest JSON in the output of a cell",
    upload=lambda: ("handin.ipynb", notebook(WRONG, outputs=[{"output_type": "display_data", "data": nested()}])),
)
