"""Wrong answers to the exercises of notebook 09, and the words each must be told."""

import numpy as np
import torch
from scipy import ndimage

from seglib.course.content.nb09.answers import area, interval, next_image, repaired
from tests.mutation import edited


def mapped(*table):
    return lambda values: torch.tensor(table)[values.long()]


def largest_part(mask, index, width_cm):
    parts, _ = ndimage.label(mask == index)
    return area(torch.from_numpy(parts == np.bincount(parts[parts > 0]).argmax()), 1, width_cm)


WRONG = {
    "09.1": {
        "without replacement": (
            edited(interval, "randint(len(counts), (len(counts),)", "randperm(len(counts)"),
            "Every draw gives",
        ),
        "a mean over images": (
            edited(
                interval,
                "mean_iou(counts[chosen].sum(0))",
                "sum(map(mean_iou, counts[chosen])) / len(counts)",
            ),
            "mean of the images' own",
        ),
        "half as many": (
            edited(interval, "(len(counts),)", "(len(counts) // 2,)"),
            "as many images as there are",
        ),
        "each image once": (edited(interval, "counts[chosen]", "counts[chosen.unique()]"), "counts twice"),
        "one image less": (
            edited(interval, "(len(counts),)", "(max(1, len(counts) - 1),)"),
            "the mIoU of no three",
        ),
        "never the last": (
            edited(interval, "randint(len(counts)", "randint(max(2, len(counts) - 1)"),
            "number 2, counted from 0",
        ),
        "IoU of class 0": (
            edited(
                interval,
                "mean_iou(counts[chosen].sum(0))",
                "float(iou(counts[chosen].sum(0))[0])",
                "values = []",
                "from seglib.metrics import iou; values = []",
            ),
            "the mIoU of no three",
        ),
        "a thousand draws": (lambda counts, draws, rng: interval(counts, 1000, rng), "One draw has one mIoU"),
        "a generator of its own": (
            lambda counts, draws, rng: interval(counts, draws, torch.Generator().manual_seed(0)),
            "in none of twelve draws",
        ),
        "another generator": (edited(interval, ", generator=rng", ""), "draw with generator=rng"),
        "5 % at each end": (edited(interval, "0.025", "0.05", "0.975", "0.95"), "leaves 2.5 % at each end"),
        "the interval of the mean": (
            edited(
                interval,
                "values.quantile(0.025).item(), values.quantile(0.975).item()",
                "tuple(values.mean() + sign * 1.96 * values.std() / draws**0.5 for sign in (-1, 1))",
            ),
            "Much too narrow",
        ),
        "the upper end first": (lambda *a: interval(*a)[::-1], "lower end comes first"),
        "in per cent": (lambda *a: tuple(100 * one for one in interval(*a)), "mIoU of these images is"),
    },
    "09.2": {
        "the sum over pixels": (edited(next_image, ".mean()", ".sum()"), "take the mean"),
        "the most certain": (edited(next_image, "max(", "min("), "more doubt in each"),
        "NaN where a probability is 0": (
            edited(next_image, "torch.special.entr(one)", "(-one * one.log())"),
            "0 times log 0 counts as 0",
        ),
        "the entropy of the mean": (
            edited(next_image, "entr(one).sum(0).mean()", "entr(one.mean((1, 2))).sum()"),
            "certain of each",
        ),
        "the largest entropy": (edited(next_image, ".mean()", ".max()"), "One doubtful pixel"),
        "the median": (edited(next_image, ".mean()", ".median()"), "Great doubt in 9"),
        "of the first row": (edited(next_image, ".sum(0)", ".sum(0)[0]"), "Great doubt in 9"),
        "Gini's impurity": (
            edited(next_image, "torch.special.entr(one).sum(0)", "(1 - (one**2).sum(0))"),
            "all three classes count",
        ),
        "without the background": (
            edited(next_image, "entr(one)", "entr(one[1:])"),
            "the background counts as well",
        ),
        "the largest probability": (
            edited(next_image, "torch.special.entr(one).sum(0)", "(1 - one.amax(0))"),
            "all three classes count",
        ),
        "the entropy": (
            edited(next_image, "range(len(entropy)), key=lambda index: entropy[index]", "entropy"),
            "should return a whole number",
        ),
        "from 1": (lambda images: next_image(images) + 1, "counted from 0"),
    },
    "09.3": {
        "a pixel has no height": (edited(area, "pixel**2", "pixel"), "2 cm high"),
        "pixels": (edited(area, " * pixel**2", ""), "number of pixels"),
        "by the height": (edited(area, "shape[1]", "shape[0]"), "divided by the height"),
        "the share": (lambda m, k, w: float((m == k).float().mean()) * 100, "share of the image"),
        "a square image": (lambda m, k, w: float((m == k).float().mean()) * w * w, "not square"),
        "mm²": (lambda *given: 100 * area(*given), "mm²"),
        "all but background": (edited(area, "mask == index", "mask > 0"), "not background"),
        "all but background and void": (
            edited(area, "mask == index", "(mask > 0) & (mask < 255)"),
            "also those of another class.",
        ),
        "divided": (edited(area, "* pixel", "/ pixel"), "multiply"),
        "always class 1": (edited(area, "== index", "== 1"), "of class 2"),
        "by the longer side": (edited(area, "mask.shape[1]", "max(mask.shape)"), "20 columns of 12 cm"),
        "the largest part alone": (largest_part, "in two parts"),
        "the counts in order": (
            edited(area, "(mask == index).sum()", "mask.unique(return_counts=True)[1][index]"),
            "IndexError",
        ),
        "whole cm²": (lambda *given: round(area(*given)), "are 14.4 cm²; yours are 14."),
        "the side of a square": (lambda *given: area(*given) ** 0.5, "are 80 cm²; yours are 8.9"),
        "always 50 pixels wide": (edited(area, "mask.shape[1]", "50"), "twice as many pixels"),
    },
    "09.4": {
        "as it is": (mapped(0, 1, 2, 3), "Nothing has changed"),
        "clamped": (mapped(0, 0, 1, 2), "a net would learn it"),
        "minus one": (lambda values: values.long() - 1, "neither a class nor void"),
        "only void": (mapped(255, 1, 2, 3), "Void is right"),
        "reversed": (mapped(255, 2, 1, 0), "Void is right"),
        "plus one": (mapped(1, 2, 3, 4), "should become 255, 0, 1, 2"),
        "four values": (mapped(255, 0, 1, 2, *[255] * 252), "Other classes"),
        "the values in order": (
            lambda values: (values.unique(return_inverse=True)[1] - 1) % 256,
            "Other classes",
        ),
        "flat": (lambda values: repaired(values).flatten(), "of shape (2, 4)"),
    },
}
