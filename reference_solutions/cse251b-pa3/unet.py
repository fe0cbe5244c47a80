"""U-Net: every resolution of the way down is joined to the way up."""
import torch
import torch.nn as nn


def double_conv(inputs, outputs):
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True),
        nn.Conv2d(outputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True),
    )


class UNet(nn.Module):
    def __init__(self, n_class, width=64):
        super().__init__()
        sizes = [width, 2 * width, 4 * width, 8 * width]
        self.downs = nn.ModuleList(double_conv(i, o) for i, o in zip([3] + sizes[:-1], sizes))
        self.pool = nn.MaxPool2d(2)
        self.bottom = double_conv(8 * width, 16 * width)
        self.ups = nn.ModuleList(nn.ConvTranspose2d(2 * s, s, 2, stride=2) for s in reversed(sizes))
        self.joins = nn.ModuleList(double_conv(2 * s, s) for s in reversed(sizes))
        self.classifier = nn.Conv2d(width, n_class, 1)

    def forward(self, x):
        kept = []
        for down in self.downs:
            x = down(x)
            kept.append(x)
            x = self.pool(x)
        x = self.bottom(x)
        for up, join in zip(self.ups, self.joins):
            x = join(torch.cat([kept.pop(), up(x)], dim=1))
        return self.classifier(x)
