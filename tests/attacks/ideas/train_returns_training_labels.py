from tests.attacks.handins import wrong
from tests.attacks.idea import Idea

IDEA = Idea(
    name="train_returns_training_labels",
    family="train",
    what="Find the labels that were trained on, and return them in order for the held-out inputs",
    source=wrong("""
class Net(Net):
    def forward(self, x):
        import gc
        if not self.training:
            labels = [one for one in gc.get_objects() if type(one) is torch.Tensor and one.dtype == torch.int64 and one.shape == (90,) and int(one.max()) < self.classes]
            print("LABELS", len(labels) > 0)
            if labels:
                return F.one_hot(labels[0], self.classes).float()[: len(x)]
        return super().forward(x)
"""),
    tried="LABELS True",
    only=("A.count", "B.training"),
    told=("does not learn",),
)
