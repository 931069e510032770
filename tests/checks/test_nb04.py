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
        "square roots of products": (closest("({} * {}).sqrt()"), "bin by bin"),
        "bins that both have": (closest("({} * {} > 0)"), "bin by bin"),
        "what they share in pixels": (
            edited(
                merge_most_similar,
                "histograms[pairs[:, 0]]",
                "(sizes[:, None] * histograms)[pairs[:, 0]]",
                "histograms[pairs[:, 1]]",
                "(sizes[:, None] * histograms)[pairs[:, 1]]",
            ),
            "bin by bin",
        ),
        "small ones first": (
            edited(merge_most_similar, ".sum(1)", ".sum(1) - sizes[pairs].sum(1) / sizes.sum()"),
            "sizes do not matter",
        ),
        "all but the last of the pairs": (lambda h, s, p: merge_most_similar(h, s, p[:-1]), "bin by bin"),
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
        "the region's box": (
            lambda crop, mask, mean: foreground(crop, mask.any(0) & mask.any(1)[:, None], mean),
            "the mean of that channel",
        ),
        "darker inside": (lambda crop, mask, mean: foreground(crop / 2, mask, mean), "stay as they are"),
    },
    "04.3": {
        "positives too": (mined("0.2", "1.1"), "to reject the object"),
        "half-covered ones": (mined("0.2", "0.5"), "clear negative"),
        "above 0 only": (mined(">= -1", ">= 0"), "those above 0"),
        "from -1.5": (mined(">= -1", ">= -1.5"), "The easy ones"),
        "one region squeezed": (mined("[:, 0]", ".squeeze()"), "with a single number"),
        "at least the hardest": (
            edited(
                hard_negatives, "return ", "return scores.argmax()[None] if (overlaps >= 0.2).all() else "
            ),
            "no hard negative, I expect []",
        ),
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
        "-1 where no region is": (
            lambda masks, classes, scores, threshold: (
                lambda best: torch.where(best[0] > threshold, classes[best[1]], 0)
            )(torch.where(masks, scores[:, None, None], -1.0).max(0)),
            "in no region stay 0",
        ),
        "by the size of the score": (painted("scores.argsort", "scores.abs().argsort"), "At -5"),
        "class after class": (
            painted("masks[region]]", "masks[(classes == classes[region]) & (scores > threshold)].any(0)]"),
            "a place in the order of their own",
        ),
        "whole columns": (painted("[masks[region]]", "[:, masks[region].any(0)]"), "Row 1 should be"),
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
        "always twenty": (lambda p, number: torch.arange(20), "where `number` is 10"),
        "none that there is": (lambda proposals, number: torch.arange(number) + 1000, "no such region"),
    },
    "04.6": {
        "one short": (lambda rects: corners(rects) - torch.tensor([0, 0, 1, 1]), "One pixel short"),
        "rows first": (lambda rects: corners(rects)[:, [1, 0, 3, 2]], "swapped"),
        "where they are not yet boxes": (
            lambda rects: torch.where((rects[:, 2:] > rects[:, :2]).all(1)[:, None], rects, corners(rects)),
            "should become [3, 4, 323, 204]",
        ),
        "width only": (lambda rects: rects + torch.tensor([0, 0, 10, 0]), "should become"),
    },
}
