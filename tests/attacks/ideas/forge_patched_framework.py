from tests.attacks.handins import wrong
from tests.attacks.idea import Idea

IDEA = Idea(
    name="forge_patched_framework",
    family="forge",
    what="Replace pytest and the grader's modules by ones in which nothing fails",
    source=wrong("""
class Patched:
    import sys, types
    pytest = types.ModuleType("pytest")
    pytest.raises = pytest.fail = pytest.approx = pytest.exit = lambda *a, **k: None
    for name in ("pytest", "_pytest.assertion", "grader.checks", "grader.engine.harness.verdict"):
        sys.modules[name] = pytest
def smooth(x):
    import sys
    print("replaced:", "fail" in vars(sys.modules["pytest"]))
    return torch.zeros(len(x) - 2)
"""),
    tried="replaced: True",
)
