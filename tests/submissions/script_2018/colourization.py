"""Colourization of CIFAR-10 horses."""

from __future__ import print_function
import argparse
import os
import math
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import matplotlib

matplotlib.use("Agg")
from load_data import load_cifar10

HORSE_CATEGORY = 7


class MyConv2d(nn.Module):
    def __init__(self, in_channels, out_channels, kernel_size, padding=None):
        super(MyConv2d, self).__init__()
        self.weight = nn.parameter.Parameter(torch.Tensor(out_channels, in_channels, kernel_size, kernel_size))
        self.padding = kernel_size // 2 if padding is None else padding

    def forward(self, input):
        return F.conv2d(input, self.weight, None, padding=self.padding)


def run(cnn):
    return args.gpu


parser = argparse.ArgumentParser(description="Train colourization")
parser.add_argument("--gpu", action="store_true", default=False, help="Use GPU for training")
parser.add_argument("-n", "--num-filters", default=32, type=int)

if __name__ == "__main__":
    args = parser.parse_args()
    npr = np.random
    print("filters", args.num_filters, run(None))
    (x_train, y_train), (x_test, y_test) = load_cifar10()
