from tests.attacks.handins import WRONG
from tests.attacks.idea import Idea, notebook

IDEA = Idea(
    name="notebook_invalid_utf8",
    family="notebook",
    what="Write bytes that are no UTF-8, and lone surrogates",
    upload=lambda: (
        "handin.ipynb",
        notebook(WRONG + "\nx = '\ud800'").replace(b"Scale computes", b"x").replace(b"# end", b"\xff\xfe") + b" \xff",
    ),
)
