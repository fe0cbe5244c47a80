"""Our own architecture: residual blocks, and a pyramid of dilated convolutions at an eighth of the size."""
import torch
import torch.nn as nn
import torch.nn.functional as F


class Residual(nn.Module):
    def __init__(self, inputs, outputs, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.short = nn.Conv2d(inputs, outputs, 1, stride=stride)

    def forward(self, x):
        y = F.leaky_relu(self.bn1(self.conv1(x)), 0.1)
        return F.leaky_relu(self.bn2(self.conv2(y)) + self.short(x), 0.1)


class DilatedResNet(nn.Module):
    def __init__(self, n_class):
        super().__init__()
        self.encoder = nn.Sequential(Residual(3, 32, 2), Residual(32, 64, 2), Residual(64, 128, 2), Residual(128, 128))
        self.pyramid = nn.ModuleList(nn.Conv2d(128, 64, 3, padding=d, dilation=d) for d in (1, 2, 4))
        self.mix = nn.Sequential(nn.Conv2d(192, 128, 1), nn.BatchNorm2d(128), nn.LeakyReLU(0.1), nn.Dropout2d(0.1))
        self.head = nn.Conv2d(128, n_class, 3, padding=1)

    def forward(self, x):
        y = self.encoder(x)
        y = self.mix(torch.cat([branch(y) for branch in self.pyramid], dim=1))
        return F.interpolate(self.head(y), size=x.shape[2:], mode="bilinear", align_corners=False)
