"""Measures of a segmentation, over a whole data set."""
import torch


def class_counts(pred, target, n_classes=21):
    """Intersections and unions of every class; pred (N, H, W), or scores (N, C, H, W)."""
    if pred.dim() == target.dim() + 1:
        pred = pred.argmax(dim=1)
    # Object boundaries count as background.
    target = torch.where(target == 255, torch.zeros_like(target), target)
    intersections, unions = [], []
    for cls in range(n_classes):
        predicted, true = pred == cls, target == cls
        intersections.append((predicted & true).sum().item())
        unions.append((predicted | true).sum().item())
    return intersections, unions


def iou(pred, target, n_classes=21):
    """IoU of every class; NaN for one that is neither predicted nor there."""
    intersections, unions = class_counts(pred, target, n_classes)
    return [i / u if u > 0 else float("nan") for i, u in zip(intersections, unions)]


def pixel_acc(pred, target):
    """The share of pixels that are right."""
    if pred.dim() == target.dim() + 1:
        pred = pred.argmax(dim=1)
    target = torch.where(target == 255, torch.zeros_like(target), target)
    return (pred == target).float().mean().item()


def mean_iou(intersections, unions):
    """The mean over the classes that occur."""
    values = [i / u for i, u in zip(intersections, unions) if u > 0]
    return sum(values) / len(values)
