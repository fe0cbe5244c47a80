from basic_fcn import *
import time
from torch.utils.data import DataLoader
import torch
import gc
import voc
import torchvision.transforms as standard_transforms
import util
import numpy as np


class MaskToTensor(object):
    def __call__(self, img):
        return torch.from_numpy(np.array(img, dtype=np.int32)).long()


def init_weights(m):
    if isinstance(m, nn.Conv2d) or isinstance(m, nn.ConvTranspose2d):
        torch.nn.init.xavier_uniform_(m.weight.data)


mean_std = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
input_transform = standard_transforms.Compose([
        standard_transforms.ToTensor(),
        standard_transforms.Normalize(*mean_std)
    ])
train_dataset = voc.VOC('train', transform=input_transform)
train_loader = DataLoader(dataset=train_dataset, batch_size=16, shuffle=True)

epochs = 20
criterion = # Choose an appropriate loss function from https://pytorch.org/docs/stable/_modules/torch/nn/modules/loss.html
n_class = 21
fcn_model = FCN(n_class=n_class)
fcn_model.apply(init_weights)

device = # determine which device to use (cuda or cpu)

optimizer = # choose an optimizer


def train():
    best_iou_score = 0.0
    for epoch in range(epochs):
        for iter, (inputs, labels) in enumerate(train_loader):
            inputs =  # transfer the input to the same device as the model's
            loss =  #calculate loss
            loss.backward()


def val(epoch):
    return epoch


if __name__ == "__main__":
    val(0)
    train()
