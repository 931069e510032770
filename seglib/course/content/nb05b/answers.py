# ruff: noqa
# mypy: ignore-errors
"""The course's own answers, taken from notebooks/source/05b_training.py by `make notebooks`. Edit them there."""

from torch import nn
from torch.nn.functional import cross_entropy
from torch.nn.functional import interpolate
import torch


def bilinear_kernel(size):
    distance = (torch.arange(size) - (size - 1) / 2).abs()
    slope = 1 - distance / ((size + 1) // 2)
    return slope[:, None] * slope


def fuse(coarse, fine):
    return interpolate(coarse, size=fine.shape[2:], mode="bilinear", align_corners=True) + fine


def train_step(net, images, masks, optimiser):
    net.train()
    loss = cross_entropy(net(images), masks.long(), ignore_index=255)
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    return loss.item()


def draw_object():
    mask = torch.zeros(128, 128, dtype=torch.uint8)
    mask[10:110, 10:110:5] = 1
    mask[60, 10:110] = 1
    return mask


def measure_statistics(net, images):
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.reset_running_stats()
            layer.momentum = None  # the plain mean over all batches
    net.train()
    with torch.no_grad():
        for batch in images:
            net(batch)
