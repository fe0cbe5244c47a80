from tests.attacks.handins import in_forward
from tests.attacks.idea import FULL, Idea

IDEA = Idea(
    name="read_own_memory",
    family="read",
    what="Search all of this process's memory for answers that the harness may have left there",
    source=in_forward("""
import re
pieces, hits = 0, []
needles = [re.compile(one) for one in (rb"held[_]out[_]labels", rb"Scale computes x[ ]W", rb"nobody is told[ ]about", rb"questions[.]toml")]
for line in open("/proc/self/maps"):
    bounds, flags = line.split()[:2]
    if not flags.startswith("rw") or "[v" in line:
        continue
    start, end = (int(one, 16) for one in bounds.split("-"))
    with open("/proc/self/mem", "rb", 0) as memory:
        try:
            memory.seek(start)
            block = memory.read(min(end - start, 4 * 2**20))
        except (OSError, ValueError, OverflowError):
            continue
    pieces += 1
    if pieces > 40:
        break
    hits += [needle for needle in needles if needle.search(block)]
print("SEARCHED", pieces > 5, "TITLES", len(set(hits)))
"""),
    only=("A.output",),
    at_most=FULL,
    at_least=2,
    tried="SEARCHED True TITLES 0",
)
