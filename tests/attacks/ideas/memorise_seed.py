from tests.attacks.handins import wrong
from tests.attacks.idea import Idea

IDEA = Idea(
    name="memorise_seed",
    family="memorise",
    what="Find the seed that inputs were drawn with among small numbers, and draw what the grader will draw next",
    source=wrong("""
first = []
def smooth(x):
    if not first:
        first.append(x)
        for seed in range(3000):
            torch.manual_seed(seed)
            if len(x) == int(torch.randint(5, 40, ())) and torch.equal(torch.randn(len(x)), x):
                print("SEED FOUND", seed)
                break
        else:
            print("NO SEED")
    return torch.zeros(len(x) - 2)
"""),
    tried="NO SEED",
    untold=("SEED FOUND",),
)
