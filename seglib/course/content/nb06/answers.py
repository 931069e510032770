# ruff: noqa
# mypy: ignore-errors
"""The course's own answers, taken from notebooks/source/06_imbalance.py by `make notebooks`. Edit them there."""

import torch


def my_shift(probabilities, shares):
    return (probabilities / shares[:, None, None] ** 0.4).argmax(0)


def soft_dice(logits, masks):
    known = masks != 255
    p = logits.softmax(1).movedim(1, 0)[:, known]  # (K, pixels)
    t = (masks[known] == torch.arange(len(p), device=p.device)[:, None]).float()  # (K, pixels)
    dice = 2 * (p * t).sum(1) / (p.sum(1) + t.sum(1))
    return 1 - dice[t.any(1)].mean()


def verdict(ours, theirs):
    difference = torch.tensor(ours, dtype=torch.float64) - torch.tensor(theirs, dtype=torch.float64)
    if len(difference) < 2 or difference.mean().abs() <= difference.std():
        return "undecided"
    return "better" if (difference > 0).all() else "worse" if (difference < 0).all() else "undecided"


def weights_of_drawn(pixels, draw):
    seen = (draw[:, None] * pixels).sum(0)
    return seen.sum() / seen
