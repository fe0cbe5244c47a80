from tests.attacks.handins import wrong
from tests.attacks.idea import Idea

IDEA = Idea(
    name="forge_equal_to_everything",
    family="forge",
    what="Return numbers, lists and tensors whose __eq__ always says yes",
    source=wrong("""
    class Yes(float):
        def __eq__(self, other): return True
        def __ne__(self, other): return False
        __hash__ = float.__hash__
        def __sub__(self, other): return 0.0
        __rsub__ = __add__ = __radd__ = __sub__
        def __lt__(self, other): return True
        __le__ = __gt__ = __ge__ = __lt__
        def __array__(self, *a, **k): raise SystemError("never asked")
    class Whole(list):
        def __eq__(self, other): return True
        def __len__(self): return 1
    def smooth(x):
        return Whole(Yes(0) for _ in range(len(x) - 2))
    """),
    told=("should be a tensor",),
)
