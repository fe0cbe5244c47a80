from tests.attacks.handins import wrong
from tests.attacks.idea import Idea

IDEA = Idea(
    name="pickle_returned_object",
    family="pickle",
    what="Return objects that run a command when they are pickled, copied, compared, printed or let go of",
    source=wrong("""
class Evil:
    def __reduce__(self): return exec, ("import os; os._exit(9)",)
    def __reduce_ex__(self, protocol): return self.__reduce__()
    def __eq__(self, other): raise SystemExit
    def __repr__(self): raise SystemExit
    __str__ = __len__ = __iter__ = __bool__ = __hash__ = __del__ = __array__ = __deepcopy__ = __repr__
def smooth(x):
    return Evil()
"""),
    only=("A.fresh", "A.count"),
    told=("should be a tensor",),
)
