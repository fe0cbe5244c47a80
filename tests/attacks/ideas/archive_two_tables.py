from tests.attacks.archives import replaced
from tests.attacks.idea import Idea

IDEA = Idea(
    name="archive_two_tables",
    family="archive",
    what="Name a file differently in its own header and in the table of contents",
    upload=replaced(b"aaaa.py", b"bbbb.py", ("aaaa.py", b"x"), only_last=True),
    status="rejected",
    at_most=0,
    told=("contradicts itself",),
    flags=("contradict",),
)
