from tests.attacks.archives import uploaded
from tests.attacks.idea import Idea

IDEA = Idea(
    name="archive_bomb",
    family="archive",
    what="Send a kilobyte that unpacks to a hundred times the limit",
    upload=uploaded(("zeros.py", bytes(7 * 2**20)), ("more.py", bytes(7 * 2**20))),
    status="rejected",
    at_most=0,
    told=("times its size",),
    flags=("grows when it is unpacked",),
)
