import stat

from tests.attacks.archives import special, uploaded
from tests.attacks.idea import Idea

IDEA = Idea(
    name="archive_device",
    family="archive",
    what="Put a device and a pipe in",
    upload=uploaded((special("mem", stat.S_IFCHR), b""), (special("pipe", stat.S_IFIFO), b"")),
    status="rejected",
    at_most=0,
    told=("not an ordinary file",),
    flags=("devices or pipes",),
)
