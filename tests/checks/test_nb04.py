"""Wrong answers to the exercises of notebook 04, and the words each must be told."""

import torch

from seglib.course.content.nb04.answers import corners, foreground, merge_most_similar, paste


def plain_mean(histograms, sizes, pairs):
    return merge_most_similar(histograms, torch.ones_like(sizes), pairs)


def closest(alike):
    def merge(histograms, sizes, pairs):
        one, other = pairs[alike(*histograms[pairs.T]).argmax()].tolist()
        return (one, other), merge_most_similar(
            histograms[[one, other]], sizes[[one, other]], torch.tensor([[0, 1]])
        )[1]

    return merge


def any_two(histograms, sizes, pairs):
    common = torch.minimum(histograms[:, None], histograms[None]).sum(2).triu(1)
    one, other = divmod(int(common.argmax()), len(histograms))
    return (one, other), histograms[one]


def filled(value):
    def fill(crop, mask, mean):
        return torch.where(mask, crop, torch.as_tensor(value(crop, mean), dtype=crop.dtype))

    return fill


def mined(overlap, score):
    return lambda scores, overlaps: ((overlaps < overlap) & (scores >= score)).nonzero()[:, 0]


def painted(order, above=lambda score, threshold: score > threshold):
    def paste(masks, classes, scores, threshold):
        mask = torch.zeros(masks.shape[1:], dtype=torch.long)
        for region in order(scores).tolist():
            if above(scores[region], threshold):
                mask[masks[region]] = classes[region]
        return mask

    return paste


def sorted_by_tuple(masks, classes, scores, threshold):
    mask = torch.zeros(masks.shape[1:], dtype=torch.long)
    for score, region, kind in sorted(zip(scores, masks, classes)):
        if score > threshold:
            mask[region] = kind
    return mask


WRONG = {
    "04.1": {
        "regions that do not touch": (any_two, "do not touch"),
        "plain mean": (plain_mean, "plain mean"),
        "the nearest": (closest(lambda one, other: -(one - other).norm(dim=1)), "bin by bin"),
        "the dot product": (closest(lambda one, other: (one * other).sum(1)), "bin by bin"),
        "the last pair": (lambda h, s, p: ((2, 3), h[2]), "share most"),
    },
    "04.2": {
        "black": (filled(lambda crop, mean: 0), "Black is a colour"),
        "white": (filled(lambda crop, mean: 255), "the mean of that channel"),
        "inside out": (lambda crop, mask, mean: foreground(crop, ~mask, mean), "Inverted"),
        "the crop's own mean": (filled(lambda crop, mean: crop.mean((1, 2))[:, None, None]), "mean of this"),
        "the full crop": (lambda crop, mask, mean: crop, "full crop"),
        "darker inside": (lambda crop, mask, mean: foreground(crop / 2, mask, mean), "stay as they are"),
    },
    "04.3": {
        "positives too": (mined(1.1, -1), "to reject the object"),
        "half-covered ones": (mined(0.5, -1), "clear negative"),
        "above 0 only": (mined(0.2, 0), "those above 0"),
        "only the first": (lambda s, o: mined(0.2, -1)(s, o)[:1], "you say [1]"),
        "only within the margin": (
            lambda s, o: ((o < 0.2) & (s.abs() <= 1)).nonzero()[:, 0],
            "Region 9 is missing",
        ),
    },
    "04.4": {
        "best first": (painted(lambda scores: scores.argsort(descending=True)), "region is below"),
        "all of them": (painted(torch.argsort, lambda score, threshold: True), "-0.2 is not above 0"),
        "threshold forgotten": (
            painted(torch.argsort, lambda score, threshold: score > 0),
            "only the region",
        ),
        "in the order of the list": (painted(lambda scores: torch.arange(len(scores))), "another order"),
        "never two with one score": (sorted_by_tuple, "It stopped with RuntimeError"),
        "never below 0": (
            painted(torch.argsort, lambda score, threshold: score > max(threshold, 0)),
            "may be negative",
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


def test_no_regions_leave_all_background():
    assert paste(torch.zeros(0, 2, 3).bool(), torch.zeros(0), torch.zeros(0), 0.0).tolist() == [[0] * 3] * 2
