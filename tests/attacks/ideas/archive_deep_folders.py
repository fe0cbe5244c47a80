from tests.attacks.archives import uploaded
from tests.attacks.idea import Idea

IDEA = Idea(
    name="archive_deep_folders",
    family="archive",
    what="Nest folders deeper than any disk takes",
    upload=uploaded(("a/" * 400 + "x.py", b"")),
    status="rejected",
    at_most=0,
    told=("nested more than",),
)
