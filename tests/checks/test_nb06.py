"""Wrong answers to the exercises of notebook 06, and the words each must be told."""

import torch

from seglib.course.content.nb06.answers import soft_dice, verdict, weights_of_drawn


def dice(each, probabilities=lambda z: z.softmax(1), void=False):
    """A loss that makes p and t as the notebook does, and continues with `each(p, t)`."""

    def loss(logits, masks):
        known = (masks != 255) | void
        p = probabilities(logits).movedim(1, 0)[:, known]
        return each(p, (masks[known] == torch.arange(len(p))[:, None]).float())

    return loss


def of_classes(p, t, two=2, overlap=0):
    hits = (p * t).sum(1)
    return two * hits / (p.sum(1) + t.sum(1) - overlap * hits)


def right(p, t):
    return 1 - of_classes(p, t)[t.any(1)].mean()


def judged(decide):
    return lambda ours, theirs: decide(torch.tensor(ours), torch.tensor(theirs))


def word(better, worse):
    return "better" if better else "worse" if worse else "undecided"


def without_pairs(ours, theirs):
    spread = max(ours.std(), theirs.std()) if len(ours) > 1 else 9
    gain = ours.mean() - theirs.mean()
    return word(gain > spread, -gain > spread)


def spread_by(difference, spread, middle):
    large = len(difference) > 1 and middle(difference).abs() > spread(difference)
    return word(large and (difference > 0).all(), large and (difference < 0).all())


def drawn(amounts):
    return lambda pixels, draw: 1 / amounts(pixels, draw[:, None]).sum(0)


def shifted(p, shares, power):
    return (p / shares[:, None, None] ** power).argmax(0)


WRONG = {
    "06.1": {
        "no shift": (lambda p, shares: p.argmax(0), "shift further"),
        "the full shift": (lambda p, shares: shifted(p, shares, 1), "shift less"),
        "nearly the full one": (lambda p, shares: shifted(p, shares, 0.8), "shift less"),
        "a little": (lambda p, shares: shifted(p, shares, 0.05), "shift further"),
        "the wrong way": (lambda p, shares: shifted(p, shares, -1), "you shift the wrong way"),
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
        "absent classes": (dice(lambda p, t: 1 - of_classes(p, t).mean()), "Class 3 is in no mask"),
        "half": (dice(lambda p, t: 1 - of_classes(p, t, two=1)[t.any(1)].mean()), "Where is the 2?"),
        "IoU": (dice(lambda p, t: 1 - of_classes(p, t, 1, 1)[t.any(1)].mean()), "That is IoU"),
        "all classes at once": (
            dice(lambda p, t: 1 - 2 * (p * t).sum() / (p.sum() + t.sum())),
            "You add up the classes, too",
        ),
        "over the classes": (
            dice(lambda p, t: 1 - (2 * (p * t).sum(0) / (p.sum(0) + t.sum(0))).mean()),
            "You add up the classes, too",
        ),
        "brackets": (
            dice(lambda p, t: 1 - (2 * (p * t).sum(1) / p.sum(1) + t.sum(1))[t.any(1)].mean()),
            "are brackets missing",
        ),
        "the sum of the classes": (dice(lambda p, t: 1 - of_classes(p, t).sum()), "Take their mean"),
        "a sum of losses": (dice(lambda p, t: (1 - of_classes(p, t)).sum()), "or is it a sum"),
        "one for each class": (dice(lambda p, t: 1 - of_classes(p, t)[t.any(1)]), "with a single number"),
        "squares": (
            dice(lambda p, t: 1 - (2 * (p * t).sum(1) / (p**2 + t**2).sum(1))[t.any(1)].mean()),
            "as V-Net did",
        ),
        "no class": (dice(lambda p, t: 1 - of_classes(p, t)[t.all(1)].mean()), "a mean over no class"),
        "smoothed": (
            dice(lambda p, t: 1 - ((2 * (p * t).sum(1) + 1) / ((p + t).sum(1) + 1))[t.any(1)].mean()),
            "You add 1 above and below",
        ),
        "minus the mean": (dice(lambda p, t: right(p, t) - 1), "minus the mean Dice"),
        "without background": (
            dice(lambda p, t: 1 - of_classes(p, t)[1:][t.any(1)[1:]].mean()),
            "You leave the background out",
        ),
        "decisions": (dice(lambda p, t: right((p == p.amax(0)).float(), t)), "Here p is the probability"),
        "half of the overlap": (
            dice(lambda p, t: 1 - (2 * (p * t).mean(1) / (p.sum(1) + t.sum(1)))[t.any(1)].mean()),
            "term by term",
        ),
        "void counts": (dice(right, void=True), "two rows of void"),
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
        "half of the range": (
            judged(lambda a, b: spread_by(a - b, lambda d: (d.max() - d.min()) / 2, torch.mean)),
            "is not larger than the spread",
        ),
        "the variance": (
            judged(lambda a, b: spread_by(a - b, torch.var, torch.mean)),
            "larger than the spread, 5.2",
        ),
        "the median": (
            judged(lambda a, b: spread_by(a - b, torch.std, torch.median)),
            "larger than the spread, 5.2",
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
        "by chance": (
            lambda pixels, draw: weights_of_drawn(pixels, draw) * torch.tensor([1, 1.01, 0.99]),
            "Do you draw at random",
        ),
        "a weight of 0": (
            lambda pixels, draw: weights_of_drawn(pixels, draw) * torch.tensor([1, 1, 0]),
            "is 0",
        ),
    },
}
