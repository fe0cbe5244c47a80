from tests.attacks.handins import wrong
from tests.attacks.idea import Idea

IDEA = Idea(
    name="forge_frames_of_callers",
    family="forge",
    what="Look through every caller's variables and every object in memory for what is expected, and return it",
    source=wrong("""
def smooth(x):
    import gc, sys
    words = ("expected", "wanted", "reference", "answer_key", "held_out", "points")
    frame, found = sys._getframe().f_back, []
    while frame:
        found += [name for name in frame.f_locals if any(word in name for word in words)]
        frame = frame.f_back
    same = [one for one in gc.get_objects() if type(one) is torch.Tensor and one.shape == (len(x) - 2,)]
    print("FOUND", found, len(same))
    return same[0] if same else torch.zeros(len(x) - 2)
"""),
    tried="FOUND \\[\\] 0",
)
