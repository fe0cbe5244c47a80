"""Code that is sent into the sandbox: what answers `torch.hub.load` and helps to look at calls. Nothing secret."""

SOURCE = '''
import collections
import inspect
import types

import torch
from torch import nn


class TinyDeepLab(nn.Module):
    """Has the names of deeplabv3 and a thousandth of its weights."""

    def __init__(self):
        super().__init__()
        self.backbone = nn.ModuleDict({"conv1": nn.Conv2d(3, 8, 3, 4, 1), "bn1": nn.BatchNorm2d(8), "layer4": nn.Conv2d(8, 8, 1)})
        self.classifier = self._head(8, 256)
        self.aux_classifier = self._head(8, 256)

    @staticmethod
    def _head(inputs, width):
        return nn.Sequential(
            nn.Conv2d(inputs, 16, 1), nn.Conv2d(16, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, 21, 1)
        )

    def forward(self, x):
        features = self.backbone["layer4"](self.backbone["bn1"](self.backbone["conv1"](x)).relu())
        result = collections.OrderedDict()
        for name, head in (("out", self.classifier), ("aux", self.aux_classifier)):
            result[name] = nn.functional.interpolate(head(features), size=x.shape[-2:], mode="bilinear", align_corners=False)
        return result


def tiny_deeplab(*args, **kwargs):
    return TinyDeepLab()


def frozen_deeplab():
    model = TinyDeepLab().requires_grad_(False)
    model.classifier[4].requires_grad_(True)
    return model


def parameter_names(function):
    """Names of the positional parameters that have no default, or that sound like what train is given."""
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


class Settings(dict):
    """Answers every name a `train` may ask for, as attribute or as key."""

    def __init__(self, values):
        super().__init__(values)
        self.__dict__ = self


def settings():
    return Settings({
        "gpu": False, "cuda": False, "device": "cpu", "checkpoint": "", "checkpoint_name": "stand-in", "learn_rate": 0.05,
        "learning_rate": 0.05, "lr": 0.05, "train_batch_size": 2, "val_batch_size": 2, "batch_size": 2, "epochs": 1, "seed": 0,
        "plot": False, "visualize": False, "valid": False, "experiment_name": "stand-in", "loss": "cross-entropy",
        "weight_decay": 0.0, "momentum": 0.9, "model": "deeplabv3", "downsize_input": False, "kernel": 3, "num_filters": 4,
        "colours": "", "num_workers": 0,
    })


class Endless(nn.Module):
    """Stands for loaders and data sets: whatever is done with it works, and it is empty."""

    def __init__(self, *args, **kwargs):
        super().__init__()
        self.dataset = []

    def __iter__(self):
        return iter(())

    def __len__(self):
        return 0


def two_loaders(*args, **kwargs):
    return Endless(), Endless()


def one_loader(*args, **kwargs):
    return Endless()


def facts_of_call(model, x):
    """What a forward pass does to its own input, as a number to look at."""
    before = x.clone()
    model(x)
    return types.SimpleNamespace(changed=float((x - before).abs().max()))


def last_of_head(model):
    head = model.classifier
    return types.SimpleNamespace(layer=list(head.children())[-1], count=len(list(head.children())))
'''
