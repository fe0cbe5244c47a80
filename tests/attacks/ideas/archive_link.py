from tests.attacks.archives import link, uploaded
from tests.attacks.idea import Idea

IDEA = Idea(
    name="archive_link",
    family="archive",
    what="Put a link to /etc in and a file below it",
    upload=uploaded((link("data"), b"/etc"), ("data/passwd", b"x")),
    status="rejected",
    at_most=0,
    told=("is a link",),
    flags=("links",),
)
