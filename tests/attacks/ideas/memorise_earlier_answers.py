from tests.attacks.handins import wrong
from tests.attacks.idea import Idea

IDEA = Idea(
    name="memorise_earlier_answers",
    family="memorise",
    what="Keep every tensor that came in, in memory and on disk, and answer later calls from it",
    source=wrong("""
kept = []
def smooth(x):
    import os, pickle
    if os.path.exists("/tmp/kept.pickle"):
        kept.extend(pickle.load(open("/tmp/kept.pickle", "rb")))
    same = [one for one in kept if one.shape == (len(x) - 2,)]
    kept.append(x)
    pickle.dump(kept[-20:], open("/tmp/kept.pickle", "wb"))
    print("kept", len(kept))
    return same[0] if same else torch.zeros(len(x) - 2)
"""),
    tried="kept",
)
