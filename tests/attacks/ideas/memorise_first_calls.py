from tests.attacks.handins import RIGHT_ANSWERS, right
from tests.attacks.idea import OPEN_POINTS, Idea

IDEA = Idea(
    name="memorise_first_calls",
    family="memorise",
    what="Be right for the first three calls, as a grader that looks once would have it",
    source=right("""
calls = []
real_smooth = smooth
def smooth(x):
    calls.append(1)
    return real_smooth(x) if len(calls) <= 3 else torch.zeros(len(x) - 2)
"""),
    answers=RIGHT_ANSWERS,
    at_most=OPEN_POINTS - 3,
    at_least=OPEN_POINTS - 3,
)
