from tests.attacks.archives import packed, uploaded
from tests.attacks.idea import Idea

IDEA = Idea(
    name="archive_nested_bomb",
    family="archive",
    what="Hide a bomb in an archive inside the archive",
    upload=uploaded(("inner.zip", packed(("zeros.py", bytes(7 * 2**20))))),
)
