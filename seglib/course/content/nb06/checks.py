"""The checks of notebook 06."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from seglib.course.content.nb06.answers import soft_dice, verdict, weights_of_drawn
from seglib.course.lesson import Wrong, first_true, learnable, near, open_task, refuse
from seglib.course.samples import colour_shares, colours, smallest_net
from seglib.metrics import confusion_matrix, mean_iou
from seglib.scenes import CLASSES

K = len(CLASSES)
BEATEN = 0.025  # by how much the open task's mIoU must be above those without and with the full shift


def check_my_shift(fn: Callable[[Tensor, Tensor], Tensor]) -> str:
    """06.1, open: a finished net's probabilities, shifted, and judged by the mIoU."""
    probabilities, shares, truth = _finished()
    pred, plain = fn(probabilities, shares), probabilities.argmax(0)
    if strange := sorted(set(pred.unique().tolist()) - set(range(K))):
        raise Wrong(f"You predict class {strange[-1]}. Classes are 0 to {K - 1}.")
    full = (probabilities / shares[:, None, None]).argmax(0)
    mine, without, fully = (mean_iou(confusion_matrix(each, truth, K)) for each in (pred, plain, full))
    ratio, before = (float((each > 0).sum() / (truth > 0).sum()) for each in (pred, plain))
    said = f"You predict {ratio:.2f} times as many object pixels as there are"
    advice = first_true(
        {
            "You never predict the background: does the largest win, and does p still count?": pred.all(),
            f"{said}, fewer than without a shift ({before:.2f}): you shift the wrong way.": ratio < before,
            f"{said}: shift further.": ratio < 0.8,
            f"{said}: shift less.": ratio > 1.1,
        },
        f"{said}, which is about right, but their classes are not: shift each class by its own share.",
    )
    scores = (
        f"With your shift the mIoU is {100 * mine:.1f}; without any it is {100 * without:.1f}, with the full "
        f"one {100 * fully:.1f}."
    )
    return open_task(scores, mine, max(without, fully) + BEATEN, advice)


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
    masks[masks == 2] = 3  # so class 2 does not occur
    got, wanted = fn(logits, masks), soft_dice(logits, masks)
    if not near(got, wanted):
        p = logits.softmax(1).movedim(1, 0).flatten(1)
        refuse(got, _other_losses(p, (masks.flatten() == torch.arange(4)[:, None]).float()))
        if got.isnan():
            raise Wrong("NaN: a mean over no class at all, or 0 / 0. Which classes do you take?")
        why = "Compare your Dice with the formula, term by term."
        if not 0 <= got <= 1:
            why = "A mean of Dice is 0 to 1: are brackets missing, or is it a sum?"
        raise Wrong(f"Two masks, no void: {wanted:.3f}; yours {got:.3f}. {why}")
    masks[:, :2] = 255
    got, wanted = fn(logits, masks), soft_dice(logits, masks)
    if not near(got, wanted):
        raise Wrong(f"Without void it is right. With two rows of void: {wanted:.3f}; yours {got:.3f}.")
    learnable(got)
    (gradient,) = torch.autograd.grad(got, logits)
    if not gradient.any() or not gradient.isfinite().all():
        raise Wrong("The gradient is 0 or not finite. Is p a probability, not a decision?")
    return f"Loss {wanted:.3f}. A class of ten pixels now counts as much as the background."


def _other_losses(p: Tensor, t: Tensor) -> Mapping[str, Tensor]:
    """What mistakes give where p and t are (4, pixels), and class 2 does not occur."""
    hits, both, decided = (p * t).sum(1), (p + t).sum(1), (p == p.amax(0)).float()
    dice, there = 2 * hits / both, t.any(1)
    smoothed, iou = (2 * hits + 1) / (both + 1), hits / (both - hits)
    squared, of_decisions = 2 * hits / (p**2 + t**2).sum(1), 2 * (decided * t).sum(1) / (decided + t).sum(1)
    return {
        "That is the mean Dice itself. A loss falls when things get better.": dice[there].mean(),
        "That is minus the mean Dice. The loss is 1 minus the mean.": -dice[there].mean(),
        "Class 2 is in no mask, so it must not count.": 1 - dice.mean(),
        "You add the Dice of the classes up. Take their mean.": 1 - dice.sum(),
        "Where is the 2? Dice of a perfect answer is 1.": 1 - dice[there].mean() / 2,
        "You add up the classes, too. Sum over the pixels alone, dim 1.": 1 - p[t > 0].mean(),
        "You add 1 above and below the line. Here nothing is added.": 1 - smoothed[there].mean(),
        "You leave the background out. It is a class that occurs, too.": 1 - dice[there][1:].mean(),
        "You take the most likely class for p. Here p is the probability.": 1 - of_decisions[there].mean(),
        "That is IoU: its denominator counts the overlap once, that of Dice twice.": 1 - iou[there].mean(),
        "You square p and t below the line, as V-Net did; here they are not.": 1 - squared[there].mean(),
    }


def check_verdict(fn: Callable[[Sequence[float], Sequence[float]], str]) -> str:
    """06.3: pairs that agree, that do not, that hardly differ; a tie; one pair alone."""
    theirs = [50.0, 40.0, 60.0, 55.0, 45.0]
    cases = {
        "every pair gains about 2 points, though the seeds differ by 20": [2.0, 1.5, 2.5],
        "one of three pairs disagrees": [3.0, -0.5, 2.5],
        "one pair gains 6 points, the others next to nothing": [0.1, 0.1, 6.0],
        "one of four pairs disagrees": [4.0, 4.0, 4.0, -0.5],
        "one of four pairs is equal": [4.0, 4.0, 4.0, 0.0],
        "every pair agrees, and the mean is twice the spread": [1.5, 0.5, 1.5],
        "two pairs that agree are enough": [2.0, 2.5],
        "every pair gains 2 points, so the spread is 0": [2.0, 2.0, 2.0],
        "every pair is equal": [0.0, 0.0, 0.0],
        "the mean difference, 4, is not larger than its spread, 4": [1.0, 2.0, 3.0, 3.0, 11.0],
        "every pair agrees, and the mean, 6, is larger than the spread, 5.2": [3.0, 3.0, 12.0],
        "every pair agrees, but the mean, 3.2, is not larger than the spread, 3.5": [1.2, 1.2, 7.2],
    }
    for sign, turned in ((1, ""), (-1, "the other way round: ")):
        for case, gains in cases.items():
            paired = theirs[: len(gains)]
            ours = [score + sign * gain for score, gain in zip(paired, gains)]
            got, wanted = fn(ours, paired), verdict(ours, paired)
            if got not in ("better", "worse", "undecided"):
                raise Wrong(f'Return "better", "worse" or "undecided"; yours is {got!r:.40}.')
            if got != wanted:
                raise Wrong(f"{ours} against {paired}, {turned}{case}: {wanted}. You say {got}.")
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
    refuse(got, {reason: amounts[0] / amounts for reason, amounts in known.items()})
    chance = " Do you draw at random? Compute what is expected." * torch.allclose(got, wanted, rtol=0.1)
    raise Wrong(
        f"Relative to the first class: {wanted.numpy().round(3)}; yours {got.numpy().round(3)}.{chance}"
    )
