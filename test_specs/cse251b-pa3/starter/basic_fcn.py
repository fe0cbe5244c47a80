"""The baseline. Replace every __ by its value, and complete forward()."""
import torch.nn as nn


class FCN(nn.Module):
    def __init__(self, n_class):
        super().__init__()
        self.n_class = n_class
        # Encoder: five convolutions with kernel 3, stride 2 and padding 1 that give 32, 64, 128, 256 and 512 channels.
        self.conv1 = nn.Conv2d(3, 32, kernel_size=3, stride=2, padding=1, dilation=1)
        self.bnd1 = nn.BatchNorm2d(32)
        self.conv2 = nn.Conv2d(32, __, kernel_size=3, stride=2, padding=1, dilation=1)
        self.bnd2 = nn.BatchNorm2d(__)
        self.conv3 = nn.Conv2d(__, __, kernel_size=3, stride=2, padding=1, dilation=1)
        self.bnd3 = nn.BatchNorm2d(__)
        self.conv4 = nn.Conv2d(__, __, kernel_size=3, stride=2, padding=1, dilation=1)
        self.bnd4 = nn.BatchNorm2d(__)
        self.conv5 = nn.Conv2d(__, __, kernel_size=3, stride=2, padding=1, dilation=1)
        self.bnd5 = nn.BatchNorm2d(__)
        self.relu = nn.ReLU(inplace=True)
        # Decoder: five transposed convolutions that double the size and give 512, 256, 128, 64 and 32 channels.
        self.deconv1 = nn.ConvTranspose2d(512, 512, kernel_size=3, stride=2, padding=1, dilation=1, output_padding=1)
        self.bn1 = nn.BatchNorm2d(512)
        # Complete deconv2 to deconv5 with bn2 to bn5 in the same way.
        # The classifier gives one score for every class and pixel.
        self.classifier = nn.Conv2d(32, __, kernel_size=1)

    def forward(self, x):
        # conv, relu, batch norm; five times down and five times up.
        x1 = __(self.relu(__(x)))
        # Complete forward().
        score = __
        return score  # (N, n_class, H, W)
