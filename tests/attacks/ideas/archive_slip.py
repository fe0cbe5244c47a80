from tests.attacks.archives import uploaded
from tests.attacks.idea import Idea

IDEA = Idea(
    name="archive_slip",
    family="archive",
    what="Unpack over files outside the folder, by ..",
    upload=uploaded(("../../tmp/evil.py", b"x")),
    status="rejected",
    at_most=0,
    told=("leads out of its folder",),
    flags=("leads out of its folder",),
)
