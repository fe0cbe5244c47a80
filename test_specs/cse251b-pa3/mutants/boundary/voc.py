"""The data set, as given by the course; `joint` transforms image and mask together."""
import os

import numpy as np
import torch
from PIL import Image
from torch.utils import data

num_classes = 21
ignore_label = 255
root = "./data"

# The colours of VOC, in the order of the classes: three numbers each.
palette = [
    0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0, 0, 0, 128, 128, 0, 128, 0, 128, 128, 128, 128, 128, 64, 0, 0,
    192, 0, 0, 64, 128, 0, 192, 128, 0, 64, 0, 128, 192, 0, 128, 64, 128, 128, 192, 128, 128, 0, 64, 0,
    128, 64, 0, 0, 192, 0, 128, 192, 0, 0, 64, 128,
]


def make_dataset(mode):
    assert mode in ("train", "val", "test")
    base = os.path.join(root, "VOCdevkit", "VOC2007")
    with open(os.path.join(base, "ImageSets", "Segmentation", mode + ".txt")) as names:
        return [
            (os.path.join(base, "JPEGImages", name.strip() + ".jpg"),
             os.path.join(base, "SegmentationClass", name.strip() + ".png"))
            for name in names
        ]


class VOC(data.Dataset):
    def __init__(self, mode, transform=None, target_transform=None, joint=None):
        self.imgs = make_dataset(mode)
        if len(self.imgs) == 0:
            raise RuntimeError("Found 0 images, please check the data set")
        self.mode = mode
        self.transform = transform
        self.target_transform = target_transform
        self.joint = joint
        self.width = 224
        self.height = 224

    def __getitem__(self, index):
        img_path, mask_path = self.imgs[index]
        img = Image.open(img_path).convert("RGB").resize((self.width, self.height), Image.BILINEAR)
        mask = Image.open(mask_path).resize((self.width, self.height), Image.NEAREST)
        if self.joint is not None:
            img, mask = self.joint(img, mask)
        if self.transform is not None:
            img = self.transform(img)
        if self.target_transform is not None:
            mask = self.target_transform(mask)
        else:
            mask = torch.from_numpy(np.array(mask, dtype=np.int64))
        return img, mask

    def __len__(self):
        return len(self.imgs)
