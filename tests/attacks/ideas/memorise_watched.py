from tests.attacks.handins import wrong
from tests.attacks.idea import FLOOR, Idea

IDEA = Idea(
    name="memorise_watched",
    family="memorise",
    what="Use the operations that are asked for only while a trace looks",
    source=wrong("""
class Net(Net):
    def forward(self, x):
        from torch.overrides import _get_current_function_mode_stack
        if _get_current_function_mode_stack():
            return torch.relu(x @ torch.zeros(x.shape[1], 16)) @ torch.zeros(16, self.classes)
        return super().forward(x)
"""),
    at_most=FLOOR + 1,
    at_least=FLOOR + 1,
    residual=(
        "Code can notice that it is traced. What a trace claims is worth what its check tests by effect "
        "beside it: here nothing, 1 of 19 points."
    ),
)
