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


def of_all(number, rng):
    return torch.randint(number, (number,), generator=rng)


def drawn(draw=of_all, score=lambda counts: mean_iou(counts.sum(0)), sign=1, paired=True):
    def difference(first, second, rng):
        one = draw(len(first), rng)
        two = one if paired else draw(len(first), rng)
        return sign * (score(first[one]) - score(second[two]))

    return difference


def per_image(counts):
    return sum(map(mean_iou, counts)) / len(counts)


def judged(enlarge, truth_of=lambda mask: mask, step=2):
    def counts(segmenter, image, mask, num_classes):
        pred = segmenter.predict(image[:, ::step, ::step])
        return confusion_matrix(enlarge(pred, mask.shape), truth_of(mask), num_classes)

    return counts


def doubled(pred, size):
    return pred.repeat_interleave(2, 0).repeat_interleave(2, 1)[: size[0], : size[1]]


def tiled(pred, size):
    return pred.repeat(2, 2)[: size[0], : size[1]]


def blended(pred, size):
    return interpolate(pred[None, None].float(), size, mode="bilinear")[0, 0].round().long()


WRONG = {
    "08.1": {
        "by the cheaper": (dominated_if(lambda c, q: c < 0), "is not dominated"),
        "by the better": (dominated_if(lambda c, q: q > 0), "is not dominated"),
        "strict in both": (dominated_if(lambda c, q: c < 0 and q > 0), "is dominated"),
        "strict in quality": (dominated_if(lambda c, q: c <= 0 and q > 0), "is dominated"),
        "equal rows dominate each other": (dominated_if(lambda c, q: c <= 0 and q >= 0), "has an equal"),
        "every row dominates itself": (
            dominated_if(lambda c, q: c <= 0 and q >= 0, lambda rows, i: rows),
            "dominate itself",
        ),
        "only its neighbours": (
            dominated_if(lambda c, q: c <= 0 and q >= 0 and (c, q) != (0, 0), lambda rows, i: rows[i + 1 :]),
            "is dominated",
        ),
        "whether it stays": (lambda i, c, q: not dominated(i, c, q), "Row 0 is not dominated"),
    },
    "08.2": {
        "two draws": (drawn(paired=False), "against itself"),
        "without replacement": (
            drawn(lambda number, rng: torch.randperm(number, generator=rng)),
            "Every draw gives 0.093; all images give 0.093",
        ),
        "a third of the images": (drawn(lambda *given: of_all(*given)[::3]), "as many images as there are"),
        "second minus first": (drawn(sign=-1), "first minus second"),
        "no sign": (lambda *given: abs(drawn()(*given)), "below 0 where second"),
        "in points": (drawn(sign=100), "points of a hundred"),
        "each image once": (drawn(lambda *given: of_all(*given).unique()), "counts twice"),
        "never the last": (drawn(lambda number, rng: of_all(number - 1, rng)), "number 11"),
        "one image": (drawn(lambda *given: of_all(*given)[:1]), "vary"),
        "a mean over images": (drawn(score=per_image), "First add up"),
    },
    "08.3": {
        "as the team": (judged(lambda pred, size: pred, lambda mask: mask[::2, ::2]), "you count"),
        "another camera": (judged(lambda pred, size: pred, step=1), "The camera gives (3, 4)"),
        "a coarse truth": (
            judged(doubled, lambda mask: doubled(mask[::2, ::2], mask.shape)),
            "have a class",
        ),
        "tiles": (judged(tiled), "two rows and two columns"),
        "a column further": (judged(lambda *given: doubled(*given).roll(1, 1)), "beginning at its own"),
        "blended classes": (judged(blended), "two rows and two columns"),
        "truth first": (lambda *given: judged(doubled)(*given).T, "prediction first, then truth"),
        "void as background": (judged(doubled, lambda mask: mask % 255), "have a class"),
    },
}
