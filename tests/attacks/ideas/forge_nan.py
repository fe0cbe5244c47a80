from tests.attacks.handins import wrong
from tests.attacks.idea import Idea

IDEA = Idea(
    name="forge_nan",
    family="forge",
    what="Return NaN and infinity everywhere",
    source=wrong("""
def smooth(x):
    return torch.full((len(x) - 2,), float("nan"))
class Scale(Scale):
    def forward(self, x):
        return super().forward(x) * float("nan")
class Net(Net):
    def forward(self, x):
        return super().forward(x) * float("inf")
"""),
    told=("The result contains NaN.",),
)
