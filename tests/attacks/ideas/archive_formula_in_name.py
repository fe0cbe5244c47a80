from tests.attacks.archives import uploaded
from tests.attacks.idea import Idea

IDEA = Idea(
    name="archive_formula_in_name",
    family="archive",
    what="Name files as formulas for whoever opens the gradebook, and as switches for programs",
    upload=uploaded(
        ("=cmd|calc!A0.py", b"x = 1"),
        ("-rf.py", b"x = 1"),
        ("--help", b""),
        ("$(reboot).py", b""),
        ("<script>alert(1)</script>.py", b"x = 1"),
    ),
)
