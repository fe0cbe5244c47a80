from tests.attacks.handins import wrong
from tests.attacks.idea import Idea

IDEA = Idea(
    name="forge_patched_numpy",
    family="forge",
    what="Replace NumPy's and the standard library's comparisons",
    source=wrong("""
    import math, operator, statistics
    import numpy as np
    class Patched:
        np.allclose = np.array_equal = np.isclose = lambda *a, **k: True
        np.testing.assert_allclose = np.testing.assert_array_equal = lambda *a, **k: None
        math.isclose = operator.eq = lambda *a, **k: True
    def smooth(x):
        print("patched:", np.allclose(0, 1))
        return np.zeros(len(x) - 2, dtype=np.float32)
    """),
    tried="patched: True",
)
