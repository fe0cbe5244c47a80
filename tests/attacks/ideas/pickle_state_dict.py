from tests.attacks.handins import wrong
from tests.attacks.idea import Idea

IDEA = Idea(
    name="pickle_state_dict",
    family="pickle",
    what="Give a state dict whose entries are objects of one's own",
    source=wrong("""
class Net(Net):
    def state_dict(self, *a, **k):
        class Evil(dict):
            def items(self): return [("weight", object()), (object(), torch.zeros(1))]
        return Evil()
    def named_parameters(self, *a, **k):
        return [("x" * 10**6, nn.Parameter(torch.zeros(1)))] * 10
"""),
    only=("B.*", "A.count"),
)
