"""Wrong answers to the exercises of notebook 06, and the words each must be told."""

import torch

from seglib.course.content.nb06.answers import my_shift, soft_dice, verdict, weights_of_drawn
from tests.mutation import edited


def dice_of(formula):
    return edited(soft_dice, "2 * (p * t).sum(1) / (p.sum(1) + t.sum(1))", formula)


def loss_of(result):
    """`soft_dice` with another last line."""
    return edited(soft_dice, "1 - dice[t.any(1)].mean()", result)


def drawn(pixels_of_classes):
    return edited(weights_of_drawn, "draw[:, None] * pixels", pixels_of_classes)


def times(*factors):
    return lambda *given: weights_of_drawn(*given) * torch.tensor(factors)


WRONG = {
    "06.1": {
        "no shift": (edited(my_shift, "0.4", "0"), "shift further"),
        "the full shift": (edited(my_shift, "0.4", "1"), "shift less"),
        "nearly the full one": (edited(my_shift, "0.4", "0.8"), "shift less"),
        "a little": (edited(my_shift, "0.4", "0.05"), "shift further"),
        "the wrong way": (edited(my_shift, "0.4", "-1"), "you shift the wrong way"),
        "the background alone": (lambda p, shares: p.argmax(0) * 0, "you shift the wrong way"),
        "the logarithm of the shares alone": (
            edited(my_shift, "/ shares[:, None, None] ** 0.4", "- shares[:, None, None].log()"),
            "never predict the background",
        ),
        "the smallest wins": (lambda p, shares: p.argmin(0), "never predict the background"),
        "a class too many": (lambda p, shares: p.argmax(0) + 1, "You predict class 10"),
        "probabilities": (edited(my_shift, ".argmax(0)", ""), "should return an int64"),
    },
    "06.2": {
        "the Dice itself": (loss_of("dice[t.any(1)].mean()"), "falls when things get better"),
        "minus the mean": (loss_of("-dice[t.any(1)].mean()"), "minus the mean Dice"),
        "absent classes": (loss_of("1 - dice.mean()"), "Class 2 is in no mask"),
        "up to the last class": (
            loss_of("1 - dice[: int(masks[known].max()) + 1].mean()"),
            "Class 2 is in no mask",
        ),
        "without background": (loss_of("1 - dice[t.any(1)][1:].mean()"), "You leave the background out"),
        "no class": (loss_of("1 - dice[t.all(1)].mean()"), "a mean over no class"),
        "the sum of the classes": (loss_of("1 - dice.sum()"), "Take their mean"),
        "a sum of losses": (loss_of("(1 - dice).sum()"), "or is it a sum"),
        "one for each class": (loss_of("1 - dice[t.any(1)]"), "with a single number"),
        "all classes at once": (
            loss_of("1 - 2 * (p * t).sum() / (p + t).sum()"),
            "You add up the classes, too",
        ),
        "over the classes": (
            loss_of("1 - (2 * (p * t).sum(0) / (p + t).sum(0)).mean()"),
            "You add up the classes, too",
        ),
        "half": (dice_of("(p * t).sum(1) / (p + t).sum(1)"), "Where is the 2?"),
        "IoU": (dice_of("(p * t).sum(1) / (p + t - p * t).sum(1)"), "That is IoU"),
        "brackets": (dice_of("2 * (p * t).sum(1) / p.sum(1) + t.sum(1)"), "are brackets missing"),
        "squares": (dice_of("2 * (p * t).sum(1) / (p**2 + t**2).sum(1)"), "as V-Net did"),
        "smoothed": (dice_of("(2 * (p * t).sum(1) + 1) / ((p + t).sum(1) + 1)"), "You add 1 above and below"),
        "half of the overlap": (dice_of("2 * (p * t).mean(1) / (p + t).sum(1)"), "term by term"),
        "decisions": (edited(soft_dice, "softmax(1)", "mul(1e6).softmax(1)"), "Here p is the probability"),
        "void counts": (edited(soft_dice, "masks != 255", "masks <= 255"), "two rows of void"),
        "no gradient": (lambda logits, masks: soft_dice(logits.detach(), masks), "no gradient"),
        "a number of Python": (lambda logits, masks: soft_dice(logits, masks).item(), "no gradient"),
        "the gradient of nothing": (
            lambda logits, masks: soft_dice(logits.detach(), masks) + 0 * logits.sum(),
            "The gradient is 0",
        ),
    },
    "06.3": {
        "the mean alone": (
            lambda ours, theirs: "better" if sum(ours) > sum(theirs) else "worse",
            "disagrees",
        ),
        "without pairs": (
            edited(verdict, "difference.std()", "torch.tensor(theirs).std()"),
            "though the seeds differ",
        ),
        "every pair, any size": (edited(verdict, "difference.std()", "0"), "next to nothing"),
        "never worse": (
            edited(verdict, '"worse" if', '"undecided" if'),
            "the other way round: every pair gains about 2 points",
        ),
        "no spread, no verdict": (
            edited(verdict, "len(difference) < 2 or", "len(difference) < 2 or difference.std() == 0 or"),
            "so the spread is 0",
        ),
        "no pair is below 0": (
            lambda ours, theirs: "better" if ours == theirs else verdict(ours, theirs),
            "every pair is equal",
        ),
        "half of the range": (
            edited(verdict, "difference.std()", "(difference.max() - difference.min()) / 2"),
            "is not larger than the spread",
        ),
        "the variance": (edited(verdict, "std()", "var()"), "larger than the spread, 5.2"),
        "the median": (edited(verdict, "mean()", "median()"), "larger than the spread, 5.2"),
        "one pair is enough": (lambda a, b: "better" if len(a) == 1 else verdict(a, b), "One pair alone"),
    },
    "06.4": {
        "the bug itself": (drawn("pixels"), "the bug itself"),
        "squared": (drawn("draw[:, None] ** 2 * pixels"), "twice"),
        "divided": (drawn("pixels / draw[:, None]"), "Upside down"),
        "images": (drawn("draw[:, None] * (pixels > 0)"), "Weights act on pixels"),
        "images on the disk": (drawn("pixels > 0"), "images on the disk"),
        "shares of each image": (
            drawn("draw[:, None] * pixels / pixels.sum(1)[:, None]"),
            "Relative to the first",
        ),
        "the shares": (edited(weights_of_drawn, "seen.sum() / seen", "seen"), "the shares themselves"),
        "a row for each class": (
            edited(weights_of_drawn, "sum(0)", "sum(1)"),
            "yours is a float64 tensor of shape (4,)",
        ),
        "by chance": (times(1, 1.01, 0.99), "Do you draw at random"),
        "a weight of 0": (times(1, 1, 0), "is 0"),
    },
}
