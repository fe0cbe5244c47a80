"""Running a hand-in's colorization script by its command line, with the course's files and a few pictures beside it."""

from __future__ import annotations

import io
from functools import lru_cache
from pathlib import PurePosixPath

import numpy as np
import torch
from colourisation.data import from_photographs
from colourisation.diagrams import Architecture
from colourisation.networks import build
from networks import COURSE

from grader.checks import RemoteObject, Student, calls, expect, fail, returns

_TRAIN, _TEST = 20, 10
_HORSE, _OTHER = 7, 3
_COLOURS = ("color/color_kmeans24_cat7.npy", "colours/colour_kmeans24_cat7.npy", "colors/color_kmeans24_cat7.npy")

# Runs in the sandbox. The course's loader is a module of this name; ours gives pictures that came over the wire, so
# that nothing is downloaded and nothing unpickled.
_GIVEN = """
import io
import sys
import types
import numpy as np
import torch

def give_pictures(x_train, y_train, x_test, y_test):
    def load_cifar10(*args, **kwargs):
        return tuple((x.numpy().copy(), y.numpy().copy()) for x, y in ((x_train, y_train), (x_test, y_test)))
    module = types.ModuleType("load_data")
    module.load_cifar10 = load_cifar10
    sys.modules["load_data"] = module

def checkpoint(model):
    held = io.BytesIO()
    torch.save(model.state_dict(), held)
    return types.SimpleNamespace(content=held.getvalue())
"""


def script(student: Student) -> str:
    """The path of the program in the hand-in: what is called colorization, else the only .py with a main program."""
    scripts = [path for path in student.submission.files if path.lower().endswith(".py")]
    named = [path for path in scripts if "color" in _name(path) or "colour" in _name(path)]
    main = [path for path in named if "regression" not in _name(path)]
    if not (main or scripts):
        fail("The hand-in holds no colorization-<id>.py, so there is no program to run.")
    return min(main or scripts, key=lambda path: (len(PurePosixPath(path).parts), path))


def _name(path: str) -> str:
    return PurePosixPath(path).name.lower()


def validate(student: Student, asked: Architecture, option: str, checkpoint: str) -> None:
    """`--model OPTION --checkpoint weights/... --valid` loads the checkpoint, says how good it is, and ends."""
    _prepare(student)
    made = student.supported("checkpoint", build(student, asked, COURSE))
    content = made.content if isinstance(made, RemoteObject) else None
    if not isinstance(content, bytes):
        fail(f"{asked.name} has no state that torch.save could keep.")
    path = script(student)
    run = student.script(
        path,
        ["--model", option, "--checkpoint", checkpoint, "--valid"],
        files=_beside(path, _colours() | {checkpoint: content}),
        intercept={"torch.load": calls(), "torch.optim.Adam": calls(), "plt.show": returns(None)},
    )
    shown = f"{PurePosixPath(path).name} --model {option} --checkpoint {checkpoint} --valid"
    _ended_well(run, shown)
    loaded = [record for record in run.records if record.target == "torch.load"]
    expect(bool(loaded), f"{shown} does not load the checkpoint.")
    pictures = [name for name, _ in run.files if name.lower().endswith((".png", ".jpg", ".jpeg", ".pdf", ".svg"))]
    expect(
        any(character.isdigit() for character in run.stdout) or bool(pictures),
        f"{shown} shows no result: neither a loss is printed nor a picture made.",
    )
    # A program that forgot --valid writes the checkpoint anew.
    rewritten = [name for name, _ in run.files if name.endswith(PurePosixPath(checkpoint).name)]
    expect(not rewritten, f"{shown} should only validate, but writes the checkpoint again.")


def train(student: Student, option: str) -> None:
    """The document's training command on a few pictures: ends, draws a curve and writes the checkpoint."""
    _prepare(student)
    path = script(student)
    checkpoint = f"{option.lower()}_k3_f32.pkl"
    run = student.script(
        path,
        ["--model", option, "--checkpoint", checkpoint, "-b", "10", "-e", "5"],
        files=_beside(path, _colours()),
        intercept={"plt.show": returns(None)},
    )
    shown = f"{PurePosixPath(path).name} --model {option} --checkpoint {checkpoint} -b 10 -e 5"
    _ended_well(run, shown)
    made = [PurePosixPath(name).name for name, _ in run.files]
    expect(checkpoint in made, f"{shown} does not write the weights it trained to {checkpoint}.")
    expect(
        any(name.lower().endswith((".png", ".jpg", ".jpeg", ".pdf", ".svg")) for name in made),
        f"{shown} draws no training curve.",
    )


def _ended_well(run: object, shown: str) -> None:
    raised = getattr(run, "raised", None)
    if raised is not None:
        fail(f"{shown} ended with {raised.type}: {raised.message}")
    code = getattr(run, "exit_code", None)
    expect(not code, f"{shown} ended with status {code}.")


def _prepare(student: Student) -> None:
    student.support(_GIVEN)
    student.supported("give_pictures", *_pictures())


@lru_cache(maxsize=1)
def _pictures() -> tuple[torch.Tensor, ...]:
    """x (N, 3, 32, 32) uint8 and y (N, 1) as the course's loader gives them, most of them horses."""
    data = from_photographs()
    colours = torch.from_numpy(np.ascontiguousarray(data.colours))

    def pair(targets: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        labels = torch.full((count, 1), _HORSE)
        labels[::5] = _OTHER
        return colours[targets[:count]].permute(0, 3, 1, 2).contiguous(), labels

    return *pair(data.train_targets, _TRAIN), *pair(data.validation_targets, _TEST)


@lru_cache(maxsize=1)
def _colours() -> dict[str, bytes]:
    held = io.BytesIO()
    # As the course's file: the centres stand first.
    np.save(held, (from_photographs().colours[None] / 256).astype(np.float64))
    return dict.fromkeys(_COLOURS, held.getvalue())


def _beside(path: str, files: dict[str, bytes]) -> dict[str, bytes]:
    folder = PurePosixPath(path).parent
    return {str(folder / name): content for name, content in files.items()}
