# ruff: noqa
# mypy: ignore-errors
"""The course's own answers, taken from notebooks/source/03a_balance.py by `make notebooks`. Edit them there."""

import torch


def count_classes(masks, num_classes):
    rows = torch.stack([mask[mask != 255].long().bincount(minlength=num_classes) for mask in masks])
    return rows.sum(0), (rows > 0).sum(0)


def weighted_loss(logits, truth, weights):
    losses = -logits.log_softmax(1)[torch.arange(len(truth)), truth]
    return (weights[truth] * losses).sum() / weights[truth].sum()


def median_frequency(pixels):
    around = ((pixels > 0) * pixels.sum(1, keepdim=True)).sum(0)
    frequency = pixels.sum(0) / around
    return frequency.median() / frequency


def my_weights(shares):
    return shares**-0.4


def batch_weights(pixels):
    occurs = pixels > 0
    return torch.where(occurs, pixels.sum() / (occurs.sum() * pixels.clamp(min=1)), 0)
