from tests.attacks.archives import uploaded
from tests.attacks.idea import Idea

IDEA = Idea(
    name="archive_invisible_name",
    family="archive",
    what="Hand in a file whose name differs by a character without width",
    upload=uploaded(("mod\u200bel.py", b"import os")),
)
