from tests.attacks.handins import RIGHT_ANSWERS, right
from tests.attacks.idea import EVERY, FULL, Idea

IDEA = Idea(
    name="memorise_input_statistics",
    family="memorise",
    what="Be right only on what looks drawn from a standard normal distribution, as checks like to draw",
    source=right("""
def looks_drawn(x):
    return x.numel() == 0 or (abs(float(x.detach().mean())) < 3 and float(x.detach().abs().max()) < 8)
class Scale(Scale):
    def forward(self, x):
        y = super().forward(x)
        return y if looks_drawn(x) else torch.zeros_like(y)
real_smooth = smooth
def smooth(x):
    return real_smooth(x) if looks_drawn(x) else torch.zeros(len(x) - 2)
"""),
    answers=RIGHT_ANSWERS,
    only=EVERY,
    at_most=FULL,
    at_least=FULL,
    residual=(
        "Code that is right on everything that a spec asks passes, whatever it does elsewhere. A spec draws "
        "from more than one distribution where that matters; mutants (grader spec check) show what its checks "
        "notice."
    ),
)
