from tests.attacks.handins import wrong
from tests.attacks.idea import Idea

IDEA = Idea(
    name="forge_tensor_subclass",
    family="forge",
    what="Return a tensor subclass whose __torch_function__ makes every comparison true",
    source=wrong("""
    class Yes(torch.Tensor):
        @classmethod
        def __torch_function__(cls, function, types, args=(), kwargs=None):
            result = super().__torch_function__(function, types, args, kwargs or {})
            return True if isinstance(result, bool) else result
        def __eq__(self, other): return True
    def smooth(x):
        made = torch.zeros(len(x) - 2).as_subclass(Yes)
        print("agrees:", torch.allclose(made, torch.ones(len(x) - 2)))
        return made
    class Scale(Scale):
        def forward(self, x):
            return super().forward(x).as_subclass(Yes)
    """),
    tried="agrees: True",
)
