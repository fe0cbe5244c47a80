from tests.attacks.archives import uploaded
from tests.attacks.idea import Idea

IDEA = Idea(
    name="archive_duplicate_names",
    family="archive",
    what="Hand in two files of one name, one for each program that reads the archive",
    upload=uploaded(("model.py", b"import os")),
    status="rejected",
    at_most=0,
    told=("holds model.py twice",),
    flags=("two files that are one",),
)
