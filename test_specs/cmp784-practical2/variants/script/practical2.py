"""Practical 2 as one program: python practical2.py --part cnn|unet|segmentation"""

import argparse
import math
import os
import pickle
import sys
import tarfile
import time
import urllib.request

import matplotlib.pyplot as plt
import numpy as np
import numpy.random as npr
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.parameter import Parameter
from torch import optim


def get_file(fname, origin, untar=False, cache_dir="data"):
    """Download `origin` once and unpack it if asked."""
    os.makedirs(cache_dir, exist_ok=True)
    path = os.path.join(cache_dir, fname)
    if not os.path.exists(path):
        print("downloading", origin)
        urllib.request.urlretrieve(origin, path)
    if untar:
        with tarfile.open(path) as archive:
            archive.extractall(cache_dir)
    return path


def load_cifar10():
    """CIFAR-10 as uint8 arrays (N, 3, 32, 32) with their class numbers."""
    get_file("cifar-10-python.tar.gz", "http://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz", untar=True)

    def batch(name):
        with open(os.path.join("data", "cifar-10-batches-py", name), "rb") as handle:
            content = pickle.load(handle, encoding="bytes")
        return content[b"data"].reshape(-1, 3, 32, 32), np.array(content[b"labels"])

    parts = [batch("data_batch_%d" % i) for i in range(1, 6)]
    x_train = np.concatenate([p[0] for p in parts])
    y_train = np.concatenate([p[1] for p in parts])
    x_test, y_test = batch("test_batch")
    return (x_train, y_train), (x_test, y_test)


HORSE_CATEGORY = 7


def get_rgb_cat(xs, colours):
    """Index of the nearest colour for every pixel of `xs` (N, 3, H, W) -> (N, 1, H, W)."""
    n, _, h, w = xs.shape
    cats = np.zeros((n, 1, h, w), dtype=np.int64)
    for i in range(n):
        pixels = xs[i].reshape(3, -1).T
        dists = ((pixels[:, None, :] - colours[None]) ** 2).sum(2)
        cats[i, 0] = dists.argmin(1).reshape(h, w)
    return cats


def get_cat_rgb(cats, colours):
    """Colours for the category indices."""
    return colours[cats]


def process(xs, ys, max_pixel=256.0, downsize_input=False):
    """Scale the pixels, keep the horses, make the grey input; returns (rgb, grey)."""
    xs = xs / max_pixel
    xs = xs[np.where(ys == HORSE_CATEGORY)[0], :, :, :]
    npr.shuffle(xs)
    grey = np.mean(xs, axis=1, keepdims=True)
    if downsize_input:
        grey = grey[:, :, ::2, ::2].repeat(2, axis=2).repeat(2, axis=3)
    return xs, grey


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


def plot(inputs, gtlabel, output, colours, path, visualize):
    """Grey picture, true colours and predicted colours in three rows."""
    grey = np.transpose(inputs[:10, :, :, :], [0, 2, 3, 1])
    rows = [np.repeat(grey, 3, axis=3), get_cat_rgb(gtlabel[:10, 0], colours), get_cat_rgb(output[:10, 0], colours)]
    picture = np.concatenate([np.hstack(row) for row in rows])
    plt.figure(figsize=(10, 4))
    plt.imshow(picture)
    plt.axis("off")
    plt.savefig(path)
    if visualize:
        plt.show()
    plt.close()


class MyConv2d(nn.Module):
    """A plain convolution, so that its inside can be seen."""

    def __init__(self, in_channels, out_channels, kernel_size, padding=None):
        super(MyConv2d, self).__init__()
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.padding = kernel_size // 2 if padding is None else padding
        self.weight = nn.parameter.Parameter(torch.Tensor(out_channels, in_channels, kernel_size, kernel_size))
        self.bias = nn.parameter.Parameter(torch.Tensor(out_channels))
        self.reset_parameters()

    def reset_parameters(self):
        stdv = 1.0 / math.sqrt(self.in_channels * self.kernel_size**2)
        self.weight.data.uniform_(-stdv, stdv)
        self.bias.data.uniform_(-stdv, stdv)

    def forward(self, input):
        return F.conv2d(input, self.weight, self.bias, padding=self.padding)

    def extra_repr(self):
        return "{in_channels}, {out_channels}, kernel_size={kernel_size}".format(**self.__dict__)


def block(i, o, k, *resize):
    return nn.Sequential(MyConv2d(i, o, k), *resize, nn.BatchNorm2d(o), nn.ReLU())


class CNN(nn.Module):
    def __init__(self, kernel=3, num_filters=32, num_colours=24, num_in_channels=1):
        super().__init__()
        k, f, c = kernel, num_filters, num_colours
        self.layers = nn.ModuleList([
            block(num_in_channels, f, k, nn.MaxPool2d(2)),
            block(f, 2 * f, k, nn.MaxPool2d(2)),
            block(2 * f, 2 * f, k),
            block(2 * f, f, k, nn.Upsample(scale_factor=2)),
            block(f, c, k, nn.Upsample(scale_factor=2)),
        ])
        self.head = MyConv2d(c, c, k)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return self.head(x)


class UNet(CNN):
    def __init__(self, kernel=3, num_filters=32, num_colours=24, num_in_channels=1):
        super().__init__(kernel, num_filters, num_colours, num_in_channels)
        k, f, c = kernel, num_filters, num_colours
        self.layers[3] = block(4 * f, f, k, nn.Upsample(scale_factor=2))
        self.layers[4] = block(2 * f, c, k, nn.Upsample(scale_factor=2))
        self.head = MyConv2d(c + num_in_channels, c, k)

    def forward(self, x):
        stack = [x]
        y = x
        for layer in self.layers[:3]:
            y = layer(y)
            stack.append(y)
        stack.pop()
        for layer in [*self.layers[3:], self.head]:
            y = layer(torch.cat([stack.pop(), y], 1))
        return y


def train_colours(args):
    cnn = globals()[args.model](args.kernel, args.num_filters, 24, 1)
    opt = optim.Adam(cnn.parameters(), lr=args.learn_rate)
    colours = np.load("colours/colour_kmeans24_cat7.npy", allow_pickle=True, encoding="bytes")[0]
    (x_train, y_train), _ = load_cifar10()
    rgb, grey = process(x_train, y_train)
    cats = get_rgb_cat(rgb, colours)
    for epoch in range(args.epochs):
        for xs, ys in get_batch(grey, cats, args.batch_size):
            images, labels = get_torch_vars(xs, ys)
            opt.zero_grad()
            loss = F.cross_entropy(cnn(images), labels.squeeze(1))
            loss.backward()
            opt.step()
        print("epoch", epoch + 1, loss.item())


def train(args, model):
    learned_parameters = [p for n, p in model.named_parameters() if n.startswith("classifier.4")]
    optimizer = optim.Adam(learned_parameters, lr=args.learn_rate)
    for images, labels in initialize_loader(args):
        optimizer.zero_grad()
        F.cross_entropy(model(images)["out"], labels).backward()
        optimizer.step()
    return model


def prepare():
    model = torch.hub.load("pytorch/vision:v0.10.0", "deeplabv3_resnet101", pretrained=True)
    for p in model.parameters():
        p.requires_grad = False
    model.classifier[4] = nn.Conv2d(256, 2, 1)
    return model


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="CNN")
    parser.add_argument("--kernel", type=int, default=3)
    parser.add_argument("--num_filters", type=int, default=32)
    parser.add_argument("--learn_rate", type=float, default=0.001)
    parser.add_argument("--batch_size", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--segmentation", action="store_true")
    args = parser.parse_args()
    if args.segmentation:
        model = prepare()
        train(args, model)
    else:
        train_colours(args)


if __name__ == "__main__":
    main()
