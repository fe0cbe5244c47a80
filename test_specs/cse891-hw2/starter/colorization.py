"""Colours for grey horses: every pixel is put into one of 24 classes."""

from __future__ import print_function

import argparse
import math
import os
import time

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import numpy.random as npr
import torch
import torch.nn as nn
import torch.nn.functional as F

from load_data import load_cifar10

HORSE_CATEGORY = 7


# ---------------------------------------------------------------- pictures


def get_rgb_cat(xs, colours):
    """Number of the nearest colour for every pixel: (N, 3, H, W) -> (N, 1, H, W)."""
    cats = np.zeros((len(xs), 1) + xs.shape[2:], dtype=np.int64)
    for i, picture in enumerate(xs):
        gaps = picture[None] - colours[:, :, None, None]
        cats[i, 0] = (gaps**2).sum(axis=1).argmin(axis=0)
    return cats


def get_cat_rgb(cats, colours):
    return colours[cats]


def process(xs, ys, max_pixel=256.0):
    """Horses only, scaled and shuffled. Returns colour and grey pictures."""
    xs = xs / max_pixel
    xs = xs[np.where(ys == HORSE_CATEGORY)[0]]
    npr.shuffle(xs)
    grey = np.mean(xs, axis=1, keepdims=True)
    return xs.astype("float32"), grey.astype("float32")


def get_batch(x, y, batch_size):
    for start in range(0, len(x), batch_size):
        yield x[start : start + batch_size], y[start : start + batch_size]


def get_torch_vars(xs, ys, gpu=False):
    xs, ys = torch.from_numpy(xs), torch.from_numpy(ys)
    return (xs.cuda(), ys.cuda()) if gpu else (xs, ys)


def plot(inputs, labels, outputs, colours, path):
    rows = []
    for grey, truth, guess in list(zip(inputs, labels, outputs))[:10]:
        rows.append(np.vstack([np.repeat(grey, 3, 0).transpose(1, 2, 0), get_cat_rgb(truth, colours), get_cat_rgb(guess, colours)]))
    plt.imsave(path, np.clip(np.hstack(rows), 0, 1))


# ---------------------------------------------------------------- layers


class MyConv2d(nn.Module):
    """A convolution with its inside in the open."""

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


class MyDilatedConv2d(MyConv2d):
    """`dilation` pixels are left out between neighbouring taps; 0 is a plain convolution."""

    def __init__(self, in_channels, out_channels, kernel_size, dilation=1):
        super(MyDilatedConv2d, self).__init__(in_channels, out_channels, kernel_size)
        self.dilation = dilation

    def forward(self, input):
        # YOUR CODE
        pass


# ---------------------------------------------------------------- networks


class CNN(nn.Module):
    def __init__(self, kernel, num_filters, num_colours):
        super(CNN, self).__init__()
        # YOUR CODE

    def forward(self, x):
        self.out1 = self.downconv1(x)
        self.out2 = self.downconv2(self.out1)
        self.out3 = self.rfconv(self.out2)
        self.out4 = self.upconv1(self.out3)
        self.out5 = self.upconv2(self.out4)
        self.out_final = self.finalconv(self.out5)
        return self.out_final


class UNet(nn.Module):
    def __init__(self, kernel, num_filters, num_colours):
        super(UNet, self).__init__()
        # YOUR CODE

    def forward(self, x):
        # YOUR CODE
        pass


class DilatedUNet(UNet):
    def __init__(self, kernel, num_filters, num_colours):
        super(DilatedUNet, self).__init__(kernel, num_filters, num_colours)
        self.rfconv = nn.Sequential(
            MyDilatedConv2d(num_filters * 2, num_filters * 2, kernel, dilation=1),
            nn.BatchNorm2d(num_filters * 2),
            nn.ReLU(),
        )


# ---------------------------------------------------------------- training


def compute_loss(criterion, outputs, labels, batch_size, num_colours):
    scores = outputs.transpose(1, 3).contiguous().view(-1, num_colours)
    return criterion(scores, labels.transpose(1, 3).contiguous().view(-1))


def run_validation_step(cnn, criterion, test_grey, test_rgb_cat, batch_size, colours, plotpath=None):
    cnn.eval()
    correct, total, losses = 0.0, 0.0, []
    with torch.no_grad():
        for xs, ys in get_batch(test_grey, test_rgb_cat, batch_size):
            images, labels = get_torch_vars(xs, ys, args.gpu)
            outputs = cnn(images)
            losses.append(compute_loss(criterion, outputs, labels, batch_size, len(colours)).item())
            predicted = outputs.argmax(1, keepdim=True)
            correct += (predicted == labels).sum().item()
            total += labels.numel()
    if plotpath:
        plot(xs, ys[:, 0], predicted.cpu().numpy()[:, 0], colours, plotpath)
    return np.mean(losses), 100 * correct / total


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train colorization")
    parser.add_argument("--gpu", action="store_true", default=torch.cuda.is_available(), help="train on a GPU")
    parser.add_argument("--valid", action="store_true", help="validation only")
    parser.add_argument("--checkpoint", default="", help="weights to load with --valid, else to write")
    parser.add_argument("--plot", action="store_true", help="plot a few pictures after every epoch")
    parser.add_argument("-c", "--colours", default="color/color_kmeans24_cat7.npy", help="file of the 24 colours")
    parser.add_argument("-m", "--model", choices=["CNN", "UNet", "DUNet"], default="CNN")
    parser.add_argument("-k", "--kernel", default=3, type=int)
    parser.add_argument("-f", "--num_filters", default=32, type=int)
    parser.add_argument("-l", "--learn_rate", default=0.001, type=float)
    parser.add_argument("-b", "--batch_size", default=100, type=int)
    parser.add_argument("-e", "--epochs", default=25, type=int)
    parser.add_argument("-s", "--seed", default=0, type=int)
    args = parser.parse_args()

    npr.seed(args.seed)
    torch.manual_seed(args.seed)
    if not os.path.isdir("outputs"):
        os.makedirs("outputs")

    colours = np.load(args.colours)[0]
    num_colours = len(colours)
    networks = {"CNN": CNN, "UNet": UNet, "DUNet": DilatedUNet}
    cnn = networks[args.model](args.kernel, args.num_filters, num_colours)
    criterion = nn.CrossEntropyLoss()

    print("Loading data...")
    (x_train, y_train), (x_test, y_test) = load_cifar10()
    train_rgb, train_grey = process(x_train, y_train)
    train_rgb_cat = get_rgb_cat(train_rgb, colours)
    test_rgb, test_grey = process(x_test, y_test)
    test_rgb_cat = get_rgb_cat(test_rgb, colours)

    if args.valid:
        print("Loading checkpoint...")
        cnn.load_state_dict(torch.load(args.checkpoint, map_location="cpu"))
    if args.gpu:
        cnn.cuda()

    if args.valid:
        val_loss, val_acc = run_validation_step(
            cnn, criterion, test_grey, test_rgb_cat, args.batch_size, colours, "outputs/eval_%s.png" % args.model
        )
        print("Evaluating Model %s: %s" % (args.model, args.checkpoint))
        print("Val Loss: %.4f, Val Acc: %.1f%%" % (val_loss, val_acc))
        exit(0)

    optimizer = torch.optim.Adam(cnn.parameters(), lr=args.learn_rate)
    print("Beginning training ...")
    start = time.time()
    train_losses, valid_losses = [], []
    for epoch in range(args.epochs):
        cnn.train()
        losses = []
        for xs, ys in get_batch(train_grey, train_rgb_cat, args.batch_size):
            images, labels = get_torch_vars(xs, ys, args.gpu)
            optimizer.zero_grad()
            loss = compute_loss(criterion, cnn(images), labels, args.batch_size, num_colours)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        train_losses.append(np.mean(losses))
        print("Epoch [%d/%d], Loss: %.4f, Time (s): %d" % (epoch + 1, args.epochs, train_losses[-1], time.time() - start))
        val_loss, val_acc = run_validation_step(cnn, criterion, test_grey, test_rgb_cat, args.batch_size, colours)
        valid_losses.append(val_loss)
        print("Epoch [%d/%d], Val Loss: %.4f, Val Acc: %.1f%%" % (epoch + 1, args.epochs, val_loss, val_acc))

    plt.figure()
    plt.plot(train_losses, "ro-", label="Train")
    plt.plot(valid_losses, "go-", label="Validation")
    plt.legend()
    plt.title("Loss")
    plt.xlabel("Epochs")
    plt.savefig("outputs/training_curve.png")

    if args.checkpoint:
        print("Saving model...")
        torch.save(cnn.state_dict(), args.checkpoint)
