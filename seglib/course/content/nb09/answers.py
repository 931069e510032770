# ruff: noqa
# mypy: ignore-errors
"""The course's own answers, taken from notebooks/source/09_yours.py by `make notebooks`. Edit them there."""

from seglib.metrics import mean_iou
import torch


def interval(counts, draws, rng):
    values = []
    for _ in range(draws):
        chosen = torch.randint(len(counts), (len(counts),), generator=rng)
        values.append(mean_iou(counts[chosen].sum(0)))
    values = torch.tensor(values)
    return values.quantile(0.025).item(), values.quantile(0.975).item()


def next_image(probabilities):
    entropy = [torch.special.entr(one).sum(0).mean().item() for one in probabilities]
    return max(range(len(entropy)), key=lambda index: entropy[index])


def area(mask, index, width_cm):
    pixel = width_cm / mask.shape[1]
    return float((mask == index).sum()) * pixel**2


def repaired(values):
    mask = values.long() - 1
    mask[values == 0] = 255
    return mask
