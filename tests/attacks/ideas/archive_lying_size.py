from tests.attacks.archives import lying
from tests.attacks.idea import Idea

IDEA = Idea(
    name="archive_lying_size",
    family="archive",
    what="Give a size of 10 bytes for a file that inflates to 64 MiB",
    upload=lying,
    only=("A.output", "A.count"),
    harms=True,
)
