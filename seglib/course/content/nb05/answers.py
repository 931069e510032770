# ruff: noqa
# mypy: ignore-errors
"""The course's own answers, taken from notebooks/source/05_fcn.py by `make notebooks`. Edit them there."""

from torch import nn
from torch.nn.functional import interpolate
import torch


def as_convolution(linear, channels, height, width):
    conv = nn.Conv2d(channels, linear.out_features, (height, width))
    conv.weight.data = linear.weight.data.reshape(conv.weight.shape).clone()
    conv.bias.data = linear.bias.data.clone()
    return conv


def bilinear_kernel(size):
    distance = (torch.arange(size) - (size - 1) / 2).abs()
    slope = 1 - distance / ((size + 1) // 2)
    return slope[:, None] * slope


def fuse(coarse, fine):
    return interpolate(coarse, size=fine.shape[2:], mode="bilinear") + fine


def train_step(net, images, masks, optimiser):
    net.train()
    loss = nn.functional.cross_entropy(net(images), masks.long(), ignore_index=255)
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    return loss.item()


def predict_mask(net, image):
    net.eval()
    with torch.no_grad():
        return net(image[None])[0].argmax(0)
