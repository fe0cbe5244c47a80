"""Transfer learning: a ResNet34 trained on ImageNet in place of the encoder."""
import torch.nn as nn
from torchvision import models


class ResNetFCN(nn.Module):
    def __init__(self, n_class):
        super().__init__()
        resnet = models.resnet34(weights=models.ResNet34_Weights.IMAGENET1K_V1)
        # Without the average pooling and the fully connected layer.
        self.encoder = nn.Sequential(*list(resnet.children())[:-2])
        layers = []
        for inputs, outputs in ((512, 256), (256, 128), (128, 64), (64, 32), (32, 32)):
            layers += [
                nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1),
                nn.ReLU(inplace=True),
                nn.BatchNorm2d(outputs),
            ]
        self.decoder = nn.Sequential(*layers)
        self.classifier = nn.Conv2d(32, n_class, 1)

    def forward(self, x):
        return self.classifier(self.decoder(self.encoder(x)))
