import io
import tarfile

from tests.attacks.handins import WRONG
from tests.attacks.idea import Idea


def tarred() -> tuple[str, bytes]:
    into = io.BytesIO()
    with tarfile.open(fileobj=into, mode="w:gz") as archive:
        entry = tarfile.TarInfo("../model.py")
        entry.size = len(WRONG)
        archive.addfile(entry, io.BytesIO(WRONG.encode()))
    return "handin.zip", into.getvalue()


IDEA = Idea(
    name="archive_other_format",
    family="archive",
    what="Hand in a tar archive with the name of a zip file",
    upload=tarred,
    status="rejected",
    at_most=0,
    told=("hand in a zip file",),
)
