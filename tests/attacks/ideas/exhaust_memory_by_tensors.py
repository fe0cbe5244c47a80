from tests.attacks.handins import in_forward
from tests.attacks.idea import FULL, Idea

IDEA = Idea(
    name="exhaust_memory_by_tensors",
    family="exhaust",
    what="Make one tensor larger than all memory",
    source=in_forward("""
torch.ones(2**45)
"""),
    only=("A.output",),
    at_most=FULL,
    at_least=0,
    harms=True,
    told=("ran out of main memory",),
)
