import numpy as np


def iou(pred, target, n_classes = 21):
    ious = []
    for cls in range(n_classes):
        # Complete this function

    return ious


def pixel_acc(pred, target):
    #Complete this function
