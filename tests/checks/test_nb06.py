"""Wrong answers to the exercises of notebook 06, and the words each must be told."""

import torch

from seglib.course.content.nb06.answers import soft_dice, verdict, weights_of_drawn


def dice(each, void=False):
    """A loss that makes p and t as the notebook does, and continues with `each(p, t)`."""

    def loss(logits, masks):
        known = (masks != 255) | void
        p = logits.softmax(1).movedim(1, 0)[:, known]
        return each(p, (masks[known] == torch.arange(len(p))[:, None]).float())

    return loss


def one_minus(each, classes=lambda t: t.any(1)):
    """1 minus the mean of what `each` gives for some classes."""
    return lambda p, t: 1 - each(p, t)[classes(t)].mean()


def of_classes(p, t, two=2, overlap=0):
    hits = (p * t).sum(1)
    return two * hits / (p.sum(1) + t.sum(1) - overlap * hits)


right = one_minus(of_classes)


def word(better, worse):
    return "better" if better else "worse" if worse else "undecided"


def judged(decide):
    return lambda ours, theirs: word(*decide(torch.tensor(ours), torch.tensor(theirs)))


def without_pairs(ours, theirs):
    spread = max(ours.std(), theirs.std()) if len(ours) > 1 else 9
    gain = ours.mean() - theirs.mean()
    return gain > spread, -gain > spread


def never_worse(ours, theirs):
    gain = ours - theirs
    return len(gain) > 1 and (gain > 0).all() and gain.mean() > gain.std(), False


def spread_by(spread, middle=torch.mean):
    def decide(ours, theirs):
        gain = ours - theirs
        large = len(gain) > 1 and middle(gain).abs() > spread(gain)
        return large and (gain > 0).all(), large and (gain < 0).all()

    return judged(decide)


def drawn(amounts):
    return lambda pixels, draw: 1 / amounts(pixels, draw[:, None]).sum(0)


def times(*factors):
    return lambda *given: weights_of_drawn(*given) * torch.tensor(factors)


def shifted(power):
    return lambda p, shares: (p / shares[:, None, None] ** power).argmax(0)


WRONG = {
    "06.1": {
        "no shift": (shifted(0), "shift further"),
        "the full shift": (shifted(1), "shift less"),
        "nearly the full one": (shifted(0.8), "shift less"),
        "a little": (shifted(0.05), "shift further"),
        "the wrong way": (shifted(-1), "you shift the wrong way"),
        "the background alone": (lambda p, shares: p.argmax(0) * 0, "you shift the wrong way"),
        "the logarithm of the shares alone": (
            lambda p, shares: (p - shares[:, None, None].log()).argmax(0),
            "never predict the background",
        ),
        "the smallest wins": (lambda p, shares: p.argmin(0), "never predict the background"),
        "a class too many": (lambda p, shares: p.argmax(0) + 1, "You predict class 10"),
        "probabilities": (lambda p, shares: p / shares[:, None, None] ** 0.4, "should return an int64"),
    },
    "06.2": {
        "the Dice itself": (dice(lambda p, t: 1 - right(p, t)), "falls when things get better"),
        "minus the mean": (dice(lambda p, t: right(p, t) - 1), "minus the mean Dice"),
        "absent classes": (dice(one_minus(of_classes, lambda t: [0, 1, 2, 3])), "Class 3 is in no mask"),
        "without background": (dice(one_minus(of_classes, lambda t: [1, 2])), "You leave the background out"),
        "no class": (dice(one_minus(of_classes, lambda t: t.all(1))), "a mean over no class"),
        "half": (dice(one_minus(lambda p, t: of_classes(p, t, two=1))), "Where is the 2?"),
        "IoU": (dice(one_minus(lambda p, t: of_classes(p, t, 1, 1))), "That is IoU"),
        "decisions": (dice(lambda p, t: right((p == p.amax(0)).float(), t)), "Here p is the probability"),
        "all classes at once": (
            dice(lambda p, t: 1 - 2 * (p * t).sum() / (p.sum() + t.sum())),
            "You add up the classes, too",
        ),
        "over the classes": (
            dice(lambda p, t: 1 - (2 * (p * t).sum(0) / (p.sum(0) + t.sum(0))).mean()),
            "You add up the classes, too",
        ),
        "brackets": (
            dice(one_minus(lambda p, t: 2 * (p * t).sum(1) / p.sum(1) + t.sum(1))),
            "are brackets missing",
        ),
        "the sum of the classes": (dice(lambda p, t: 1 - of_classes(p, t).sum()), "Take their mean"),
        "a sum of losses": (dice(lambda p, t: (1 - of_classes(p, t)).sum()), "or is it a sum"),
        "one for each class": (dice(lambda p, t: 1 - of_classes(p, t)[t.any(1)]), "with a single number"),
        "squares": (dice(one_minus(lambda p, t: 2 * (p * t).sum(1) / (p**2 + t**2).sum(1))), "as V-Net did"),
        "smoothed": (
            dice(one_minus(lambda p, t: (2 * (p * t).sum(1) + 1) / ((p + t).sum(1) + 1))),
            "You add 1 above and below",
        ),
        "half of the overlap": (
            dice(one_minus(lambda p, t: 2 * (p * t).mean(1) / (p.sum(1) + t.sum(1)))),
            "term by term",
        ),
        "void counts": (dice(right, void=True), "two rows of void"),
        "no gradient": (lambda logits, masks: soft_dice(logits.detach(), masks), "no gradient"),
        "a number of Python": (lambda logits, masks: soft_dice(logits, masks).item(), "no gradient"),
    },
    "06.3": {
        "the mean alone": (judged(lambda a, b: (a.mean() > b.mean(), a.mean() < b.mean())), "disagrees"),
        "without pairs": (judged(without_pairs), "though the seeds differ"),
        "every pair, any size": (judged(lambda a, b: ((a > b).all(), (a < b).all())), "next to nothing"),
        "never worse": (judged(never_worse), "the other way round: every pair gains about 2 points"),
        "half of the range": (spread_by(lambda d: (d.max() - d.min()) / 2), "is not larger than the spread"),
        "the variance": (spread_by(torch.var), "larger than the spread, 5.2"),
        "the median": (spread_by(torch.std, torch.median), "larger than the spread, 5.2"),
        "one pair is enough": (lambda a, b: "better" if len(a) == 1 else verdict(a, b), "One pair alone"),
    },
    "06.4": {
        "the bug itself": (drawn(lambda pixels, draw: pixels), "the bug itself"),
        "squared": (drawn(lambda pixels, draw: pixels * draw**2), "twice"),
        "divided": (drawn(lambda pixels, draw: pixels / draw), "Upside down"),
        "images": (drawn(lambda pixels, draw: (pixels > 0) * draw), "Weights act on pixels"),
        "the shares": (lambda pixels, draw: draw @ pixels, "the shares themselves"),
        "images on the disk": (drawn(lambda pixels, draw: pixels > 0), "images on the disk"),
        "shares of each image": (
            drawn(lambda pixels, draw: draw * pixels / pixels.sum(1, keepdim=True)),
            "Relative to the first",
        ),
        "a row for each class": (
            lambda pixels, draw: 1 / (draw[:, None] * pixels).sum(1),
            "yours is a float64 tensor of shape (4,)",
        ),
        "by chance": (times(1, 1.01, 0.99), "Do you draw at random"),
        "a weight of 0": (times(1, 1, 0), "is 0"),
    },
}
