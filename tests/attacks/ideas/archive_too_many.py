from tests.attacks.archives import uploaded
from tests.attacks.idea import Idea

IDEA = Idea(
    name="archive_too_many",
    family="archive",
    what="Hand in more files than anybody can list",
    upload=uploaded(*((f"f{number}.py", b"") for number in range(5000))),
    status="rejected",
    at_most=0,
    told=("more than the 50 files",),
)
