"""Transformations that image and mask go through together."""
import random

import torchvision.transforms.functional as TF
from torchvision.transforms import InterpolationMode, RandomCrop


class Augment:
    """Mirror, turn by up to 10 degrees, and cut out a part."""

    def __init__(self, flip=0.5, angle=10, size=192):
        self.flip, self.angle, self.size = flip, angle, size

    def __call__(self, image, mask):
        if random.random() < self.flip:
            image, mask = TF.hflip(image), TF.hflip(mask)
        angle = random.uniform(-self.angle, self.angle)
        image = TF.rotate(image, angle, interpolation=InterpolationMode.BILINEAR)
        mask = TF.rotate(mask, angle, interpolation=InterpolationMode.NEAREST)
        top, left, height, width = RandomCrop.get_params(image, (self.size, self.size))
        full = [image.size[1], image.size[0]]
        image = TF.resized_crop(image, top, left, height, width, full, InterpolationMode.BILINEAR)
        mask = TF.resized_crop(mask, top, left, height, width, full, InterpolationMode.NEAREST)
        return image, mask
