from tests.attacks.handins import wrong
from tests.attacks.idea import FLOOR, Idea

IDEA = Idea(
    name="train_nearest_neighbour",
    family="train",
    what="Keep the training set in memory and predict by the nearest neighbour in place of a network",
    source=wrong("""
class Net(Net):
    pairs = []
    def forward(self, x):
        if self.training:
            import sys
            frame = sys._getframe()
            while frame and not ("inputs" in frame.f_locals and "targets" in frame.f_locals):
                frame = frame.f_back
            if frame:
                Net.pairs.append((frame.f_locals["inputs"], frame.f_locals["targets"]))
            return super().forward(x)
        seen = torch.cat([inputs for inputs, _ in Net.pairs])
        labels = torch.cat([targets for _, targets in Net.pairs])
        print("NEIGHBOURS", len(seen))
        return F.one_hot(labels[torch.cdist(x, seen).argmin(1)], self.classes).float()
"""),
    only=("A.count", "B.training"),
    at_most=FLOOR + 4,
    at_least=FLOOR + 4,
    tried="NEIGHBOURS",
    residual=(
        "What predicts well passes a check of predictions, however it does it: the labels of the training set "
        "are the sandbox's to use. A spec that wants a network asks for its layers, and for the effect of its "
        "weights."
    ),
)
