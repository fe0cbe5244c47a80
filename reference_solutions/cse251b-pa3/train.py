"""Trains one of the networks: python train.py [--model fcn|own|transfer|unet] [--baseline]."""
import argparse
import copy

import torch
import torch.nn as nn
import torchvision.transforms as standard_transforms
from torch.utils.data import DataLoader

import utils
import voc
from basic_fcn import FCN
from losses import WeightedCrossEntropy, class_weights
from own_fcn import DilatedResNet
from transfer import ResNetFCN
from transforms import Augment
from unet import UNet

n_class = 21
epochs = 50
patience = 5
batch_size = 16
learning_rate = 1e-3
MODELS = {"fcn": FCN, "own": DilatedResNet, "transfer": ResNetFCN, "unet": UNet}


def init_weights(m):
    if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.xavier_uniform_(m.weight)
        if m.bias is not None:
            nn.init.zeros_(m.bias)


def loaders(augment):
    normal = standard_transforms.Compose([
        standard_transforms.ToTensor(),
        standard_transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    ])
    train_set = voc.VOC("train", transform=normal, joint=Augment() if augment else None)
    val_set = voc.VOC("val", transform=normal)
    return (
        DataLoader(train_set, batch_size=batch_size, shuffle=True),
        DataLoader(val_set, batch_size=batch_size, shuffle=False),
    )


def validate(model, loader, criterion, device):
    model.eval()
    losses, right, pixels = [], 0.0, 0
    intersections, unions = torch.zeros(n_class), torch.zeros(n_class)
    with torch.no_grad():
        for inputs, labels in loader:
            inputs, labels = inputs.to(device), labels.to(device)
            outputs = model(inputs)
            losses.append(criterion(outputs, labels).item())
            i, u = utils.class_counts(outputs, labels, n_class)
            intersections += torch.tensor(i)
            unions += torch.tensor(u)
            right += utils.pixel_acc(outputs, labels) * labels.numel()
            pixels += labels.numel()
    model.train()
    return sum(losses) / len(losses), utils.mean_iou(intersections.tolist(), unions.tolist()), right / pixels


def train(model, train_loader, val_loader, criterion, optimizer, scheduler, device):
    best_loss, best_state, waited = float("inf"), None, 0
    for epoch in range(epochs):
        for inputs, labels in train_loader:
            inputs, labels = inputs.to(device), labels.to(device)
            optimizer.zero_grad()
            loss = criterion(model(inputs), labels)
            loss.backward()
            optimizer.step()
        scheduler.step()
        val_loss, val_iou, val_acc = validate(model, val_loader, criterion, device)
        print(f"epoch {epoch}: loss {val_loss:.3f}, IoU {val_iou:.3f}, accuracy {val_acc:.3f}")
        if val_loss < best_loss:
            best_loss, best_state, waited = val_loss, copy.deepcopy(model.state_dict()), 0
        else:
            waited += 1
            if waited >= patience:
                print("early stopping")
                break
    model.load_state_dict(best_state)
    return model


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", choices=sorted(MODELS), default="fcn")
    parser.add_argument("--baseline", action="store_true", help="neither augmented nor weighted")
    args = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    train_loader, val_loader = loaders(augment=not args.baseline)
    model = MODELS[args.model](n_class)
    if args.model != "transfer":
        model.apply(init_weights)
    model = model.to(device)
    if args.baseline:
        criterion = nn.CrossEntropyLoss()
    else:
        criterion = WeightedCrossEntropy(class_weights(train_loader, n_class)).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)
    model = train(model, train_loader, val_loader, criterion, optimizer, scheduler, device)
    torch.save(model.state_dict(), args.model + ".pth")


if __name__ == "__main__":
    main()
