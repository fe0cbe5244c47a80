from tests.attacks.archives import replaced
from tests.attacks.idea import Idea

IDEA = Idea(
    name="archive_drive_path",
    family="archive",
    what="Unpack to a path of a Windows drive, and by backslashes",
    upload=replaced(b"folder/evil.py", b"C:..\\..\\evl.py", ("folder/evil.py", b"x")),
    status="rejected",
    at_most=0,
    told=("backslash",),
)
