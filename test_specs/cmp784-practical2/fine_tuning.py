"""Replaying Part C with a stand-in for the pretrained network."""

from __future__ import annotations

import re
from collections.abc import Iterator

import stand_ins
from grader.checks import RemoteFunction, RemoteModule, RemoteObject, Student, StudentRaised, fail, returns, stop, using
from torch import Tensor

LAST = ("classifier.4.weight", "classifier.4.bias")
PRETRAINED_CLASSES = 21
_OPTIMISERS = ("Adam", "AdamW", "SGD", "RMSprop", "Adagrad", "Adamax", "NAdam", "RAdam", "Adadelta")
_MODEL_WORDS = ("model", "net", "network", "deeplab", "cnn", "m")
_ARGS_WORDS = ("args", "opt", "opts", "config", "cfg", "hparams", "params", "settings")
# A cell that takes part in preparing the network; cells that only plot or load pictures are left out.
_PREPARES = re.compile(r"hub\.load|deeplab|\bclassifier\b|requires_grad|\btrain\w*\(\s*\w+\s*,\s*\w+|args_dict|AttrDict\(")
# Loading the network in one of the ways seen; all are answered by the stand-in.
_LOADERS = (
    "torch.hub.load",
    "torchvision.models.segmentation.deeplabv3_resnet101",
    "torchvision.models.segmentation.deeplabv3_resnet50",
    "torchvision.models.segmentation.deeplabv3_mobilenet_v3_large",
)
_NO_TRAINING = (
    "train needs more than a network and its settings before it makes an optimiser, so it could not be followed."
)


def parameters_given(student: Student) -> list[str | None]:
    """Names of the parameters that the segmentation `train` gives to its optimiser; None for a stranger.

    A notebook holds two functions called `train`, the later one for Part C: the last that makes an optimiser
    counts. One that selects by `requires_grad` is right if the network was frozen before, so it gets one that is.
    """
    student.support(stand_ins.SOURCE)
    given = _given(student, "tiny_deeplab")
    if any(name is not None and name not in LAST for name in given):
        again = _given(student, "frozen_deeplab")
        if set(again) == set(LAST):
            return again
    return given


def _given(student: Student, stand_in: str) -> list[str | None]:
    trouble = ""
    strangers: list[str | None] | None = None
    for train in _versions(student):
        model = student.supported(stand_in)
        replay = student.replay(call=train, args=_arguments(student, train, model), intercept=_surroundings(student))
        for record in replay.records:
            if record.target.startswith("torch.optim."):
                collection = record.args[0] if record.args else record.kwargs.get("params")
                names = student.match_parameters(collection, model)
                if any(name is not None for name in names) or not names:
                    return names
                strangers = strangers or names
        if replay.raised and not trouble:
            trouble = f" It ended with {replay.raised.type}: {replay.raised.message}"
    if strangers is not None:
        return strangers
    fail(_NO_TRAINING + trouble)


def _versions(student: Student) -> Iterator[RemoteFunction]:
    for version in reversed(range(student.versions("train"))):
        found = student.version("train", version)
        if isinstance(found, RemoteFunction):
            yield found


def _arguments(student: Student, train: RemoteObject, model: RemoteObject) -> list[RemoteObject]:
    """What `train` is called with, told from the names of its parameters; the course's order is (args, model)."""
    names = list(student.supported("parameter_names", train).names) or ["args", "model"]
    given: list[RemoteObject] = []
    for name in names:
        word = name.lower().strip("_")
        if word in _MODEL_WORDS or "model" in word:
            given.append(model)
        elif word in _ARGS_WORDS:
            given.append(student.supported("settings"))
        else:
            given.append(student.supported("one_loader"))
    return given


def _surroundings(student: Student) -> dict[str, object]:
    """What is replaced while `train` runs: the optimiser ends it, and data are never looked for."""
    replaced = {f"torch.optim.{name}": stop() for name in _OPTIMISERS}
    replaced |= {
        "torch.utils.data.DataLoader": using("one_loader"),
        "urllib.request.urlretrieve": returns(None),
    }
    if student.defines("initialize_loader"):
        replaced["initialize_loader"] = using("two_loaders")
    return replaced


def prepared_model(student: Student) -> RemoteModule:
    """The network as it is when training begins: the cells that load and change it, with `train` answered at once."""
    student.support(stand_ins.SOURCE)
    cells = _preparing_cells(student)
    if not cells:
        fail("No cell was found that loads deeplabv3 with torch.hub.load and prepares it for training.")
    intercept = {name: using("tiny_deeplab") for name in _LOADERS}
    intercept |= {"train": returns(None), "plt.show": returns(None), "torch.save": returns(None)}
    replay = student.replay(cells=cells, intercept=intercept, keep=("model",))
    found = [
        value
        for record in replay.records
        if record.target == "train"
        for value in (*record.args, *record.kwargs.values())
        if isinstance(value, RemoteModule)
    ]
    kept = replay.names.get("model")
    candidates = [*found[::-1], *([kept] if isinstance(kept, RemoteModule) else [])]
    for model in candidates:
        if any(name.startswith("classifier.") for name in model.describe().parameters):
            return model
    about = f" The cells ended with {replay.raised.type}: {replay.raised.message}" if replay.raised else ""
    fail("The cells that prepare the network do not leave one in the variable model." + about)


def _preparing_cells(student: Student) -> list[int]:
    chosen, loads = [], False
    for facts in student.cells:
        if facts.kind != "code" or facts.status in ("loaded", "empty", "unparsed"):
            continue
        source = student.cell(facts.index).source
        if _PREPARES.search(source) and "train" not in facts.defines:
            chosen.append(facts.index)
            loads = loads or re.search(r"hub\.load|deeplab", source) is not None
    return chosen if loads else []


def last_layer(student: Student, model: RemoteModule) -> RemoteModule:
    """The last layer of the network's head."""
    try:
        found = student.supported("last_of_head", model).layer
    except StudentRaised:
        fail("model.classifier is no longer the head of the network: only its last layer should be replaced.")
    if not isinstance(found, RemoteModule):
        fail("The last layer of model.classifier should be an nn.Conv2d.")
    return found


def unfrozen(student: Student, model: RemoteModule) -> list[str]:
    """Parameters outside the last layer that still require gradients when the optimiser is made.

    The auxiliary head may be frozen or not: it is no part of the result. Freezing inside `train` counts too.
    """
    free = _free(model)
    if free and student.versions("train"):
        train = student.version("train", -1)
        if isinstance(train, RemoteFunction):
            student.replay(call=train, args=_arguments(student, train, model), intercept=_surroundings(student))
            free = _free(model)
    return free


def _free(model: RemoteModule) -> list[str]:
    facts = model.describe().parameters
    allowed = ("classifier.4.", "aux_classifier.")
    return [name for name, parameter in facts.items() if parameter.requires_grad and not name.startswith(allowed)]


def soft_iou_losses(scores: Tensor, truth: Tensor) -> list[Tensor]:
    """1 - IoU of the flower's probability: over the batch or per picture, with the smoothing terms seen. Float64."""
    flower, mask = scores.softmax(1)[:, 1], truth.double()
    losses = []
    for dims in ((0, 1, 2), (1, 2)):
        both = (flower * mask).sum(dims)
        either = (flower + mask - flower * mask).sum(dims)
        losses += [1 - ((both + smooth) / (either + smooth)).mean() for smooth in (0.0, 1e-6, 1.0)]
    return losses
