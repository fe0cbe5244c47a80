from tests.attacks.handins import in_forward
from tests.attacks.idea import FULL, Idea

IDEA = Idea(
    name="read_spec_files",
    family="read",
    what="Walk the file system for hidden tests, references and answers",
    source=in_forward("""
    import os
    words = ("test_target", "questions.toml", "assignment.toml", "reference", "blobs.py", "harness", "conftest", "secret")
    found, looked = [], 0
    for folder, folders, files in os.walk("/"):
        if folder.startswith(("/proc", "/sys")):
            folders[:] = []
            continue
        looked += len(files)
        found += [os.path.join(folder, name) for name in files if any(word in name for word in words)]
    ours = [path for path in found if "packages" not in path and "/lib/python" not in path and "/usr/" not in path]
    print("LOOKED", looked > 1000, "FOUND", ours)
    """),
    only=("A.output",),
    at_most=FULL,
    at_least=2,
    tried=r"LOOKED True FOUND \[\]",
)
