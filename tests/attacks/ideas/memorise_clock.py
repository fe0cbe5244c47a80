from tests.attacks.handins import RIGHT_ANSWERS, right
from tests.attacks.idea import OPEN_POINTS, Idea

IDEA = Idea(
    name="memorise_clock",
    family="memorise",
    what="Tell the grader from real use by time and by what is in memory, and be right only for the grader",
    source=right("""
import sys, time
last = []
real_smooth = smooth
def smooth(x):
    last.append(time.monotonic())
    gap = last[-1] - last[max(0, len(last) - 2)]
    graded = gap < 60 and ("grader.engine.probe.serve" in sys.modules or "pytest" in sys.modules)
    print("graded:", graded)
    return real_smooth(x) if graded else torch.zeros(len(x) - 2)
"""),
    answers=RIGHT_ANSWERS,
    at_most=OPEN_POINTS,
    at_least=OPEN_POINTS,
    tried="graded: True",
    residual=(
        "A submission can tell that it is being graded: by time, by names in memory, by what is missing. It "
        "still has to compute the right values on inputs that it has not seen."
    ),
)
