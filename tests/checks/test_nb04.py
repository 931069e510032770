"""Wrong answers to the exercises of notebook 04, and the words each must be told."""

from functools import partial

import torch

from seglib.course.content.nb04.answers import corners, foreground, hard_negatives, merge_most_similar, paste
from tests.mutation import edited


def closest(alike, over=".sum(1)"):
    """The pair whose histograms are most alike by another measure."""
    one, other = "histograms[pairs[:, 0]]", "histograms[pairs[:, 1]]"
    least = f"torch.minimum({one}, {other})"
    return edited(merge_most_similar, least, alike.format(one, other), ".sum(1)", over)


def any_two(histograms, sizes, pairs):
    common = torch.minimum(histograms[:, None], histograms[None]).sum(2).triu(1)
    one, other = divmod(int(common.argmax()), len(histograms))
    return (one, other), histograms[one]


def filled(value):
    return edited(foreground, "mean[:, None, None]", value)


mined = partial(edited, hard_negatives)
painted = partial(edited, paste)


def sorted_by_tuple(masks, classes, scores, threshold):
    mask = torch.zeros(masks.shape[1:], dtype=torch.long)
    for score, region, kind in sorted(zip(scores, masks, classes)):
        if score > threshold:
            mask[region] = kind
    return mask


WRONG = {
    "04.1": {
        "regions that do not touch": (any_two, "do not touch"),
        "plain mean": (lambda h, s, p: merge_most_similar(h, torch.ones_like(s), p), "plain mean"),
        "the nearest": (closest("-({} - {})", ".norm(dim=1)"), "bin by bin"),
        "the dot product": (closest("({} * {})"), "bin by bin"),
        "the last pair": (lambda h, s, p: ((2, 3), h[2]), "share most"),
        "those that share least": (
            edited(merge_most_similar, "argmax", "argmin"),
            "Merge the two that share most",
        ),
        "mixed by each other's size": (
            edited(merge_most_similar, "share @", "share.flip(0) @"),
            "10 and 40 pixels mix to",
        ),
    },
    "04.2": {
        "black": (filled("0"), "Black is a colour"),
        "white": (filled("255"), "the mean of that channel"),
        "inside out": (lambda crop, mask, mean: foreground(crop, ~mask, mean), "Inverted"),
        "the crop's own mean": (filled("crop.mean((1, 2), True)"), "mean of this"),
        "the full crop": (lambda crop, mask, mean: crop, "full crop"),
        "darker inside": (lambda crop, mask, mean: foreground(crop / 2, mask, mean), "stay as they are"),
    },
    "04.3": {
        "positives too": (mined("0.2", "1.1"), "to reject the object"),
        "half-covered ones": (mined("0.2", "0.5"), "clear negative"),
        "above 0 only": (mined(">= -1", ">= 0"), "those above 0"),
        "only the first": (lambda *given: hard_negatives(*given)[:1], "you say [1]"),
        "only within the margin": (mined("scores >= -1", "scores.abs() <= 1"), "Region 9 is missing"),
        "a 1 for each": (
            edited(hard_negatives, ".nonzero()[:, 0]", ".long()"),
            "not a True or False for each",
        ),
    },
    "04.4": {
        "best first": (painted("argsort()", "argsort(descending=True)"), "region is below"),
        "all of them": (painted("> threshold", "> -9"), "-0.2 is not above 0"),
        "threshold forgotten": (painted("> threshold", "> 0"), "only the region"),
        "in the order of the list": (
            painted("scores.argsort().tolist()", "range(len(scores))"),
            "another order",
        ),
        "never two with one score": (sorted_by_tuple, "It stopped with RuntimeError"),
        "never below 0": (painted("> threshold", "> max(threshold, 0)"), "may be negative"),
        "void without a region": (
            lambda masks, *given: (
                paste(masks, *given) if len(masks) else masks.new_full(masks.shape[1:], 255, dtype=torch.long)
            ),
            "Without any region",
        ),
    },
    "04.5": {
        "the library's first": (lambda proposals, number: torch.arange(number), "0.05"),
        "the largest": (lambda p, number: p.areas.argsort(descending=True)[:number], "0.05"),
        "one of them": (lambda proposals, number: torch.zeros(number).long(), "twice"),
        "too many": (lambda proposals, number: torch.arange(2 * number), "20 were asked for"),
        "none that there is": (lambda proposals, number: torch.arange(number) + 1000, "no such region"),
    },
    "04.6": {
        "one short": (lambda rects: corners(rects) - torch.tensor([0, 0, 1, 1]), "One pixel short"),
        "rows first": (lambda rects: corners(rects)[:, [1, 0, 3, 2]], "swapped"),
        "width only": (lambda rects: rects + torch.tensor([0, 0, 10, 0]), "should become"),
    },
}
