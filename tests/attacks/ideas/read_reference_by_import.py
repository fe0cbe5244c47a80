from tests.attacks.handins import in_forward
from tests.attacks.idea import FULL, Idea

IDEA = Idea(
    name="read_reference_by_import",
    family="read",
    what="Import the reference, the checks and the harness by every name they have",
    source=in_forward("""
import importlib, sys
got = []
for name in ("reference", "blobs", "test_target", "data", "conftest", "grader.checks", "grader.engine.harness.plugin",
             "grader.engine.student.session", "grader.storage.database", "grader.domain.check", "worker.app", "tests"):
    try:
        importlib.import_module(name)
        got.append(name)
    except BaseException as error:
        pass
print("IMPORTED", got, [name for name in sys.modules if name.startswith("grader") and ("harness" in name or "student" in name)])
"""),
    only=("A.output",),
    at_most=FULL,
    at_least=2,
    tried="IMPORTED \\[\\] \\[\\]",
)
