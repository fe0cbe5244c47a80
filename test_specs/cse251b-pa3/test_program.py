"""II.2 to II.4b: what train.py does, seen by running it on a few made pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

import running
import torch
from finding import CLASSES
from running import Program

from grader.checks import RemoteObject, Student, check, expect, fail

_EPOCH_NAMES = ("epochs", "num_epochs", "n_epochs", "EPOCHS", "NUM_EPOCHS", "max_epochs", "epoch_num", "N_EPOCHS")
_MOST_EPOCHS = 60
_DRAWS = 3
# Interpolation at edges costs up to a tenth; another transformation of the mask leaves less than half.
_ALIKE = 0.75
_CHANGED = 0.01


@check("II.2", points=1, title="The data set gives pictures and masks that fit together", timeout_s=60)
def test_items(student: Student) -> None:
    run = running.program(student)
    found = running.items(student, run, "validation", draws=1)
    expect(found.images.shape[1] == 3, "A picture should have the shape (3, height, width).")
    expect(
        bool((running.explained(found) > _ALIKE).all()),
        "Pictures and masks of the validation set do not show the same places.",
    )
    labels = found.masks[found.masks != 255]
    expect(bool(((labels >= 0) & (labels < CLASSES)).all()), "The masks hold labels that are no class from 0 to 20.")


@check("II.2", points=1, title="Pictures are scaled or normalised", timeout_s=60)
def test_scaled(student: Student) -> None:
    found = running.items(student, running.program(student), "validation", draws=1)
    expect(
        bool(found.images.abs().max() < 20),
        "Pictures go into the network with values up to 255: use ToTensor, and normalise them.",
    )


@check("II.3", points=1, title="train.py trains with Adam or AdamW", timeout_s=60)
def test_optimizer(student: Student) -> None:
    run = running.program(student)
    made = [name for name in run.made if name in running.OPTIMISERS]
    expect(bool(made), f"train.py was run, but made no optimiser of torch.optim.{run.trouble}")
    others = [name for name in made if name not in ("Adam", "AdamW")]
    expect(not others, f"train.py trains with {others[0] if others else ''}; Adam or AdamW was asked for.")


@check("II.3", points=2, title="Training stops early when the validation set gets worse", timeout_s=60)
def test_early_stopping(student: Student) -> None:
    run = running.program(student, passes=_MOST_EPOCHS)
    expect(run.trained > 0, f"train.py was run, but never went through its training data.{run.trouble}")
    expect(run.validated > 0, f"train.py was run, but never looked at its validation data.{run.trouble}")
    if run.trouble:
        fail(f"train.py does not come to its end.{run.trouble}")
    planned = _planned(student)
    # One pass more may have counted the classes for weights.
    expect(
        run.trained < min(planned, _MOST_EPOCHS),
        "train.py went on to its last epoch although the validation loss rose from the beginning: stop early.",
    )


def _planned(student: Student) -> int:
    for name in _EPOCH_NAMES:
        if student.defines(name):
            value = getattr(student, name)
            if isinstance(value, int) and not isinstance(value, bool | RemoteObject):
                return value
    return _MOST_EPOCHS


def _runs(student: Student) -> Iterator[Program]:
    for path in running.programs(student):
        yield running.program(student, path)


@check("II.4a", points=2, title="The learning rate follows a cosine", timeout_s=120)
def test_cosine(student: Student) -> None:
    trouble = ""
    for run in _runs(student):
        if any(name.startswith("CosineAnnealing") for name in run.made):
            return
        trouble = trouble or run.trouble
    fail(f"No training program of the hand-in makes a cosine annealing scheduler of torch.optim.lr_scheduler.{trouble}")


@check("II.4b", points=3, title="Pictures and masks are augmented alike", timeout_s=120)
def test_alike(student: Student) -> None:
    seen = False
    for run in _runs(student):
        if run.loaders:
            found = running.items(student, run, "train", draws=_DRAWS)
            seen = True
            expect(
                bool((running.explained(found) > _ALIKE).all()),
                f"{PurePosixPath(run.path).name} transforms pictures and masks differently: after augmentation the "
                "mask no longer lies on its picture.",
            )
            if _is_changed(found.masks):
                return
    expect(seen, "No training program of the hand-in made a DataLoader, so no augmentation was seen.")
    fail("No training program augments its pictures by mirroring, turning or cropping: every mask stays as it was.")


def _is_changed(masks: torch.Tensor) -> bool:
    """Whether a mask is unlike every plain one."""
    plain = running.plain_masks("train")
    if masks.shape[1:] != plain.shape[1:]:
        return True
    shares = (masks[:, None] != plain[None]).double().mean((2, 3))
    return bool((shares.min(1).values > _CHANGED).any())


@check("II.4b", points=1, title="The validation pictures are not augmented", timeout_s=60)
def test_validation(student: Student) -> None:
    found = running.items(student, running.program(student), "validation", draws=2)
    masks = found.masks.where(found.masks != 255, 0)
    plain = running.plain_masks("validation")
    if masks.shape[1:] == plain.shape[1:]:
        shares = (masks[:, None] != plain[None]).double().mean((2, 3)).min(1).values
        expect(bool((shares < _CHANGED).all()), "The validation pictures are augmented: measure on them as they are.")
    half = len(masks) // 2
    expect(
        bool((masks[:half] == masks[half:]).all()),
        "The validation pictures are other ones every time: measure on them as they are.",
    )
