"""No check accepts a small mistake, and what it accepts runs in every cell below.

A check is tried on each mutant of its reference (`tests/mutation.py`). It must refuse all but those of `EQUAL`,
which make no difference, for the reason given there. Then it is tried on the reference with results of another
type. What is accepted is handed on to the cells below, which the notebooks' build has run with the reference. So
they run if each result that is handed on equals the reference's in type, dtype, shape and value.
"""

# ruff: noqa: E501

from collections import Counter

import numpy as np
import pytest
import torch

from seglib.course import content
from seglib.course.checks import judge
from seglib.course.guard import copied
from tests.mutation import mutants

# Many answers are right; the check measures what each does.
OPEN_TASKS = ["02.5", "03a.4", "03b.2", "04.5", "05b.4", "06.1", "07a.3", "07b.3", "07c.3"]
EXERCISES = [
    name
    for number in content.numbers()
    for name, asked in content.load(number).exercises.items()
    if callable(asked.reference) and name not in OPEN_TASKS
]

CONVERTED = "`check` and `checkpoint` convert the result to the type that was asked for"
ITERATED = "a tensor of whole numbers indexes, compares and slices as the number does"
ROUNDED = "the check leaves a pixel for rounding"
RANKED = "any low quantile at the edges ranks every pair of the check's images rightly: 0.1 is a choice"
CLASSES_ALIKE = "all images have the same number of classes, by which the sum is divided"
SCALE = "the check compares ratios: the scale of these weights is free"
EQUAL = {
    "reddish: red, blue = (image[0], image[2].int())": "a difference of uint8 and int32 is an int32",
    "reddish: red, blue = (image[0].int(), image[2])": "a difference of uint8 and int32 is an int32",
    "tight_boxes: return boxes": CONVERTED,
    "semantic: result = torch.zeros(masks.shape[1:])": CONVERTED,
    "semantic: result[mask] = class_id": ITERATED,
    "blobs: return measure.label((mask == class_id).numpy()).max()": "full connectivity is the default",
    "blobs: return measure.label(mask == class_id, connectivity=2).max()": "scikit-image converts a tensor itself",
    "labels_from_colors: mask = torch.full(photo.shape[1:], 255)": CONVERTED,
    "dataset_miou: return iou_and_dice(total)[0].nanmean()": CONVERTED,
    "score: return iou.nanmean()": CONVERTED,
    "count_classes: rows = torch.stack([mask[mask != 255].bincount(minlength=num_classes) for mask in masks])": "bincount counts uint8 as well",
    "shrink: return interpolate(mask[None, None].float(), size=size, mode='nearest-exact')[0, 0]": CONVERTED,
    "shrink: return interpolate(mask[None, None].float(), size=size)[0, 0].to(torch.uint8)": "nearest is the default",
    "shrink: return interpolate(mask[None, None], size=size, mode='nearest-exact')[0, 0].to(torch.uint8)": "nearest copies, so it takes uint8 as well",
    "shrink: return interpolate(mask[None, None].float(), size=size, mode='nearest-exact')[-1, 0].to(torch.uint8)": "there is one image",
    "shrink: return interpolate(mask[None, None].float(), size=size, mode='nearest-exact')[0, -1].to(torch.uint8)": "there is one channel",
    "edge_blur: return (coarse / fine)[strong].quantile(0.1)": CONVERTED,
    "edge_blur: strong = coarse > coarse.quantile(0.98)": "it leaves out one pixel at most, of 512",
    "edge_blur: return float((coarse / fine)[strong].quantile(0.2))": RANKED,
    "edge_blur: return float((coarse / fine)[strong].quantile(0.05))": RANKED,
    "batch_weights: return torch.where(occurs, pixels.sum() / (occurs.sum() * pixels), 0)": "`where` drops the infinite weight",
    "batch_weights: return torch.where(occurs, pixels.sum() / (occurs.sum() * pixels.clamp(min=0)), 0)": "`where` drops the infinite weight",
    "merge_most_similar: j, i = pairs[common.argmax()].tolist()": "a pair has no order",
    "merge_most_similar: return ((j, i), share @ histograms[[i, j]])": "a pair has no order",
    "merge_most_similar: common = torch.minimum(histograms[pairs[:, 0]], histograms[pairs[:, 1]]).mean(1)": "the largest mean is the largest sum",
    "merge_most_similar: common = torch.minimum(histograms[pairs[:, 1]], histograms[pairs[:, 0]]).sum(1)": "min(a, b) = min(b, a)",
    "hard_negatives: return ((overlaps < 0.2) & (scores >= -1)).nonzero()[:, -1]": "nonzero of one axis has one column",
    "paste: painted = torch.zeros(masks.shape[1:])": CONVERTED,
    "paste: for region in scores.argsort():": ITERATED,
    "bilinear_kernel: slope = distance / ((size + 1) // 2) - 1": "minus times minus is plus",
    "bilinear_kernel: distance = ((size - 1) / 2 - torch.arange(size)).abs()": "the sign inside of abs is free",
    "seen: net(images)[-1, index, row, column].backward()": "there is one image",
    "seen: return images.grad[-1].abs().sum(0)": "there is one image",
    "predict_map: return net(image[None])[-1].argmax(0)": "there is one image",
    "soft_dice: t = masks[known] == torch.arange(len(p), device=p.device)[:, None]": "a truth value times a number is a number",
    "soft_dice: t = (masks[known] == torch.arange(len(p))[:, None]).float()": "the check has no GPU",
    "soft_dice: p = logits.softmax(1).movedim(0, 1)[:, known]": "two axes that are next to each other change places",
    "verdict: difference = torch.tensor(ours) - torch.tensor(theirs, dtype=torch.float64)": "seven digits are enough",
    "verdict: difference = torch.tensor(ours, dtype=torch.float64) - torch.tensor(theirs)": "seven digits are enough",
    "weights_of_drawn: seen = (draw[:, None] * pixels).mean(0)": SCALE,
    "weights_of_drawn: return seen.mean() / seen": SCALE,
    "paint_boxes: mask = torch.zeros(size)": CONVERTED,
    "paint_boxes: for number in areas.argsort(descending=True):": ITERATED,
    "paint_boxes: x1, y1, x2, y2 = boxes[number]": ITERATED,
    "core: return (int(x1 + across), round(y1 + along), round(x2 - across), round(y2 - along))": ROUNDED,
    "core: return (round(x1 + across), int(y1 + along), round(x2 - across), round(y2 - along))": ROUNDED,
    "core: return (round(x1 + across), round(y1 + along), int(x2 - across), round(y2 - along))": ROUNDED,
    "core: return (round(x1 + across), round(y1 + along), round(x2 - across), int(y2 - along))": ROUNDED,
    "cheapest: number = costs.argmin()": CONVERTED,
    "cheapest: return (number, costs[number], 3 * nothing)": CONVERTED,
    "inside: for (x1, y1, x2, y2), index in zip(boxes, classes.tolist()):": ITERATED,
    "inside: for (x1, y1, x2, y2), index in zip(boxes.tolist(), classes):": ITERATED,
    "interval: return (values.quantile(0.025), values.quantile(0.975).item())": CONVERTED,
    "interval: return (values.quantile(0.025).item(), values.quantile(0.975))": CONVERTED,
    "next_image: entropy = [torch.special.entr(one).mean().item() for one in probabilities]": CLASSES_ALIKE,
    "next_image: entropy = [torch.special.entr(one).mean(0).mean().item() for one in probabilities]": CLASSES_ALIKE,
    "next_image: entropy = [torch.special.entr(one).sum(0).mean() for one in probabilities]": ITERATED,
    "area: return (mask == index).sum() * pixel ** 2": CONVERTED,
    "repaired: mask = values - 1": "0 - 1 is 255 in uint8",
}


@pytest.mark.parametrize("exercise", EXERCISES)
def test_a_check_refuses_every_small_mistake_in_the_reference(exercise):
    asked, states = content.exercise(exercise), {}
    for mutant in mutants(asked.reference):
        states[mutant.change] = judge(exercise, mutant.function).state
    assert set(states.values()) <= {"right", "wrong"}, "a check failed itself"
    accepted = [
        f"{asked.reference.__name__}: {change}" for change, state in states.items() if state == "right"
    ]
    assert not sorted(set(accepted) - set(EQUAL)), "accepted, and not known to be equal"
    assert Counter(states.values())["wrong"] >= 5 or exercise == "02.4"


def as_list(value):
    return value.tolist() if isinstance(value, torch.Tensor) else [value] if np.isscalar(value) else value


VARIANTS = {
    "lists": as_list,
    "NumPy": lambda value: np.asarray(value.detach() if isinstance(value, torch.Tensor) else value),
    "float64": lambda value: torch.as_tensor(value).double(),
    "int32": lambda value: torch.as_tensor(value).to(torch.int32),
    "uint8": lambda value: torch.as_tensor(value).to(torch.uint8),
    "one axis more": lambda value: torch.as_tensor(value)[None],
    "turned round": lambda value: value.flip(0) if getattr(value, "ndim", 0) == 1 else value,
}
#: Variants that are accepted, and handed on as they are: answer -> why no cell below minds.
OPEN = {
    "hard_negatives": "the indices select rows for a fit, in any order",
    "choose": "the regions are a set",
    "my_weights": "whatever weights measure well enough are trained with",
}


def altered(value, change):
    """A result with every tensor and number in it changed."""
    if isinstance(value, tuple | list):
        return type(value)(altered(part, change) for part in value)
    return change(value) if isinstance(value, torch.Tensor | int | float | np.generic) else value


def recorded(asked):
    """The arguments of every call that a check makes, and what the reference returns for them."""
    calls = []

    def record(*args):
        given = copied(args)
        result = asked.reference(*args if asked.mutates else copied(args))
        calls.append((given, result))
        return result

    asked.check(record)
    return calls


def same(one, other):
    """Whether two results have one type and equal values, as far as float32 holds them."""
    other = other.item() if isinstance(other, np.generic) else other
    if type(one) is not type(other):
        return False
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.allclose(one, other, equal_nan=True)
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(map(same, one, other))
    return isinstance(one, torch.nn.Module) or one == pytest.approx(other, nan_ok=True)


@pytest.mark.parametrize("exercise", EXERCISES)
def test_what_is_accepted_is_handed_on_as_the_cells_below_need_it(exercise):
    asked = content.exercise(exercise)
    calls = recorded(asked)
    for name, change in VARIANTS.items():

        def variant(*args, change=change):
            return altered(asked.reference(*args), change)

        result = judge(exercise, variant)
        assert result.state in ("right", "wrong")
        if result and asked.reference.__name__ not in OPEN:
            for args, expected in calls:
                assert same(result.answer(*copied(args)), expected), name
