"""Wrong answers to the exercises of notebook 06, and the words each must be told."""

import torch

from seglib.course.content.nb06.answers import (
    soft_dice,
    soften,
    verdict,
    weights_of_drawn,
)


def by_classes(shares, power):
    raw = soften(shares, power)
    return raw / raw[shares > 0].mean()


def dice(probabilities=lambda z: z.softmax(1), void=False, two=2, absent=False, result=lambda d: 1 - d):
    def loss(logits, masks):
        known = (masks != 255) | void
        p = probabilities(logits).movedim(1, 0)[:, known]
        t = (masks[known] == torch.arange(len(p))[:, None]).float()
        each = two * (p * t).sum(1) / (p.sum(1) + t.sum(1)).clamp(min=1e-6)
        return result((each if absent else each[t.any(1)]).mean())

    return loss


def each_image(logits, masks):
    return torch.stack([soft_dice(z[None], m[None]) for z, m in zip(logits, masks)]).mean()


def judged(decide):
    return lambda ours, theirs: decide(torch.tensor(ours), torch.tensor(theirs))


def word(better, worse):
    return "better" if better else "worse" if worse else "undecided"


def without_pairs(ours, theirs):
    spread = max(ours.std(), theirs.std()) if len(ours) > 1 else 9
    gain = ours.mean() - theirs.mean()
    return word(gain > spread, -gain > spread)


def drawn(amounts):
    return lambda pixels, draw: 1 / amounts(pixels, draw[:, None]).sum(0)


WRONG = {
    "06.1": {
        "upside down": (lambda shares, power: soften(shares, -power), "Upside down"),
        "infinite": (lambda shares, power: shares**-power, "yours is inf"),
        "an absent class weighs": (
            lambda shares, power: soften(shares, power) + (shares == 0),
            "does not occur: weight 0",
        ),
        "not scaled": (
            lambda shares, power: torch.where(shares > 0, shares.clamp(min=1e-9) ** -power, 0),
            "The mean pixel should weigh 1",
        ),
        "the mean class weighs 1": (by_classes, "the mean over classes"),
        "always inverse": (lambda shares, power: soften(shares, 1.0), "power 0.5"),
    },
    "06.2": {
        "the Dice itself": (dice(result=lambda d: d), "falls when things get better"),
        "absent classes": (dice(absent=True), "Class 3 is in no mask"),
        "sigmoid": (dice(torch.sigmoid), "a softmax over the classes"),
        "decisions": (
            dice(lambda z: torch.nn.functional.one_hot(z.argmax(1), 4).movedim(3, 1).float()),
            "a softmax over the classes",
        ),
        "void counts": (dice(void=True), "two rows of void"),
        "half": (dice(two=1), "Where is the 2?"),
        "image by image": (each_image, "each image by itself"),
        "no gradient": (lambda logits, masks: soft_dice(logits.detach(), masks), "no gradient"),
        "a number of Python": (lambda logits, masks: soft_dice(logits, masks).item(), "no gradient"),
    },
    "06.3": {
        "the mean alone": (
            judged(lambda a, b: word((a - b).mean() > 0, (a - b).mean() < 0)),
            "disagrees",
        ),
        "without pairs": (judged(without_pairs), "though the seeds differ"),
        "every pair, any size": (
            judged(lambda a, b: word((a > b).all(), (a < b).all())),
            "next to nothing",
        ),
        "never worse": (
            judged(lambda a, b: word(len(a) > 1 and (a > b).all() and (a - b).mean() > (a - b).std(), False)),
            "the other way round: every pair gains about 2 points",
        ),
        "one pair is enough": (
            lambda ours, theirs: "better" if len(ours) == 1 else verdict(ours, theirs),
            "One pair alone",
        ),
    },
    "06.4": {
        "the bug itself": (drawn(lambda pixels, draw: pixels), "the bug itself"),
        "squared": (drawn(lambda pixels, draw: pixels * draw**2), "twice"),
        "divided": (drawn(lambda pixels, draw: pixels / draw), "Upside down"),
        "images": (drawn(lambda pixels, draw: (pixels > 0) * draw), "Weights act on pixels"),
        "one for each image": (lambda pixels, draw: draw, "Relative to the first"),
        "a weight of 0": (
            lambda pixels, draw: weights_of_drawn(pixels, draw) * torch.tensor([1, 1, 0]),
            "is 0",
        ),
    },
}
