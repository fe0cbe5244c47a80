from tests.attacks.archives import uploaded
from tests.attacks.idea import Idea

IDEA = Idea(
    name="archive_disguised_name",
    family="archive",
    what="Hide the real suffix of a file by a character that turns the reading direction",
    upload=uploaded(("gnp.\u202eyp.loot", b"x")),
    status="rejected",
    at_most=0,
    told=("shows as another one",),
    flags=("shows as another one",),
    untold=("\u202e",),
)
