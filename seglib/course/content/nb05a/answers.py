# ruff: noqa
# mypy: ignore-errors
"""The course's own answers, taken from notebooks/source/05a_surgery.py by `make notebooks`. Edit them there."""

from torch import nn
import torch


def as_convolution(linear, channels, height, width):
    conv = nn.Conv2d(channels, linear.out_features, (height, width))
    conv.weight.data = linear.weight.data.reshape(conv.weight.shape).clone()
    conv.bias.data = linear.bias.data.clone()
    return conv


def seen(net, images, index, row, column):
    images = images.clone().requires_grad_()
    net(images)[0, index, row, column].backward()
    return images.grad[0].abs().sum(0)


patch = (540, 180, 630, 270)


def predict_map(net, image):
    net.eval()
    with torch.no_grad():
        return net(image[None])[0].argmax(0)
