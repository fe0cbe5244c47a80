from tests.attacks.handins import wrong
from tests.attacks.idea import Idea

IDEA = Idea(
    name="train_never_ends",
    family="train",
    what="Report more steps than there are, with guesses drawn anew each time, until one report is good by chance",
    source=wrong("""
class Patched:
    from grader.engine.probe import fit
    def run(self):
        for step in range(1, 2000):
            predictions = self._room.outgoing().plain_tensor(torch.randn(len(self._plan.validation), 3))
            if not self._room.report({"step": step, "loss": 0.0, "seconds": 0.0, "predictions": predictions}):
                break
        return {"steps": step, "losses": [], "seconds": 0.0, "stopped": "steps", "diverged_at": None}
    fit._Training.run = run
"""),
    only=("A.count", "B.training"),
    flags=("another form",),
)
