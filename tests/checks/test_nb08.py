"""Wrong answers to the exercises of notebook 08, and the words each must be told."""

import torch
from torch.nn.functional import interpolate

from seglib.course.content.nb08.answers import dominated
from seglib.metrics import confusion_matrix, mean_iou


def dominated_if(beats, others=lambda rows, i: [j for j in rows if j != i]):
    def dominated(i, costs, quality):
        rows = range(len(costs))
        return any(beats(costs[j] - costs[i], quality[j] - quality[i]) for j in others(rows, i))

    return dominated


def drawn(draw, score=lambda counts: mean_iou(counts.sum(0)), sign=1):
    def difference(first, second, rng):
        one, two = draw(len(first), rng)
        return sign * (score(first[one]) - score(second[two]))

    return difference


def paired(number, rng):
    return (torch.randint(number, (number,), generator=rng),) * 2


def unpaired(number, rng):
    return paired(number, rng)[0], paired(number, rng)[0]


def without_replacement(number, rng):
    return (torch.randperm(number, generator=rng),) * 2


def few(number, rng):
    return (torch.randint(number, (number // 3,), generator=rng),) * 2


def per_image(counts):
    return sum(mean_iou(one) for one in counts) / len(counts)


def judged(pred_of, truth_of=lambda mask: mask):
    def counts(segmenter, image, mask, num_classes):
        return confusion_matrix(pred_of(segmenter, image, mask), truth_of(mask), num_classes)

    return counts


def small(segmenter, image, mask):
    return segmenter.predict(image[:, ::2, ::2])


def full(segmenter, image, mask):
    return segmenter.predict(image)


def doubled(segmenter, image, mask):
    twice = small(segmenter, image, mask).repeat_interleave(2, 0).repeat_interleave(2, 1)
    return twice[: mask.shape[0], : mask.shape[1]]


def tiled(segmenter, image, mask):
    return small(segmenter, image, mask).repeat(2, 2)[: mask.shape[0], : mask.shape[1]]


def shifted(segmenter, image, mask):
    return doubled(segmenter, image, mask).roll(1, 1)


def blended(segmenter, image, mask):
    pred = small(segmenter, image, mask)[None, None].float()
    return interpolate(pred, mask.shape, mode="bilinear")[0, 0].round().long()


def coarse(mask):
    return mask[::2, ::2].repeat_interleave(2, 0).repeat_interleave(2, 1)[: mask.shape[0], : mask.shape[1]]


def transposed(segmenter, image, mask, num_classes):
    return judged(doubled)(segmenter, image, mask, num_classes).T


def void_as_background(segmenter, image, mask, num_classes):
    return judged(doubled)(segmenter, image, torch.where(mask == 255, 0, mask), num_classes)


WRONG = {
    "08.1": {
        "by the cheaper": (dominated_if(lambda c, q: c < 0), "is not dominated"),
        "by the better": (dominated_if(lambda c, q: q > 0), "is not dominated"),
        "strict in both": (dominated_if(lambda c, q: c < 0 and q > 0), "is dominated"),
        "strict in quality": (dominated_if(lambda c, q: c <= 0 and q > 0), "is dominated"),
        "equal rows dominate each other": (dominated_if(lambda c, q: c <= 0 and q >= 0), "has an equal"),
        "every row dominates itself": (
            dominated_if(lambda c, q: c <= 0 and q >= 0, lambda rows, i: rows), "dominate itself",
        ),
        "only its neighbours": (
            dominated_if(lambda c, q: c <= 0 and q >= 0 and (c, q) != (0, 0), lambda rows, i: rows[i + 1 :]),
            "is dominated",
        ),
        "whether it stays": (lambda i, c, q: not dominated(i, c, q), "Row 0 is not dominated"),
    },
    "08.2": {
        "two draws": (drawn(unpaired), "against itself"),
        "without replacement": (drawn(without_replacement), "Every draw gives 0.093; all images give 0.093"),
        "a third of the images": (drawn(few), "as many images as there are"),
        "second minus first": (drawn(paired, sign=-1), "first minus second"),
        "no sign": (lambda *given: abs(drawn(paired)(*given)), "below 0 where second"),
        "in points": (drawn(paired, sign=100), "points of a hundred"),
        "each image once": (drawn(lambda *given: (paired(*given)[0].unique(),) * 2), "counts twice"),
        "never the last": (drawn(lambda number, rng: paired(number - 1, rng)), "number 11"),
        "one image": (drawn(lambda number, rng: (torch.randint(number, (1,), generator=rng),) * 2), "vary"),
        "a mean over images": (drawn(paired, per_image), "First add up"),
    },
    "08.3": {
        "as the team": (judged(small, lambda mask: mask[::2, ::2]), "you count"),
        "another camera": (judged(full), "The camera gives (3, 4)"),
        "a coarse truth": (judged(doubled, coarse), "have a class"),
        "tiles": (judged(tiled), "two rows and two columns"),
        "a column further": (judged(shifted), "beginning at its own"),
        "blended classes": (judged(blended), "two rows and two columns"),
        "truth first": (transposed, "prediction first, then truth"),
        "void as background": (void_as_background, "have a class"),
    },
}  # fmt: skip
