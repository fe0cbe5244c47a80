from tests.attacks.archives import packed
from tests.attacks.idea import Idea


def two_in_one() -> tuple[str, bytes]:
    return "handin.zip", packed(("evil.py", b"import os")) + packed()


IDEA = Idea(
    name="archive_polyglot",
    family="archive",
    what="Put another archive in front of the archive, so that it is two files in one",
    upload=two_in_one,
    status="rejected",
    at_most=0,
    told=("in front of it",),
    flags=("in front of it",),
)
