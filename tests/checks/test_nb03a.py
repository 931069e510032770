"""Wrong answers to the exercises of notebook 03a, and the words each must be told."""

import torch

from seglib.course.content.nb03a.answers import batch_weights, count_classes, median_frequency, weighted_loss
from tests.mutation import edited


def mean_of(result):
    """`weighted_loss` with another last line; `losses` are those of the pixels."""
    return edited(weighted_loss, "(weights[truth] * losses).sum() / weights[truth].sum()", result)


def median_of(frequency):
    return edited(median_frequency, "pixels.sum(0) / around", frequency)


WRONG = {
    "03a.1": {
        "void is background": (lambda masks, k: count_classes([mask % 255 for mask in masks], k), "void"),
        "pixels where images are asked": (
            lambda *given: count_classes(*given)[:1] * 2,
            "an image counts once",
        ),
        "only the classes that occur": (
            edited(count_classes, "=num_classes", "=3"),
            "Class 3 never occurs",
        ),
        "the first image": (lambda masks, k: count_classes(masks[:1], k), "three masks hold"),
        "pixels in uint8": (lambda masks, k: [n % 256 for n in count_classes(masks, k)], "400 pixels"),
        "background in every image": (
            edited(
                count_classes, "(rows > 0).sum(0)", "(rows > 0).index_fill(1, torch.tensor(0), True).sum(0)"
            ),
            "one that is all void",
        ),
        "at least two pixels": (edited(count_classes, "rows > 0", "rows > 1"), "Class 0 is in all 3 images"),
    },
    "03a.2": {
        "over the number of pixels": (mean_of("(weights[truth] * losses).mean()"), "sum of the weights"),
        "a sum": (mean_of("(weights[truth] * losses).sum()"), "does not grow"),
        "over the weights of the classes": (
            mean_of("(weights[truth] * losses).sum() / weights.sum()"),
            "weights of the classes",
        ),
        "without weights": (mean_of("losses.mean()"), "change nothing"),
        "the sign": (lambda *given: -weighted_loss(*given), "The sign"),
        "no logarithm": (mean_of("losses.neg().exp().mean()"), "mean probability"),
        "softmax over the pixels": (edited(weighted_loss, "softmax(1)", "softmax(0)"), "Softmax"),
        "weights by place": (
            mean_of("(weights.repeat(2) * losses).sum() / weights.repeat(2).sum()"),
            "weight of its true class",
        ),
        "exp, then log": (
            edited(weighted_loss, "log_softmax(1)", "exp().divide(logits.exp().sum(1, keepdim=True)).log()"),
            "overflows",
        ),
        "a new tensor with a gradient": (
            lambda *given: weighted_loss(*given).detach().requires_grad_(),
            "no gradient",
        ),
        "a number without gradient": (lambda *given: weighted_loss(*given).item(), "no gradient"),
    },
    "03a.3": {
        "over the pixels of all images": (
            median_of("pixels.sum(0) / pixels.sum()"),
            "images that contain it",
        ),
        "median of the counts": (median_of("pixels.sum(0)"), "images that contain it"),
        "over the number of images": (median_of("pixels.sum(0) / (pixels > 0).sum(0)"), "number of images"),
        "upside down": (lambda pixels: 1 / median_frequency(pixels), "Upside down"),
        "mean in place of median": (
            edited(median_frequency, "median()", "mean()"),
            "must have the weight 1",
        ),
        "the second of the frequencies": (
            edited(median_frequency, "frequency.median()", "frequency.sort().values[1]"),
            "you say [0.8333, 1.0",
        ),
        "at most 10": (lambda pixels: median_frequency(pixels).clamp(max=10), "1.2, 30.0"),
    },
    "03a.4": {
        "none": (lambda shares: torch.ones(len(shares)), "What lies between no weights and"),
        "inverse frequency": (lambda shares: 1 / shares, "best of the three"),
        "the frequent ones": (lambda shares: shares, "best of the three"),
        "negative": (lambda shares: -shares, "below 0"),
        "infinite": (lambda shares: 1 / (shares * 0), "infinite"),
    },
    "03a.5": {
        "the bug itself": (lambda pixels: pixels.sum() / (len(pixels) * pixels), "0 times that"),
        "K of all classes": (edited(batch_weights, "occurs.sum()", "len(pixels)"), "not there"),
        "at least one pixel": (lambda pixels: batch_weights(pixels.clamp(min=1)), "1"),
        "all alike": (lambda pixels: torch.ones(len(pixels)), "contribute the same"),
        "median in place of mean": (lambda p: p.median() / p.clamp(min=1) * (p > 0), "should weigh 1"),
        "1 where absent": (lambda p: torch.where(p > 0, batch_weights(p), 1), "gets 0"),
        "all but one": (
            edited(batch_weights, "occurs.sum()", "(len(pixels) - (~occurs).any().int())"),
            "For [6, 0, 0, 1]",
        ),
        "always three classes": (edited(batch_weights, "occurs.sum()", "3"), "For [5, 5] pixels"),
    },
}
