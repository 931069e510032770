"""The checks of notebook 06."""

from collections.abc import Callable, Sequence
from functools import cache

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from seglib.course.content.nb06.answers import soft_dice, verdict, weights_of_drawn
from seglib.course.lesson import Wrong
from seglib.course.samples import colour_shares, colours, smallest_net
from seglib.metrics import confusion_matrix, mean_iou

K = 10  # classes of the pools
BEATEN = 0.025  # by how much the open task's mIoU must be above those without and with the full shift


def check_my_shift(fn: Callable[[Tensor, Tensor], Tensor]) -> str:
    """06.1, open: a finished net's probabilities, shifted, and judged by the mIoU."""
    probabilities, shares, truth = _finished()
    shifted, plain, full = (
        confusion_matrix(pred, truth, K)
        for pred in (
            _judged(fn, probabilities, shares),
            probabilities.argmax(0),
            (probabilities / shares[:, None, None]).argmax(0),
        )
    )
    mine, asked = mean_iou(shifted), max(mean_iou(plain), mean_iou(full)) + BEATEN
    said = (
        f"With your shift the mIoU is {100 * mine:.1f}; without any it is {100 * mean_iou(plain):.1f}, with "
        f"the full one {100 * mean_iou(full):.1f}."
    )
    if mine >= asked:
        return said
    ratio, before = (float(found[:, 1:].sum() / found[1:].sum()) for found in (shifted, plain))
    why = f"You predict {ratio:.2f} times as many object pixels as there are"
    if not shifted[:, 0].any():
        why = "You never predict the background: does the largest number win, and does p still count?"
    elif ratio < before:
        why += f", fewer than without a shift ({before:.2f}): you shift the wrong way."
    elif ratio < 0.8:
        why += ": shift further."
    elif ratio > 1.1:
        why += ": shift less."
    else:
        why += ", which is about right, but their classes are not: shift each class by its own share."
    raise Wrong(f"{said} At least {100 * asked:.1f} is asked for. {why}")


def _judged(fn: Callable[[Tensor, Tensor], Tensor], probabilities: Tensor, shares: Tensor) -> Tensor:
    """What a shift predicts; `Wrong` where it holds something that is not a class."""
    pred = fn(probabilities, shares)
    if pred.min() < 0 or pred.max() >= K:
        worst = int(pred.max() if pred.max() >= K else pred.min())
        raise Wrong(f"You predict class {worst}. Classes are 0 to {K - 1}.")
    return pred


@cache
def _finished() -> tuple[Tensor, Tensor, Tensor]:
    """(K, H, W) probabilities of the smallest net, trained with plain cross-entropy; shares; the truth."""
    pixels, truth = colours("val")
    probabilities = smallest_net(cross_entropy)(pixels).softmax(1).detach()
    return probabilities.T.reshape(K, -1, 200), colour_shares(), truth.view(-1, 200)


def check_soft_dice(fn: Callable[[Tensor, Tensor], Tensor]) -> str:
    """06.2: an absent class, void, a batch of two, and a gradient."""
    rng = torch.Generator().manual_seed(0)
    logits = (3 * torch.randn(2, 4, 5, 6, generator=rng)).requires_grad_()
    masks = torch.randint(0, 3, (2, 5, 6), generator=rng).to(torch.uint8)
    masks[0] = masks[0].clamp(max=1)
    if not torch.isclose(got := fn(logits, masks), wanted := soft_dice(logits, masks), atol=1e-4):
        _explain_dice(got, logits, masks, wanted)
    masks[:, :2] = 255
    got, wanted = fn(logits, masks), soft_dice(logits, masks)
    if not torch.isclose(got, wanted, atol=1e-4):
        raise Wrong(f"Without void it is right. With two rows of void: {wanted:.3f}; yours {got:.3f}.")
    if not got.requires_grad:
        raise Wrong("The number is right, but it has no gradient: nothing could be learned from it.")
    (gradient,) = torch.autograd.grad(got, logits)
    if not gradient.any() or not gradient.isfinite().all():
        raise Wrong("The gradient is 0 or not finite. Is p a probability, not a decision?")
    return f"Loss {wanted:.3f}. A class of ten pixels now counts as much as the background."


def _explain_dice(got: Tensor, logits: Tensor, masks: Tensor, wanted: Tensor) -> None:
    """Why a Dice loss without void differs from the course's."""
    p = logits.softmax(1).movedim(1, 0).flatten(1)  # (K, pixels)
    t = (masks.flatten() == torch.arange(4)[:, None]).float()
    hits, both = (p * t).sum(1), (p + t).sum(1)
    known = {
        "That is the mean Dice itself. A loss falls when things get better.": 1 - wanted,
        "That is minus the mean Dice. The loss is 1 minus the mean.": wanted - 1,
        "Class 3 is in no mask, so it must not count.": 1 - (2 * hits / both).mean(),
        "You add the Dice of the classes up. Take their mean.": 1 - (2 * hits / both).sum(),
        "Where is the 2? Dice of a perfect answer is 1.": 1 - (1 - wanted) / 2,
        "You add up the classes, too. Sum over the pixels alone, dim 1.": 1 - p[t > 0].mean(),
        "You add 1 above and below the line. Here nothing is added.": 1
        - ((2 * hits + 1) / (both + 1))[:3].mean(),
        "You leave the background out. It is a class that occurs, too.": 1 - (2 * hits / both)[1:3].mean(),
        "You take the class of the highest score for p. Here p is the probability.": 1 - _of_decisions(p, t),
        "That is IoU: its denominator counts the overlap once, that of Dice twice.": 1
        - (hits / (both - hits))[:3].mean(),
        "You square p and t in the denominator, as V-Net did. Here there are no squares.": 1
        - (2 * hits / (p**2 + t**2).sum(1))[:3].mean(),
    }
    for reason, value in known.items():
        if torch.isclose(got, value, atol=1e-4):
            raise Wrong(reason)
    if got.isnan():
        raise Wrong("NaN: a mean over no class at all, or 0 / 0. Which classes do you take?")
    why = "Compare your Dice with the formula, term by term."
    if not 0 <= got <= 1:
        why = "A mean of Dice is 0 to 1: are brackets missing, or is it a sum?"
    raise Wrong(f"Two masks, no void: {wanted:.3f}; yours {got:.3f}. {why}")


def _of_decisions(p: Tensor, t: Tensor) -> Tensor:
    """The mean Dice of the most likely classes, of the three that occur."""
    decided = (p == p.amax(0)).float()
    return (2 * (decided * t).sum(1) / (decided + t).sum(1))[:3].mean()


def check_verdict(fn: Callable[[Sequence[float], Sequence[float]], str]) -> str:
    """06.3: pairs that agree, that do not, that hardly differ; a tie; one pair alone."""
    theirs, words = [50.0, 40.0, 60.0, 55.0, 45.0], ("better", "worse", "undecided")
    cases = [
        ([2.0, 1.5, 2.5], "every pair gains about 2 points, though the seeds differ by 20"),
        ([3.0, -0.5, 2.5], "one of three pairs disagrees"),
        ([0.1, 0.1, 6.0], "one pair gains 6 points, the others next to nothing"),
        ([4.0, 4.0, 4.0, -0.5], "one of four pairs disagrees"),
        ([4.0, 4.0, 4.0, 0.0], "one of four pairs is equal"),
        ([1.5, 0.5, 1.5], "every pair agrees, and the mean is twice the spread"),
        ([2.0, 2.5], "two pairs that agree are enough"),
        ([1.0, 2.0, 3.0, 3.0, 11.0], "the mean difference, 4, is not larger than its spread, 4"),
        ([3.0, 3.0, 12.0], "every pair agrees, and the mean, 6, is larger than the spread, 5.2"),
        ([1.2, 1.2, 7.2], "every pair agrees, but the mean, 3.2, is not larger than the spread, 3.5"),
    ]
    turned = [([-value for value in case], f"the other way round: {why}") for case, why in cases]
    for difference, words_of in (*cases, *turned):
        paired = theirs[: len(difference)]
        ours = [a + b for a, b in zip(paired, difference)]
        got, wanted = fn(ours, list(paired)), verdict(ours, paired)
        if got not in words:
            raise Wrong(f'Return "better", "worse" or "undecided"; yours is {got!r:.40}.')
        if got != wanted:
            raise Wrong(f"{ours} against {paired}, {words_of}: {wanted}. You say {got}.")
    if fn([52.0], [50.0]) != "undecided":
        raise Wrong("One pair alone says nothing about the spread: undecided.")
    return "Three agreeing seeds are weak evidence; they happen by luck once in four, in either direction."


def check_weights_of_drawn(fn: Callable[[Tensor, Tensor], Tensor]) -> str:
    """06.4: every class has the same part of the loss of what is drawn."""
    pixels = torch.tensor([[90, 10, 0], [100, 0, 0], [50, 0, 50], [20, 0, 0]]).double()  # the last: much void
    draw = torch.tensor([1.0, 0.5, 3.0, 2.0]).double()
    got, wanted = fn(pixels, draw), weights_of_drawn(pixels, draw)
    if not got.isfinite().all() or (got <= 0).any():
        raise Wrong("A weight is 0, negative or not finite. Every class occurs here.")
    got, wanted = got / got[0], wanted / wanted[0]
    if torch.allclose(got, wanted, rtol=1e-3):
        return "Now each class has the same part of the loss. Count what the net sees, not what is on disk."
    there = (pixels > 0).double()
    known = {
        "These fit the images on the disk, each counted once: the bug itself.": pixels.sum(0),
        "These are the shares themselves. A rare class needs the larger weight.": 1 / (draw @ pixels),
        "You count how often an image is drawn twice.": draw**2 @ pixels,
        "Upside down: an image that is drawn more often must count more.": (pixels / draw[:, None]).sum(0),
        "You count images that hold the class. Weights act on pixels.": draw @ there,
        "You count images on the disk that hold the class. The net sees drawn pixels.": there.sum(0),
    }
    for reason, amounts in known.items():
        if torch.allclose(got, amounts[0] / amounts, rtol=1e-3):
            raise Wrong(reason)
    said = f"Relative to the first class: {wanted.numpy().round(3)}; yours {got.numpy().round(3)}."
    by_chance = torch.allclose(got, wanted, rtol=0.1)
    raise Wrong(f"{said} Do you draw at random? Compute what is expected." if by_chance else said)
