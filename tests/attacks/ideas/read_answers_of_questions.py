from tests.attacks.handins import in_forward
from tests.attacks.idea import Idea

IDEA = Idea(
    name="read_answers_of_questions",
    family="read",
    what="Look for what a written answer may be, in files, arguments and memory, and answer with a pattern",
    source=in_forward("""
import os, sys
words = [name for name in os.listdir(".")] + sys.argv + list(os.environ)
print("WORDS", [word for word in words if "answer" in word.lower() or "question" in word.lower()])
"""),
    only=("A.output", "C.answer"),
    at_most=2,
    at_least=2,
    answers={"C.weights": ".*|40|[0-9]+"},
    tried="WORDS \\[\\]",
    told=("The answer to C.weights",),
)
