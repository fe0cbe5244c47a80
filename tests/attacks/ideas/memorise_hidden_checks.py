from tests.attacks.handins import RIGHT_ANSWERS, right
from tests.attacks.idea import EVERY, FULL, Idea

IDEA = Idea(
    name="memorise_hidden_checks",
    family="memorise",
    what="Write down what a hidden check asks, and print it in a check whose output is shown",
    source=right("""
asked = []
class Scale(Scale):
    def forward(self, x):
        asked.append(len(x))
        open("/tmp/asked", "a").write("ROWS-%d " % (len(x) + 70000))
        return super().forward(x)
class Net(Net):
    def forward(self, x):
        print("CALLS", len(asked))
        import os
        print("HIDDEN", open("/tmp/asked").read() if os.path.exists("/tmp/asked") else "nothing")
        return super().forward(x)
"""),
    answers=RIGHT_ANSWERS,
    only=EVERY,
    at_most=FULL,
    at_least=FULL,
    tried="CALLS",
    untold=("ROWS-70300",),
)
