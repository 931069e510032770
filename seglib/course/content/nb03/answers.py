# ruff: noqa
# mypy: ignore-errors
"""The course's own answers, taken from notebooks/source/03_data.py by `make notebooks`. Edit them there."""

from torch.nn.functional import interpolate
import torch


def count_classes(masks, num_classes):
    rows = torch.stack([mask[mask != 255].long().bincount(minlength=num_classes) for mask in masks])
    return rows.sum(0), (rows > 0).sum(0)


def median_frequency(pixels):
    around = ((pixels > 0) * pixels.sum(1, keepdim=True)).sum(0)
    frequency = pixels.sum(0) / around
    return frequency.median() / frequency


def edge_blur(fine, coarse):
    strong = coarse >= coarse.quantile(0.98)
    return float((coarse / fine)[strong].quantile(0.1))


drop = {"pool_03", "pool_07", "pool_11", "pool_15", "pool_19"}


def shrink(mask, size):
    return interpolate(mask[None, None].float(), size=size, mode="nearest")[0, 0].to(torch.uint8)
