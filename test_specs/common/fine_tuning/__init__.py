"""Tuning the last layer of a pretrained segmentation network: what the assignments with a deeplabv3 share.

`replaying` runs the student's `train` and preparing code with a small stand-in, `last_layer` judges what they choose,
freeze and replace, `iou_loss` judges the soft intersection over union, and `masks` sees whether a loss teaches the last
layer to find flowers (only this one needs the package `segmentation`).
"""
