from tests.attacks.archives import replaced
from tests.attacks.idea import Idea

IDEA = Idea(
    name="archive_nul_in_name",
    family="archive",
    what="Cut a name short by a NUL: one program reads model.py, the other model.py.txt",
    upload=replaced(b"evil.pyXtxt", b"evil.py\x00txt", ("evil.pyXtxt", b"x")),
    status="rejected",
    at_most=0,
    told=("control characters",),
    flags=("control characters",),
)
