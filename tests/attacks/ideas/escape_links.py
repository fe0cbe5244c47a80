from tests.attacks.handins import TRY_EACH, in_forward
from tests.attacks.idea import FULL, Idea

IDEA = Idea(
    name="escape_links",
    family="escape",
    what="Lead the grader to a file of the host by links in the submission's folder and by renames",
    source=TRY_EACH
    + in_forward("""
import os
for place in ("results.json", "link", "/tmp/link", "/tmp/submission/link"):
    try:
        os.symlink("@FILE@", place)
    except OSError:
        pass
try_each(
    ("read by link", lambda: open("/tmp/link").read()),
    ("hard link", lambda: os.link("@FILE@", "/tmp/hard")),
    ("up", lambda: open("../../../../../../..@FILE@").read()),
)
"""),
    only=("A.output",),
    at_most=FULL,
    at_least=2,
    harms=True,
    tried="REFUSED",
    untold=("DONE ",),
)
