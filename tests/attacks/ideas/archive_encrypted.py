from tests.attacks.archives import packed
from tests.attacks.idea import Idea


def locked() -> tuple[str, bytes]:
    content = bytearray(packed())
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + at] |= 1
    return "handin.zip", bytes(content)


IDEA = Idea(
    name="archive_encrypted",
    family="archive",
    what="Protect the archive by a password, so that nothing can be listed",
    upload=locked,
    status="rejected",
    at_most=0,
    told=("password",),
)
