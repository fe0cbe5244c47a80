from tests.attacks.archives import uploaded
from tests.attacks.idea import Idea

IDEA = Idea(
    name="archive_unicode_collision",
    family="archive",
    what="Hand in names that differ in how Unicode spells them",
    upload=uploaded(("caf\u00e9.py", b"x = 1"), ("cafe\u0301.py", b"x = 2")),
    status="rejected",
    at_most=0,
    told=("the same file on some systems",),
    flags=("two files that are one",),
)
