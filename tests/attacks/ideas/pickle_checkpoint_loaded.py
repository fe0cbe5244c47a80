from tests.attacks.handins import wrong
from tests.attacks.idea import Idea

IDEA = Idea(
    name="pickle_checkpoint_loaded",
    family="pickle",
    what="Load a checkpoint of one's own that runs a command, in one's own code",
    source=wrong("""
def smooth(x):
    import os
    import torch
    open("/tmp/own.pt", "wb").write(b"cbuiltins\\nexec\\n(S'raise SystemExit(3)'\\ntR.")
    torch.load("/tmp/own.pt", weights_only=False)
    return torch.zeros(len(x) - 2)
"""),
    only=("A.fresh", "A.count"),
    told=("SystemExit",),
)
