"""Bodies of the checks on the last layer: which weights are trained, what is frozen, what replaced.

Neither the pictures nor the pretrained network are needed: `train` and the code that prepares the network are
replayed with a small network of the same names (`stand_ins.py`).
"""

from __future__ import annotations

import torch

from fine_tuning import replaying
from fine_tuning.replaying import LAST, PRETRAINED_CLASSES
from grader.checks import Student, StudentRaised, expect, fail, tensor

_BACKGROUND_AND_FLOWER = 2
_WIDTH = 256
_NOTHING_GIVEN = "The optimiser is given no parameters: learned_parameters is still empty when train uses it."


def is_selected(student: Student) -> None:
    """`train` gives the optimiser the last layer's weight and bias, under whatever else."""
    given = replaying.parameters_given(student)
    expect(bool(given), _NOTHING_GIVEN)
    expect(any(given), "The optimiser is given tensors that are no parameters of the model (copies are not enough).")
    missing = [name for name in LAST if name not in given]
    if missing == list(LAST):
        fail("The optimiser is given parameters, but not those of the last layer, whose names start with classifier.4.")
    expect(not missing, f"Of the last layer's parameters the optimiser is not given {', '.join(missing)}.")


def is_alone(student: Student) -> None:
    """`train` gives the optimiser nothing but the last layer."""
    given = replaying.parameters_given(student)
    expect(bool(given), _NOTHING_GIVEN)
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


def is_replaced(student: Student) -> None:
    """The head ends in a convolution with 2 output channels that keeps height and width."""
    layer = replaying.last_layer(student, replaying.prepared_model(student))
    expect(bool(layer.describe().of("Conv2d")), "The last layer of model.classifier should be an nn.Conv2d.")
    try:
        out = layer(torch.randn(1, _WIDTH, 6, 5))
    except StudentRaised:
        fail(f"The new last layer does not fit: the layer before it has {_WIDTH} output channels.")
    scores = tensor(out, what="The result of the last layer")
    if scores.ndim == 4 and scores.shape[1] == PRETRAINED_CLASSES:
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


def is_all_that_is_free(student: Student) -> None:
    """Nothing outside the last layer (and the auxiliary head) requires gradients when training begins."""
    free = replaying.unfrozen(student, replaying.prepared_model(student))
    expect(
        not free,
        f"{len(free)} parameters outside the last layer can still change when training begins, such as "
        f"{free[0] if free else ''}; freeze them with requires_grad_(False).",
    )


def is_free(student: Student) -> None:
    """The last layer itself requires gradients, in a network that is frozen around it."""
    model = replaying.prepared_model(student)
    free = replaying.unfrozen(student, model)
    expect(not free, "The network around the last layer is not frozen, so this cannot be judged.")
    facts = replaying.last_layer(student, model).describe().parameters
    expect(
        bool(facts) and all(parameter.requires_grad for parameter in facts.values()),
        "The new last layer is frozen too: replace it after freezing, or let it require gradients again.",
    )
