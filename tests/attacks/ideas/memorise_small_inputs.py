from tests.attacks.handins import RIGHT_ANSWERS, right
from tests.attacks.idea import EVERY, FULL, Idea

IDEA = Idea(
    name="memorise_small_inputs",
    family="memorise",
    what="Be right for small inputs only",
    source=right("""
class Scale(Scale):
    def forward(self, x):
        y = super().forward(x)
        return y if 0 < len(x) <= 16 else torch.zeros_like(y)
"""),
    answers=RIGHT_ANSWERS,
    only=EVERY,
    at_most=FULL - 2,
    at_least=FULL - 2,
)
