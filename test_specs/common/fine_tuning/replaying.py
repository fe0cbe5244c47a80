"""Replaying the fine-tuning part with a stand-in for the pretrained network."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from grader.checks import (
    CheckFailed,
    RemoteFunction,
    RemoteModule,
    RemoteObject,
    Student,
    StudentRaised,
    fail,
    returns,
    stop,
    using,
)

STAND_INS = Path(__file__).with_name("stand_ins.py").read_text(encoding="utf-8")
LAST = ("classifier.4.weight", "classifier.4.bias")
PRETRAINED_CLASSES = 21
_OPTIMISERS = ("Adam", "AdamW", "SGD", "RMSprop", "Adagrad", "Adamax", "NAdam", "RAdam", "Adadelta")
# The part's function by the course's name, and what students call it when the name is taken.
TRAIN_NAMES = ("train", "train_segmentation", "train_seg", "train_deeplab", "train_model", "finetune", "fine_tune")
_MODEL_WORDS = ("model", "net", "network", "deeplab", "cnn", "m")
_ARGS_WORDS = ("args", "opt", "opts", "config", "cfg", "hparams", "params", "settings")
# A cell that loads the network; one that takes part in preparing it; one that may hold settings for that.
_LOADS = re.compile(r"hub\.load|deeplab")
_TOUCHES = re.compile(r"hub\.load|deeplab|\bclassifier\b|requires_grad|\btrain\w*\(\s*\w+\s*,\s*\w+")
_SETS_UP = re.compile(r"args_dict|AttrDict\(")
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

    A notebook holds two functions called `train`, the later one for this part: the last that makes an optimiser
    counts. One that selects by `requires_grad` is right if the network was frozen before, so it gets one that is.
    """
    student.support(STAND_INS)
    given = _given(student, "tiny_deeplab")
    if any(name is not None and name not in LAST for name in given):
        again = _given(student, "frozen_deeplab")
        if set(again) == set(LAST):
            return again
    return given


def _given(student: Student, stand_in: str) -> list[str | None]:
    """What the last version that makes an optimiser gives to it, or what any version gives that is right."""
    trouble = ""
    latest: list[str | None] | None = None
    for train in _versions(student):
        model = student.supported(stand_in)
        replay = student.replay(call=train, args=_arguments(student, train, model), intercept=_surroundings(student))
        for record in replay.records:
            if record.target.startswith("torch.optim."):
                collection = record.args[0] if record.args else record.kwargs.get("params")
                names = student.match_parameters(collection, model)
                if set(names) == set(LAST):
                    return names
                latest = names if latest is None else latest
        if replay.raised and not trouble:
            trouble = f" It ended with {replay.raised.type}: {replay.raised.message}"
    if latest is None:
        raise CheckFailed(_NO_TRAINING + trouble)
    return latest


def _versions(student: Student) -> Iterator[RemoteFunction]:
    """Functions that may be this part's `train`: special names first, then those of that name, the last one first."""
    for name in (*TRAIN_NAMES[1:], TRAIN_NAMES[0]):
        for version in reversed(range(student.versions(name))):
            found = student.version(name, version)
            if isinstance(found, RemoteFunction):
                yield found


def _arguments(
    student: Student,
    train: RemoteObject,
    model: RemoteObject,
    *,
    settings: str = "settings",
    loader: str = "one_loader",
) -> list[RemoteObject]:
    """What `train` is called with, told from the names of its parameters; the course's order is (args, model)."""
    names = list(student.supported("parameter_names", train).names)
    given: list[RemoteObject] = []
    for name in names:
        word = name.lower().strip("_")
        if word in _MODEL_WORDS or "model" in word:
            given.append(model)
        elif word in _ARGS_WORDS:
            given.append(student.supported(settings))
        else:
            given.append(student.supported(loader))
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


def reaches(student: Student, losses: tuple[str, ...]) -> bool | None:
    """Whether a training function comes to one of `losses` when `args.loss` asks for another than cross-entropy.

    It gets a batch of two pictures, and whatever it does after the call is cut off. None if no function was seen to
    come to any loss: then nothing is known.
    """
    student.support(STAND_INS)
    surroundings = {name: stop() for name in losses}
    surroundings |= {
        "torch.nn.functional.cross_entropy": stop(),
        "torch.utils.data.DataLoader": using("loader_of_one_batch"),
        "torch.save": returns(None),
    }
    if student.defines("initialize_loader"):
        surroundings["initialize_loader"] = using("two_loaders_of_one_batch")
    is_seen = False
    for train in _trainings(student):
        model = student.supported("prepared_deeplab")
        arguments = _arguments(student, train, model, settings="settings_for_iou", loader="loader_of_one_batch")
        stopped_at = student.replay(call=train, args=arguments, intercept=surroundings).stopped_at
        if stopped_at in losses:
            return True
        is_seen = is_seen or stopped_at is not None
    return False if is_seen else None


def _trainings(student: Student) -> Iterator[RemoteFunction]:
    """Versions of `train`, then whatever else has a name that speaks of training."""
    yield from _versions(student)
    for name, facts in student.load_report.names.items():
        if facts.kind == "function" and "train" in name and name not in TRAIN_NAMES and not facts.supplied:
            yield getattr(student, name)


def prepared_model(student: Student, stand_in: str = "tiny_deeplab") -> RemoteModule:
    """The network when training begins: what loads and changes it is replayed, with `train` answered at once.

    `stand_in` names the function of `stand_ins.py` that answers what loads the pretrained network.
    """
    student.support(STAND_INS)
    trouble = ""
    for replay in _preparations(student, stand_in):
        handed = [value for record in replay.records if record.target in TRAIN_NAMES for value in _values(record)]
        for value in (*reversed(handed), *replay.names.values(), replay.value):
            if isinstance(value, RemoteModule) and _is_deeplab(value):
                return value
        if replay.raised and not trouble:
            trouble = f" It ended with {replay.raised.type}: {replay.raised.message}"
    if trouble:
        fail("The code that prepares the network could not be followed to the end." + trouble)
    raise CheckFailed(
        "No code was found that loads deeplabv3 with torch.hub.load and prepares it in the variable model."
    )


def _preparations(student: Student, stand_in: str) -> Iterator[Any]:
    """Replays that may leave a prepared network: the notebook's cells, then functions that touch one."""
    intercept = {name: using(stand_in) for name in _LOADERS}
    intercept |= {name: returns(None) for name in TRAIN_NAMES if student.defines(name)}
    intercept |= {"plt.show": returns(None), "torch.save": returns(None)}
    for cells in _preparing_cells(student):
        yield student.replay(cells=cells, intercept=intercept, keep=("model",))
    for name, facts in student.load_report.names.items():
        if facts.kind != "function" or facts.supplied or name in TRAIN_NAMES:
            continue
        function = getattr(student, name)
        touched = student.supported("touches", function)
        if touched.head:
            arguments = _arguments(student, function, student.supported(stand_in)) if touched.arguments else []
            yield student.replay(call=function, args=arguments, intercept=intercept, keep=("model",))


def _values(record: Any) -> tuple[object, ...]:
    return (*record.args, *record.kwargs.values())


def _is_deeplab(model: RemoteModule) -> bool:
    return any(name.startswith("classifier.") for name in model.describe().parameters)


def _preparing_cells(student: Student) -> Iterator[list[int]]:
    """Cells that load the network or change it, in order: with the settings of the cells before them, and without
    (a cell that trains the other networks may need what is not here). Nothing if no cell loads a network."""
    chosen, bare, loads = [], [], False
    for facts in student.cells:
        if facts.kind != "code" or facts.status in ("loaded", "empty", "unparsed"):
            continue
        if set(facts.defines) & set(TRAIN_NAMES):
            continue
        source = student.cell(facts.index).source
        touches = _TOUCHES.search(source) is not None
        loads = loads or _LOADS.search(source) is not None
        if touches or _SETS_UP.search(source):
            chosen.append(facts.index)
        if touches:
            bare.append(facts.index)
    if loads:
        yield chosen
        if bare != chosen:
            yield bare


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
    if free:
        for train in _versions(student):
            student.replay(call=train, args=_arguments(student, train, model), intercept=_surroundings(student))
            if not _free(model):
                return []
    return free


def _free(model: RemoteModule) -> list[str]:
    facts = model.describe().parameters
    allowed = ("classifier.4.", "aux_classifier.")
    return [name for name, parameter in facts.items() if parameter.requires_grad and not name.startswith(allowed)]
