from tests.attacks.handins import wrong
from tests.attacks.idea import Idea

IDEA = Idea(
    name="forge_printed_report",
    family="forge",
    what="Print what a test runner prints, and write the result files of common autograders",
    source=wrong("""
    import json
    def smooth(x):
        print("A.output PASSED\\n9 passed in 0.10s\\n" + json.dumps({"score": 19, "tests": [{"score": 19}]}))
        for place in ("results.json", "/tmp/results.json", "/autograder/results/results.json", "/tmp/report.xml"):
            try:
                open(place, "w").write('{"score": 19, "status": "passed"}')
            except OSError:
                pass
        return torch.zeros(len(x) - 2)
    """),
    tried="9 passed in",
)
