from tests.attacks.handins import in_forward
from tests.attacks.idea import FULL, Idea

IDEA = Idea(
    name="read_other_submissions",
    family="read",
    what="Look for other submissions in /tmp, /dev/shm, /var and the blobs' usual places",
    source=in_forward("""
import os
found = []
for top in ("/tmp", "/dev/shm", "/var", "/srv", "/home", "/root", "/mnt", "/run"):
    for folder, folders, files in os.walk(top):
        found += [os.path.join(folder, name) for name in files if "packages" not in folder]
print("OTHERS", [path for path in found if "other-submission" in path or "canary" in path or "blobs" in path.split("/")])
for path in found[:200]:
    try:
        print(open(path).read(100)[:100])
    except (OSError, UnicodeDecodeError):
        pass
"""),
    only=("A.output",),
    at_most=FULL,
    at_least=2,
    tried="OTHERS \\[\\]",
)
