"""The part of a hand-in that the checks look at, as a module: what plain pytest needs its students to hand in."""

import math

import torch
import torch.nn.functional as F
from torch import nn


class MyConv2d(nn.Module):
    def __init__(self, in_channels, out_channels, kernel_size, padding=None):
        super().__init__()
        self.padding = kernel_size // 2 if padding is None else padding
        bound = 1 / math.sqrt(in_channels * kernel_size * kernel_size)
        self.weight = nn.Parameter(
            torch.empty(out_channels, in_channels, kernel_size, kernel_size).uniform_(-bound, bound)
        )
        self.bias = nn.Parameter(torch.empty(out_channels).uniform_(-bound, bound))

    def forward(self, x):
        return F.conv2d(x, self.weight, self.bias, padding=self.padding)


def block(n_in, n_out, k, *rest):
    return nn.Sequential(MyConv2d(n_in, n_out, k), *rest, nn.BatchNorm2d(n_out), nn.ReLU())


class UNet(nn.Module):
    def __init__(self, kernel, num_filters, num_colours, num_in_channels):
        super().__init__()
        k, nf, nc = kernel, num_filters, num_colours
        self.d1 = block(num_in_channels, nf, k, nn.MaxPool2d(2))
        self.d2 = block(nf, 2 * nf, k, nn.MaxPool2d(2))
        self.mid = block(2 * nf, 2 * nf, k)
        self.u1 = block(4 * nf, nf, k, nn.Upsample(scale_factor=2))
        self.u2 = block(2 * nf, nc, k, nn.Upsample(scale_factor=2))
        self.out = MyConv2d(nc + num_in_channels, nc, k)

    def forward(self, x):
        a = self.d1(x)
        b = self.d2(a)
        y = self.u1(torch.cat([self.mid(b), b], 1))
        y = self.u2(torch.cat([y, a], 1))
        return self.out(torch.cat([y, x], 1))


class CNN(nn.Module):
    def __init__(self, kernel, num_filters, num_colours, num_in_channels):
        super().__init__()
        k, nf, nc = kernel, num_filters, num_colours
        self.layers = nn.Sequential(
            block(num_in_channels, nf, k, nn.MaxPool2d(2)),
            block(nf, 2 * nf, k, nn.MaxPool2d(2)),
            block(2 * nf, 2 * nf, k),
            block(2 * nf, nf, k, nn.Upsample(scale_factor=2)),
            block(nf, nc, k, nn.Upsample(scale_factor=2)),
            MyConv2d(nc, nc, k),
        )

    def forward(self, x):
        return self.layers(x)
