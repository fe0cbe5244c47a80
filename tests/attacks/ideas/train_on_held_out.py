from tests.attacks.handins import wrong
from tests.attacks.idea import Idea

IDEA = Idea(
    name="train_on_held_out",
    family="train",
    what="Train on the inputs that are to be predicted, with one's own first guesses as labels",
    source=wrong("""
class Net(Net):
    def forward(self, x):
        if self.training:
            return super().forward(x)
        with torch.enable_grad():
            own = nn.Linear(x.shape[1], self.classes)
            optimizer = torch.optim.Adam(own.parameters(), lr=0.1)
            for _ in range(20):
                optimizer.zero_grad()
                F.cross_entropy(own(x), torch.zeros(len(x), dtype=torch.long)).backward()
                optimizer.step()
        print("TRAINED", len(x))
        return own(x).detach()
"""),
    only=("A.count", "B.training"),
    tried="TRAINED 30",
    told=("does not learn",),
)
