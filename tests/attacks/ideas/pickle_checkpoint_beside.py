from tests.attacks.archives import uploaded
from tests.attacks.idea import Idea


def evil() -> bytes:
    """A pickle that would run a command wherever it is loaded."""
    return b"cos\nsystem\n(S'echo evil > @FILE@; kill -9 $PPID'\ntR."


IDEA = Idea(
    name="pickle_checkpoint_beside",
    family="pickle",
    what="Hand in checkpoints that run a command when somebody loads them",
    upload=uploaded(("weights.pt", evil()), ("model.pth", evil()), ("data.npy", evil()), ("answers.pkl", evil())),
)
