"""Sent into the sandbox as text: what answers `torch.hub.load` there, and helps to look at calls. Nothing secret."""

import collections
import inspect
import types

import torch
from torch import nn

WIDTH = 256
CLASSES = 21


class TinyDeepLab(nn.Module):
    """Has the names of deeplabv3 and a thousandth of its weights."""

    def __init__(self, width=8, kernel=3, stride=4):
        super().__init__()
        self.backbone = nn.ModuleDict(
            {
                "conv1": nn.Conv2d(3, width, kernel, stride, kernel // 2),
                "bn1": nn.BatchNorm2d(width),
                "layer4": nn.Conv2d(width, width, 1),
            }
        )
        self.classifier = self._head(width)
        self.aux_classifier = self._head(width)

    @staticmethod
    def _head(inputs):
        return nn.Sequential(
            nn.Conv2d(inputs, 16, 1),
            nn.Conv2d(16, WIDTH, 1, bias=False),
            nn.BatchNorm2d(WIDTH),
            nn.ReLU(),
            nn.Conv2d(WIDTH, CLASSES, 1),
        )

    def forward(self, x):
        features = self.backbone["layer4"](self.backbone["bn1"](self.backbone["conv1"](x)).relu())
        result = collections.OrderedDict()
        for name, head in (("out", self.classifier), ("aux", self.aux_classifier)):
            small = head(features)
            result[name] = nn.functional.interpolate(small, size=x.shape[-2:], mode="bilinear", align_corners=False)
        return result


def tiny_deeplab(*args, **kwargs):
    """Answers whatever loads a pretrained network."""
    return TinyDeepLab()


def seeing_deeplab(*args, **kwargs):
    """A network whose features are enough to find flowers: wider, finer, and the same every time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(17)
        return TinyDeepLab(width=24, kernel=5, stride=2)


def prepared_deeplab():
    """One that sees, frozen, with a new last layer for background and flower."""
    model = seeing_deeplab().requires_grad_(False)
    model.classifier[4] = nn.Conv2d(WIDTH, 2, 1)
    return model


def frozen_deeplab():
    """A network that was prepared by its owner: only the last layer learns."""
    model = TinyDeepLab().requires_grad_(False)
    model.classifier[4].requires_grad_(True)
    return model


def parameter_names(function):
    """Names of the positional parameters without a default, or that sound like what `train` is given."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    try:
        parameters = [p for p in inspect.signature(function).parameters.values() if p.kind in kinds]
    except (TypeError, ValueError):
        parameters = []
    names = []
    for parameter in parameters:
        known = "model" in parameter.name or parameter.name in ("args", "net", "cnn")
        if parameter.default is not inspect.Parameter.empty and not known:
            break
        names.append(parameter.name)
    return types.SimpleNamespace(names=names)


def touches(function):
    """Whether a function's code changes the head of a network, and whether it takes arguments."""
    code = getattr(function, "__code__", None)
    names = set(code.co_names) if code is not None else set()
    head = "classifier" in names and bool({"requires_grad_", "requires_grad", "Conv2d", "hub"} & names)
    return types.SimpleNamespace(head=head, arguments=bool(parameter_names(function).names))


class Settings(dict):
    """Answers every name a `train` may ask for, as attribute or as key."""

    def __init__(self, values):
        super().__init__(values)
        self.__dict__ = self


class Iou(str):
    """Is whatever the IoU loss is called: equal to every name but those of cross-entropy."""

    __slots__ = ()

    def __eq__(self, other):
        return not str(other).lower().startswith(("cross", "ce", "xent", "nll"))

    def __ne__(self, other):
        return not self == other

    def __hash__(self):
        return hash("iou")


def settings_for_iou():
    """The same settings, with another loss asked for."""
    return settings(Iou("iou"))


def settings(loss="cross-entropy"):
    """What `args` holds in the notebooks seen, and in those that call things by other names."""
    return Settings(
        {
            "gpu": False,
            "cuda": False,
            "device": "cpu",
            "checkpoint": "",
            "checkpoint_name": "stand-in",
            "learn_rate": 0.05,
            "learning_rate": 0.05,
            "lr": 0.05,
            "train_batch_size": 2,
            "val_batch_size": 2,
            "batch_size": 2,
            "epochs": 1,
            "seed": 0,
            "plot": False,
            "visualize": False,
            "valid": False,
            "experiment_name": "stand-in",
            "loss": loss,
            "weight_decay": 0.0,
            "momentum": 0.9,
            "model": "deeplabv3",
            "downsize_input": False,
            "kernel": 3,
            "num_filters": 4,
            "colours": "",
            "num_workers": 0,
        }
    )


class Loader:
    """Stands for loaders and data sets: empty."""

    N = 0

    def __init__(self, *args, **kwargs):
        self.dataset = self

    def __iter__(self):
        return iter(())

    def __len__(self):
        return 0


class OneBatch(Loader):
    """A loader with two pictures and their masks."""

    N = 2

    def __iter__(self):
        return iter([(torch.rand(2, 3, 32, 32), (torch.rand(2, 32, 32) > 0.5).long())])

    def __len__(self):
        return 1


def two_loaders(*args, **kwargs):
    """Answers `initialize_loader`."""
    return Loader(), Loader()


def one_loader(*args, **kwargs):
    """Answers `DataLoader`."""
    return Loader()


def facts_of_call(model, x):
    """What a forward pass does to its own input, as a number to look at."""
    before = x.clone()
    with torch.no_grad():
        model(x)
    return types.SimpleNamespace(changed=float((x - before).abs().max()))


def last_of_head(model):
    """The last layer of the head, however many there are now."""
    return types.SimpleNamespace(layer=list(model.classifier.children())[-1])


def two_loaders_of_one_batch(*args, **kwargs):
    """Answers `initialize_loader` where a loss is to be reached."""
    return OneBatch(), OneBatch()


def loader_of_one_batch(*args, **kwargs):
    """Answers `DataLoader` where a loss is to be reached."""
    return OneBatch()
