"""The checks of notebook 07."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from seglib.course.content.nb07.answers import box_loss, core, paint_boxes, reset
from seglib.course.lesson import Wrong

Box = tuple[float, float, float, float]
Costs = tuple[int, float, float]


def check_paint_boxes(fn: Callable[[Tensor, Tensor, tuple[int, int]], Tensor]) -> str:
    """07.1: end-exclusive boxes, the smaller in front, in whatever order they come."""
    boxes, classes = torch.tensor([[2, 1, 4, 2], [1, 0, 6, 3], [5, 2, 8, 4]]), torch.tensor([3, 1, 2])
    wanted = paint_boxes(boxes, classes, (4, 9))
    for order in ([0, 1, 2], [1, 2, 0], [2, 0, 1]):
        got = torch.as_tensor(fn(boxes[order], classes[order], (4, 9)))
        if got.shape != wanted.shape:
            raise Wrong(f"For size (4, 9) I expect a mask of (4, 9); yours is {tuple(got.shape)}.")
        if got.tolist() == wanted.tolist():
            continue
        if not set(got.unique().tolist()) <= {0, 1, 2, 3}:
            raise Wrong(f"Only 0 and the classes 1, 2, 3 belong in it; yours holds {_list(got.unique())}.")
        if not (got[0] == 1).any():
            raise Wrong(
                "The box (1, 0, 6, 3) begins in row 0. In yours that row holds none of it: y is rows."
            )
        if (got[0, 5] != 1) or (got[3, 7] != 2):
            raise Wrong("One pixel short: x2 and y2 are the first column and row outside, as in a slice.")
        if got[1, 2] != 3:
            raise Wrong(
                "The box of 2 pixels is inside that of 15, and has vanished: the smaller one is in front."
            )
        if got[2, 5] != 2:
            raise Wrong(
                "Where the boxes of 15 and of 6 pixels overlap, the smaller one is in front: class 2."
            )
        raise Wrong("The pixels are not where the boxes are. Each row of boxes is x1 y1 x2 y2.")
    return "If the larger box were in front, the smaller one would be hidden. This way both are visible."


def check_core(fn: Callable[[Sequence[int], float], Box]) -> str:
    """07.2: the share is of the area; the middle stays the middle."""
    for box, share in (((10, 20, 50, 40), 0.25), ((0, 0, 200, 100), 0.2), ((3, 5, 33, 95), 1.0)):
        got = [float(value) for value in torch.as_tensor(fn(box, share)).flatten().tolist()]
        if len(got) != 4:
            raise Wrong(f"Return four numbers: x1, y1, x2, y2. Yours: {len(got)}.")
        wide, high, whole = got[2] - got[0], got[3] - got[1], (box[2] - box[0]) * (box[3] - box[1])
        found, wanted = wide * high / whole, core(box, share)
        if all(abs(mine - theirs) <= 1 for mine, theirs in zip(got, wanted)):
            continue
        if abs(found - share**2) < 0.02 and share < 1:
            raise Wrong(f"You kept {_percent(share)} of each side. Of the area that is {_percent(found)}.")
        if abs(found - share) > 0.02:
            raise Wrong(f"{_percent(share)} of the area of {box} should be kept; you keep {_percent(found)}.")
        if abs(wide / high - (box[2] - box[0]) / (box[3] - box[1])) > 0.1:
            raise Wrong("The area is right, the shape is not: shrink both sides by the same factor.")
        raise Wrong(f"The size is right, the place is not: the middle of {box} must stay the middle.")
    return "20 % of the area is 45 % of each side. 20 % of each side would be 4 % of the area."


def check_cheapest(fn: Callable[[Tensor, Tensor, float], Costs]) -> str:
    """07.3: the least sum of both terms; and what it would cost to choose nothing."""
    fits, losses = torch.tensor([0.9, 0.7, 0.3, 0.8]), torch.tensor([0.4, 0.1, 0.05, 0.1])
    result = fn(fits, losses, 0.01)
    if not isinstance(result, tuple | list) or len(result) != 3:
        raise Wrong("Return three things: the index of the candidate, its cost, and the cost of none.")
    number, cost, none = int(result[0]), float(result[1]), float(result[2])
    if number == 0:
        raise Wrong("Candidate 0 fits the box best, but the net disagrees: 1 - .9 + 3 x .4 = 1.3.")
    if number == 2:
        raise Wrong("Candidate 2 has the lowest loss, but another box: 1 - .3 + 3 x .05 = .85.")
    if number != 3:
        raise Wrong(f"Candidate 3 costs least, 1 - .8 + 3 x .1 = .5; you chose {number}.")
    if abs(cost - 0.5) > 1e-4:
        raise Wrong(f"Candidate 3 costs 1 - .8 + 3 x .1 = .5; you say {cost:.3g}.")
    if abs(none - 0.03) < 1e-4:
        return "Choosing none is cheaper than the best candidate. So in BoxSup a box must have a candidate."
    if abs(none - 1.03) < 1e-4:
        raise Wrong("E_o is a sum over what was chosen. If nothing was chosen, there is nothing to add up.")
    raise Wrong(
        f"With no candidate E_o is an empty sum, and E_r counts three times: .03; you say {none:.3g}."
    )


def check_reset(fn: Callable[[Tensor, Tensor, Sequence[int], int, float, float], Tensor]) -> str:
    """07.4: too little means relative to the fill rate; the first label comes back, in the box alone."""
    mask, initial = torch.zeros(6, 8, dtype=torch.uint8), torch.zeros(6, 8, dtype=torch.uint8)
    mask[1:3, 2:5], mask[5, 6:], mask[2, 1] = 1, 1, 2  # 6 of the 20 pixels of the box are of class 1
    initial[1:5, 1:6], initial[2:4, 2:5], initial[:, 7] = 255, 1, 2  # a core; the rest of the box is ignored
    box = (1, 1, 6, 5)
    for fill_rate in (0.9, 0.5, 0.6):
        given = mask, initial, box, 1, fill_rate, 0.5
        got, wanted = torch.as_tensor(fn(*given)), reset(*given)
        if got.shape != mask.shape:
            raise Wrong(f"The whole mask comes back, (6, 8); yours is {tuple(got.shape)}.")
        if got.tolist() == wanted.tolist():
            continue
        case = f"The box is filled by .3, the fill rate is {fill_rate:g}, the threshold 0.5"
        outside = torch.ones_like(mask, dtype=torch.bool)
        outside[1:5, 1:6] = False
        if (got[outside] != mask[outside]).any():
            raise Wrong("Something outside the box has changed. The rule is about this box only.")
        if torch.equal(got.long(), mask.long()):
            raise Wrong(f"{case}: .3 is less than {fill_rate / 2:.2g}, so it must be reset. Yours stays.")
        if torch.equal(wanted.long(), mask.long()):
            raise Wrong(
                f"{case}: .3 is not less than {fill_rate / 2:.2g}. You reset it and lose a thin shape."
            )
        if (got[1:5, 1:6] == 1).all():
            raise Wrong("You fill the box. Its label of the first round comes back, which may say less.")
        raise Wrong("Every pixel of the box becomes that of `initial`, whatever was there, and 255 too.")
    return "A star fills a third of its box. With a fixed half its perfect mask would be lost every round."


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _list(numbers: Tensor) -> str:
    return ", ".join(f"{number:g}" for number in numbers.tolist()[:6])


def check_box_loss(fn: Callable[[Tensor, Tensor], Tensor]) -> str:
    """07.5: background counts, void does not."""
    rng = torch.Generator().manual_seed(5)
    masks = torch.tensor([[[0, 0, 0, 1, 255], [0, 2, 2, 1, 255]]]).to(torch.uint8)
    logits = torch.randn(1, 3, 2, 5, generator=rng)
    got, wanted = torch.as_tensor(fn(logits, masks)).float(), box_loss(logits, masks)
    if got.numel() != 1:
        raise Wrong(
            f"One number for the batch: the mean over its pixels. Yours has shape {tuple(got.shape)}."
        )
    value, long = float(got), masks.long()
    if abs(value - float(wanted)) < 1e-4:
        return "Now 'animal everywhere' is as expensive as it is wrong."
    if abs(value - float(cross_entropy(logits, torch.where(long == 255, 0, long), ignore_index=0))) < 1e-4:
        raise Wrong("Background is still left out: a net that predicts 'animal' everywhere is never wrong.")
    if abs(value - float(cross_entropy(logits, torch.where(long == 255, 0, long)))) < 1e-4:
        raise Wrong("Now void is background. Its class is unknown, so it must be left out.")
    if abs(value - 8 * float(wanted)) < 1e-3:
        raise Wrong("That is the sum over the pixels. A mean does not depend on the size of the image.")
    raise Wrong(f"On this batch the loss is {float(wanted):.3f}; yours is {value:.3f}. Which pixels count?")
