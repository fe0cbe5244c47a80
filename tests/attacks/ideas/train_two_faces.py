from tests.attacks.handins import wrong
from tests.attacks.idea import Idea

IDEA = Idea(
    name="train_two_faces",
    family="train",
    what="Report predictions for more inputs than were asked for",
    source=wrong("""
class Patched:
    from grader.engine.probe import fit
    def predictions_of(model, inputs, batch_size):
        return torch.zeros(len(inputs) * 3, 3)
    fit.predictions_of = predictions_of
"""),
    only=("A.count", "B.training"),
    flags=("another form",),
)
