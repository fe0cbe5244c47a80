from tests.attacks.handins import wrong
from tests.attacks.idea import Idea

IDEA = Idea(
    name="train_returns_training_labels",
    family="train",
    what="Find the labels that were trained on, and return them in order for the held-out inputs",
    source=wrong("""
class Net(Net):
    found = []
    def forward(self, x):
        import gc
        if self.training:
            return super().forward(x)
        if not Net.found:
            for one in gc.get_objects():
                if type(one) is torch.Tensor and one.dtype == torch.int64 and one.shape == (90,) and int(one.max()) < 3:
                    Net.found.append(one)
        print("LABELS", len(Net.found) > 0)
        return F.one_hot(Net.found[0], self.classes).float()[: len(x)] if Net.found else super().forward(x)
"""),
    tried="LABELS True",
    only=("A.count", "B.training"),
    told=("does not learn",),
)
