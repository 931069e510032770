# ruff: noqa
# mypy: ignore-errors
"""The course's own answers, taken from notebooks/source/07b_rounds.py by `make notebooks`. Edit them there."""

import torch


def cheapest(fits, losses, nothing):
    costs = (1 - fits) + 3 * losses
    number = int(costs.argmin())
    return number, float(costs[number]), 3 * nothing


def reset(mask, initial, box, index, fill_rate, threshold):
    x1, y1, x2, y2 = box
    mask = mask.clone()
    inside = mask[y1:y2, x1:x2]
    if (inside == index).float().mean() < threshold * fill_rate:
        inside[:] = initial[y1:y2, x1:x2]
    return mask


def my_rule(image, mask, initial, boxes, classes):
    result = torch.zeros_like(mask)
    for (x1, y1, x2, y2), index in zip(boxes.tolist(), classes.tolist()):
        result[y1:y2, x1:x2][mask[y1:y2, x1:x2] > 0] = index
    return result


def inside(mask, boxes, classes):
    kept = torch.zeros_like(mask)
    for (x1, y1, x2, y2), index in zip(boxes.tolist(), classes.tolist()):
        here = mask[y1:y2, x1:x2] == index
        kept[y1:y2, x1:x2][here] = index
    return kept
