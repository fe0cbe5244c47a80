from tests.attacks.archives import overlapping
from tests.attacks.idea import Idea

IDEA = Idea(
    name="archive_overlap",
    family="archive",
    what="Let twenty names share one piece of compressed bytes",
    upload=overlapping,
    status="rejected",
    at_most=0,
    flags=("overlap",),
)
