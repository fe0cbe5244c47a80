"""C1 and C2: which weights are trained, and what the network looks like when training begins.

Neither the pictures nor the pretrained network are needed: `train` and the cell that prepares the network are
replayed with a small network of the same names (`stand_ins.py`).
"""

from __future__ import annotations

import fine_tuning
import pytest
import torch
from fine_tuning import LAST, parameters_given, prepared_model
from torch.nn import functional

from grader.checks import Student, StudentRaised, check, expect, fail, tensor

_BACKGROUND_AND_FLOWER = 2
_WIDTH = 256


@check("C1", points=2, title="train gives the optimiser the weights of the last layer")
def test_last_layer_selected(student: Student) -> None:
    given = parameters_given(student)
    expect(bool(given), "The optimiser is given no parameters: learned_parameters is still empty when train uses it.")
    expect(any(given), "The optimiser is given tensors that are no parameters of the model (copies are not enough).")
    missing = [name for name in LAST if name not in given]
    if missing == list(LAST):
        fail("The optimiser is given parameters, but not those of the last layer, whose names start with classifier.4.")
    expect(not missing, f"Of the last layer's parameters the optimiser is not given {', '.join(missing)}.")


@check("C1", points=1, title="train gives the optimiser nothing but the last layer")
def test_nothing_else_selected(student: Student) -> None:
    given = parameters_given(student)
    expect(bool(given), "The optimiser is given no parameters: learned_parameters is still empty when train uses it.")
    expect(None not in given, "The optimiser is given tensors that are no parameters of the model.")
    others = [name for name in given if name is not None and name not in LAST]
    if any(name.startswith("backbone") for name in others):
        fail(
            "The optimiser is given parameters of the whole network. (named_parameters(prefix=...) selects nothing: "
            "it only puts the prefix before every name.)"
        )
    if any(name.startswith("aux_classifier") for name in others):
        fail(
            "The optimiser is given parameters of aux_classifier too: the text 'classifier.4' also occurs inside "
            "'aux_classifier.4', so ask how the name starts."
        )
    expect(not others, f"The optimiser is given more than the last layer: {', '.join(others[:3])}.")


@check("C2", points=2, title="The last layer is replaced by a convolution with 2 output channels")
def test_replaced(student: Student) -> None:
    layer = fine_tuning.last_layer(student, prepared_model(student))
    expect(bool(layer.describe().of("Conv2d")), "The last layer of model.classifier should be an nn.Conv2d.")
    try:
        out = layer(torch.randn(1, _WIDTH, 6, 5))
    except StudentRaised:
        fail(f"The new last layer does not fit: the layer before it has {_WIDTH} output channels.")
    scores = tensor(out, what="The result of the last layer")
    if scores.ndim == 4 and scores.shape[1] == fine_tuning.PRETRAINED_CLASSES:
        fail(
            "The last layer still has 21 output channels, one for each class of the pretrained network; "
            "background and flower are 2 classes."
        )
    expect(
        scores.ndim == 4 and scores.shape[1] == _BACKGROUND_AND_FLOWER,
        "The last layer should have 2 output channels, for background and flower.",
    )
    expect(
        tuple(scores.shape[2:]) == (6, 5),
        "The last layer changes the height and width: use kernel size 1, or a padding that keeps the size.",
    )


@check("C2", points=1.5, title="Everything but the last layer is frozen")
def test_frozen(student: Student) -> None:
    free = fine_tuning.unfrozen(student, prepared_model(student))
    expect(
        not free,
        f"{len(free)} parameters outside the last layer can still change when training begins, such as "
        f"{free[0] if free else ''}; freeze them with requires_grad_(False).",
    )


@check("C2", points=0.5, title="The new last layer itself is trained")
def test_trainable(student: Student) -> None:
    model = prepared_model(student)
    free = fine_tuning.unfrozen(student, model)
    expect(not free, "The network around the last layer is not frozen, so this cannot be judged.")
    facts = fine_tuning.last_layer(student, model).describe().parameters
    expect(
        bool(facts) and all(parameter.requires_grad for parameter in facts.values()),
        "The new last layer is frozen too: replace it after freezing, or let it require gradients again.",
    )


@check("C2", points=0, title="compute_iou_loss, where there is one, is a soft intersection over union")
def test_iou_loss(student: Student) -> None:
    names = [name for name in ("compute_iou_loss", "compute_IoU_loss") if student.defines(name)]
    if not names:
        pytest.skip("There is no compute_iou_loss, and none was asked for.")
    scores = torch.randn(2, 2, 5, 6, requires_grad=True)
    truth = (torch.rand(2, 5, 6) > 0.5).long()
    loss = tensor(getattr(student, names[0])(scores, truth), what="The result of compute_iou_loss")
    wanted = fine_tuning.soft_iou_losses(scores.double(), truth)
    near = [value for value in wanted if abs(float(value) - float(loss)) < 1e-3]
    expect(
        bool(near),
        "compute_iou_loss gives another number than one minus the intersection over union of the probabilities.",
    )
    expect(
        loss.requires_grad,
        "No gradient flows through compute_iou_loss: use the probabilities, not the predicted classes.",
    )
    (mine,) = torch.autograd.grad(loss, scores)
    gradients = [torch.autograd.grad(value, scores, retain_graph=True)[0] for value in near]
    closest = max(float(functional.cosine_similarity(mine.flatten(), other.flatten(), 0)) for other in gradients)
    expect(closest > 0.999, "The gradient of compute_iou_loss does not fit its value.")
