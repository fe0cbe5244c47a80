from tests.attacks.archives import uploaded
from tests.attacks.idea import Idea

IDEA = Idea(
    name="archive_root_path",
    family="archive",
    what="Unpack to a path from the root",
    upload=uploaded(("/etc/cron.d/evil", b"x")),
    status="rejected",
    at_most=0,
    told=("from the root of a disk",),
    flags=("from the root of a disk",),
)
