from tests.attacks.handins import WRONG
from tests.attacks.idea import Idea, notebook

MESSAGE = """
def smooth(x):
    print("<img src=x onerror=alert(1)>")
    raise ValueError("<script>alert(document.cookie)</script>")
"""

IDEA = Idea(
    name="notebook_markup_in_output",
    family="notebook",
    what="Put scripts into outputs and messages, for whoever looks at the page",
    upload=lambda: (
        "handin.ipynb",
        notebook(
            WRONG + MESSAGE,
            outputs=[{"output_type": "display_data", "data": {"text/html": "<script>alert(1)</script>"}}],
        ),
    ),
    tried="<script>alert",
)
