"""Trains the baseline. Complete the parts marked TODO."""
import torch
import torch.nn as nn
import torchvision.transforms as standard_transforms
from torch.utils.data import DataLoader

import utils
import voc
from basic_fcn import FCN

n_class = 21
epochs = 20


def init_weights(m):
    if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d)):
        torch.nn.init.xavier_uniform_(m.weight.data)
        torch.nn.init.normal_(m.bias.data)  # Xavier does not apply to a vector


normal = standard_transforms.Compose([
    standard_transforms.ToTensor(),
    standard_transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
])


def main():
    train_loader = DataLoader(voc.VOC("train", transform=normal), batch_size=16, shuffle=True)
    val_loader = DataLoader(voc.VOC("val", transform=normal), batch_size=16, shuffle=False)
    model = FCN(n_class)
    model.apply(init_weights)
    criterion = None  # TODO
    optimizer = None  # TODO: Adam or AdamW
    for epoch in range(epochs):
        for inputs, labels in train_loader:
            pass  # TODO: forward, loss, backward, step
        # TODO: validate; stop early


if __name__ == "__main__":
    main()
