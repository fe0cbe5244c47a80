"""Sent into the sandbox as text: what answers DataLoader and pretrained weights there, and looks at calls.

Nothing secret: the pictures and labels that come from here are made up.
"""

import contextlib
import os
import random
import types
from pathlib import Path

import numpy as np
import torch
from torch import nn

CLASSES = 21
# Support code is sent before every check; what it has made stays.
_seen = globals().get("_seen", [])
_loaded = globals().get("_loaded", [])
_built = globals().get("_built", {})
_limit = [60]


class Batches:
    """A loader of one small batch. While training is told that all is background, validation says the opposite, so
    that its loss rises and its IoU stays 0 as the network learns."""

    def __init__(self, dataset, is_train):
        self.dataset, self.is_train = dataset, is_train
        self.batch_size = 4
        self.epochs = 0
        self.folder = str(Path.cwd())

    def __len__(self):
        return 1

    def __iter__(self):
        self.epochs += 1
        if self.epochs > _limit[0]:
            raise SystemExit(0)
        generator = torch.Generator().manual_seed(0)
        images = torch.rand(4, 3, 32, 32, generator=generator)
        labels = torch.zeros(4, 32, 32, dtype=torch.long)
        if not self.is_train:
            labels += 1
            labels[:, :8] = 2
        else:
            labels[:, :2] = 3
        yield images, labels


def data_loader(dataset=None, *args, **kwargs):
    """Answers `DataLoader`; the first of a program, or one that shuffles, is for training."""
    shuffles = bool(kwargs.get("shuffle", args[1] if len(args) > 1 else False)) or kwargs.get("sampler") is not None
    mode = str(getattr(dataset, "mode", getattr(dataset, "split", "")))
    is_train = mode.startswith("train") if mode else shuffles or not _seen
    found = Batches(dataset, is_train)
    _seen.append(found)
    return found


def forget(most):
    """Before a program is run: `most` passes over a loader, then it is ended."""
    _limit[0] = most
    _seen.clear()
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - what students draw from
    torch.manual_seed(0)


def loaders_seen():
    """How often each kind of loader was gone through, and how many there are."""
    return types.SimpleNamespace(
        count=len(_seen),
        train=max([0, *(one.epochs for one in _seen if one.is_train)]),
        validation=max([0, *(one.epochs for one in _seen if not one.is_train)]),
    )


def drawn_items(which, draws, step):
    """Items of the data set of the first loader of a kind, several times over, every `step`th pixel."""
    chosen = [one for one in _seen if one.is_train == (which == "train") and one.dataset is not None]
    images, masks = [], []
    before = str(Path.cwd())
    # The paths of voc.py are relative.
    os.chdir(chosen[0].folder)
    try:
        for _ in range(draws):
            for index in range(len(chosen[0].dataset)):
                image, mask = chosen[0].dataset[index][:2]
                images.append(torch.as_tensor(np.asarray(image)).float())
                masks.append(torch.as_tensor(np.asarray(mask)).long().squeeze())
    finally:
        os.chdir(before)
    return types.SimpleNamespace(
        images=torch.stack(images)[..., ::step, ::step].contiguous(),
        masks=torch.stack(masks)[..., ::step, ::step].contiguous(),
    )


def _flat(found):
    if isinstance(found, torch.Tensor):
        return [float(value) for value in found.detach().double().flatten()]
    if isinstance(found, np.ndarray):
        return [float(value) for value in found.flatten()]
    if isinstance(found, dict):
        return [value for one in found.values() for value in _flat(one)]
    if isinstance(found, (list, tuple)):
        return [value for one in found for value in _flat(one)]
    return [float("nan") if found is None else float(found)]


def measured(name, pred, target, scores):
    """What a measure gives for labels, else for scores, as numbers in one row: (values, intersections and unions?)."""
    function, trouble = submission(name), None  # noqa: F821 - put here by the probe
    for given in ((pred, target), (pred, target, CLASSES), (scores, target), (scores, target, CLASSES)):
        try:
            found = function(given[0].clone(), target.clone(), *given[2:])
            pair = isinstance(found, (tuple, list)) and len(found) == 2 and all(len(_flat(one)) > 1 for one in found)
            return types.SimpleNamespace(values=torch.tensor(_flat(found), dtype=torch.float64), pair=pair)
        except Exception as error:
            trouble = trouble or error
    raise trouble


class Pretrained(dict):
    """Stands for downloaded weights: whoever loads it keeps the network as it is, and that is noted."""


@contextlib.contextmanager
def offline():
    """Pretrained weights are given without a download, and it is kept which network got them."""
    import torchvision.models as zoo
    from torchvision.models._api import WeightsEnum

    kept = WeightsEnum.get_state_dict, nn.Module.load_state_dict, torch.hub.load, torch.hub.load_state_dict_from_url

    def load_state_dict(module, state, *args, **kwargs):
        if isinstance(state, Pretrained):
            _loaded.append(module)
            return None
        return kept[1](module, state, *args, **kwargs)

    def hub_load(repository, model, *args, **kwargs):
        found = getattr(zoo, model)(weights=None)
        if kwargs.get("pretrained") or kwargs.get("weights") is not None:
            _loaded.append(found)
        return found

    WeightsEnum.get_state_dict = lambda *args, **kwargs: Pretrained()
    nn.Module.load_state_dict, torch.hub.load = load_state_dict, hub_load
    torch.hub.load_state_dict_from_url = lambda *args, **kwargs: Pretrained()
    try:
        yield
    finally:
        WeightsEnum.get_state_dict, nn.Module.load_state_dict, torch.hub.load = kept[:3]
        torch.hub.load_state_dict_from_url = kept[3]


def is_network(name):
    """Whether a name is a class of networks of the submission's own."""
    found = submission(name)  # noqa: F821
    return types.SimpleNamespace(yes=isinstance(found, type) and issubclass(found, nn.Module))


def built(name):
    """A network of the submission for 21 classes, with pretrained weights at hand."""
    cls, trouble = submission(name), None  # noqa: F821
    tries = (
        ((), {"n_class": CLASSES}),
        ((), {"n_classes": CLASSES}),
        ((), {"num_classes": CLASSES}),
        ((CLASSES,), {}),
        ((3, CLASSES), {}),
        ((), {}),
    )
    with offline():
        for args, kwargs in tries:
            try:
                return cls(*args, **kwargs)
            except Exception as error:
                trouble = error if trouble is None or not isinstance(error, TypeError) else trouble
    raise trouble


def scored(name, x):
    """A network, and what it makes of pictures; the network is None where that cannot be done."""
    if name not in _built:
        model = built(name)
        model.eval()
        with torch.no_grad():
            out = model(x)
        out = out["out"] if isinstance(out, dict) else out
        _built[name] = types.SimpleNamespace(model=model, scores=out)
    return _built[name]


def from_zoo(model):
    """Names of the parameters that came pretrained, and whether the network is one from a library without them."""
    given = {id(parameter) for one in _loaded for parameter in one.parameters()}
    names = [name for name, parameter in model.named_parameters() if id(parameter) in given]
    borrowed = any(type(module).__module__.startswith("torchvision.models") for module in model.modules())
    return types.SimpleNamespace(names=names, borrowed=borrowed)


class Joined(torch.overrides.TorchFunctionMode):
    """Watches tensors being joined; the operand `cut` = (join, operand) is replaced by zeros."""

    def __init__(self, cut=None):
        super().__init__()
        self.cut, self.kept, self.made, self.joins, self.smallest = cut, [], {}, [], (10**9, 0)

    def __torch_function__(self, func, types_, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name in ("cat", "concat", "concatenate"):
            tensors = list(args[0] if args else kwargs.get("tensors"))
            if tensors and tensors[0].dim() == 4:
                number = len(self.joins)
                if len(tensors) == 2:
                    self.joins.append([(self.made.get(id(one), 0), one.shape[-1], one.shape[1]) for one in tensors])
                else:
                    self.joins.append([])
                if self.cut and self.cut[0] == number:
                    tensors[self.cut[1]] = torch.zeros_like(tensors[self.cut[1]])
                args = (tensors, *args[1:])
                kwargs.pop("tensors", None)
        out = func(*args, **kwargs)
        # Changes of nothing but the edges or the type keep a tensor's time.
        if isinstance(out, torch.Tensor) and out.dim() == 4:
            self.kept.append(out)
            same = name in ("pad", "contiguous", "clone", "dropout", "crop", "__getitem__", "detach")
            source = args[0] if args and isinstance(args[0], torch.Tensor) else None
            time = self.made.get(id(source), len(self.kept)) if same else len(self.kept)
            self.made[id(out)] = time
            if out.shape[-1] < self.smallest[0]:
                self.smallest = (out.shape[-1], time)
        return out


def skips(model, x):
    """Joins of a tensor from before the smallest one with one from after it: their side, and what cutting changes.

    In training mode, as fresh weights without a batch's statistics let little through: so little that where nothing
    is seen to change, it is looked for again in double precision, which takes twice as long.
    """
    model.train()
    try:
        found = _cuts(model, x)
        if any(change == 0 for _, change in found):
            found = _cuts(model.double(), x.double())
    finally:
        model.float().eval()
    return types.SimpleNamespace(found=found)


def _cuts(model, x):
    whole, watch = _watched(model, x, None)
    found = []
    for number, join in enumerate(watch.joins):
        early = [place for place, (time, _, _) in enumerate(join) if time < watch.smallest[1]]
        late = [place for place, (time, _, _) in enumerate(join) if time > watch.smallest[1]]
        if len(early) == 1 and len(late) == 1:
            other, _ = _watched(model, x, (number, early[0]))
            found.append([join[early[0]][1], float((other - whole).abs().max())])
    return found


def _watched(model, x, cut):
    torch.manual_seed(0)
    with torch.no_grad(), Joined(cut) as watch:
        out = model(x)
    return (out["out"] if isinstance(out, dict) else out), watch


class Weighted(nn.Module):
    """A criterion of the submission, as a module of (scores, target)."""

    def __init__(self, call):
        super().__init__()
        self.call = call

    def forward(self, scores, target):
        return self.call(scores, target)


def criterion(name, weights):
    """The loss of that name, given class weights where it takes them; raises what the last try raised."""
    found, trouble = submission(name), None  # noqa: F821
    scores, target = torch.zeros(2, CLASSES, 4, 4), torch.zeros(2, 4, 4, dtype=torch.long)
    target[:, 0] = 5
    as_list = [float(weight) for weight in weights]
    for given in ((weights,), (as_list,), None):
        for key in ("", "weights", "weight", "class_weights", "alpha"):
            try:
                if isinstance(found, type):
                    made = found() if given is None else found(**{key: given[0]}) if key else found(*given)
                elif given is None:
                    made = found
                else:
                    made = _with_weights(found, key, given[0])
                value = made(scores, target)
                if isinstance(value, torch.Tensor) and value.numel() == 1 and value.is_floating_point():
                    return Weighted(made)
                trouble = trouble or TypeError("it does not give one number")
            except Exception as error:
                trouble = trouble or error
    raise trouble


def _with_weights(function, key, weights):
    return (lambda s, t: function(s, t, **{key: weights})) if key else (lambda s, t: function(s, t, weights))
