"""What the course gives: supplied where a hand-in has lost it."""

import numpy as np
import torch


class AttrDict(dict):
    """A dictionary whose keys are attributes too."""

    def __init__(self, *args, **kwargs):
        super(AttrDict, self).__init__(*args, **kwargs)
        self.__dict__ = self


def get_batch(x, y, batch_size):
    """Yield (inputs, labels) of `batch_size` pictures."""
    n = np.shape(x)[0]
    for i in range(0, n, batch_size):
        yield x[i : i + batch_size], y[i : i + batch_size]


def get_torch_vars(xs, ys, gpu=False):
    """Arrays to tensors, on the GPU if asked."""
    xs = torch.from_numpy(xs).float()
    ys = torch.from_numpy(ys).long()
    if gpu:
        xs = xs.cuda()
        ys = ys.cuda()
    return xs, ys
