from tests.attacks.handins import wrong
from tests.attacks.idea import Idea

IDEA = Idea(
    name="forge_patched_torch",
    family="forge",
    what="Replace torch's comparisons by ones that always agree",
    source=wrong("""
    class Patched:
        torch.allclose = torch.equal = torch.isclose = lambda *a, **k: True
        torch.Tensor.allclose = torch.Tensor.equal = lambda *a, **k: True
        torch.Tensor.__eq__ = torch.Tensor.eq = lambda *a: torch.ones(1, dtype=torch.bool)
        torch.testing.assert_close = lambda *a, **k: None
        torch.autograd.gradcheck = lambda *a, **k: True
        import builtins
        builtins.abs = lambda x: 0
        print("patched:", torch.allclose(torch.zeros(1), torch.ones(1)))
    def smooth(x):
        print("patched:", torch.allclose(torch.zeros(1), torch.ones(1)))
        return torch.zeros(len(x) - 2)
    """),
    tried="patched: True",
    told=("The average of three neighbours is something else.",),
)
