from tests.attacks.handins import wrong
from tests.attacks.idea import Idea

IDEA = Idea(
    name="pickle_bytes_as_answer",
    family="pickle",
    what="Answer with a pickle, and with code, where a number is asked for",
    source=wrong("""
pass
"""),
    answers={"C.weights": "__import__('os').system('id')"},
    only=("A.count", "C.answer"),
    told=("The answer to C.weights",),
)
