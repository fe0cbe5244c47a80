from tests.attacks.handins import in_forward
from tests.attacks.idea import FULL, Idea

IDEA = Idea(
    name="exhaust_disk",
    family="exhaust",
    what="Write one huge sparse file, and a huge full one",
    source=in_forward("""
import os
for place, size in (("/tmp/sparse", 2**50), ("/tmp/large", 2**33), ("/large", 2**20)):
    try:
        with open(place, "wb") as file:
            file.truncate(size)
            file.write(bytes(2**20))
        print("SPARSE", place)
    except OSError as error:
        print("REFUSED", place, type(error).__name__)
"""),
    only=("A.output", "A.count"),
    at_most=FULL,
    at_least=0,
    harms=True,
    endings=("file_limit", "killed"),
    tried="REFUSED|wrote more data",
)
