from tests.attacks.archives import uploaded
from tests.attacks.idea import Idea

IDEA = Idea(
    name="archive_case_collision",
    family="archive",
    what="Hand in names that differ in case only",
    upload=uploaded(("MODEL.py", b"import os")),
    status="rejected",
    at_most=0,
    told=("the same file on some systems",),
    flags=("two files that are one",),
)
