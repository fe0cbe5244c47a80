"""II.3: the baseline learns to segment, in our loop and on our data."""

from __future__ import annotations

import learning
import torch
from finding import CLASSES
from segmentation.voc import calibrated_on

from grader.checks import Student, check, curve, fail, grid, picture, tensor, threshold_facts


@check("II.3", points=4, stage="train", timeout_s=150, title="FCN learns to segment pictures", needs=("FCN",))
def test_learns(student: Student) -> None:
    bound = threshold_facts("fcn")
    data = calibrated_on(bound.data_sha256)
    size = (len(data.validation_images), CLASSES, *data.validation_images.shape[2:])
    latest: torch.Tensor | None = None

    def judge(predictions: torch.Tensor) -> float:
        nonlocal latest
        latest = tensor(predictions, shape=size, what="The result of FCN").double()
        return learning.share_of_goal(latest, data.validation_labels, is_real=data.is_real)

    result = student.fit(
        student.FCN(CLASSES),
        data.train_images,
        learning.training_labels(data),
        batch_size=learning.BATCH,
        lr=learning.RATE,
        steps=learning.STUDENT_STEPS,
        report_every=learning.REPORT_EVERY,
        budget_s=100,
        validation=data.validation_images,
        judge=judge,
        above=bound.value,
    )
    curve(
        "held-out",
        result.history,
        title="FCN on pictures it has not seen",
        y_label=bound.metric,
        threshold=bound.value,
        direction=bound.direction,
        band=bound.band,
    )
    if latest is not None:
        found = (latest[:8].argmax(1, keepdim=True) > 0).float().expand(-1, 3, -1, -1)
        shown = torch.cat([data.validation_images[:8], found])
        picture("masks", grid(shown, columns=8), title="Pictures it has not seen, and where it sees objects")
    if result.reached:
        return
    if result.steps < learning.STUDENT_STEPS:
        fail(f"FCN is too slow: the time was over after {result.steps} of {learning.STUDENT_STEPS} small steps.")
    fail(
        f"FCN does not learn to segment as well as it should: after {result.steps} small training steps its pixel "
        f"accuracy or mean IoU on pictures it has not seen is too low."
    )
