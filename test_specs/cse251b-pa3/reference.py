"""The baseline as starter/basic_fcn.py describes it, with batch norm before or after the ReLU."""

from __future__ import annotations

from torch import Tensor, nn

DOWN = (32, 64, 128, 256, 512)
UP = (512, 256, 128, 64, 32)


class Baseline(nn.Module):
    """Five convolutions of stride 2, five transposed ones, and a classifier of one pixel."""

    def __init__(self, classes: int, *, norm_last: bool = True) -> None:
        super().__init__()
        self.norm_last = norm_last
        down = zip((3, *DOWN[:-1]), DOWN, strict=True)
        up = zip((DOWN[-1], *UP[:-1]), UP, strict=True)
        self.layers = nn.ModuleList([nn.Conv2d(i, o, 3, 2, 1) for i, o in down])
        self.layers.extend(nn.ConvTranspose2d(i, o, 3, 2, 1, 1) for i, o in up)
        self.norms = nn.ModuleList(nn.BatchNorm2d(o) for o in (*DOWN, *UP))
        self.classifier = nn.Conv2d(UP[-1], classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Scores (N, classes, H, W) of pictures (N, 3, H, W)."""
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = norm(layer(x).relu()) if self.norm_last else norm(layer(x)).relu()
        return self.classifier(x)
