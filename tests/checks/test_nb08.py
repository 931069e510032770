"""Wrong answers to the exercises of notebook 08, and the words each must be told."""

import torch
from torch.nn.functional import interpolate

from seglib.course.content.nb08.answers import pareto
from seglib.metrics import confusion_matrix, mean_iou


def front_if(dominated):
    def front(costs, quality):
        rows = range(len(costs))
        kept = [i for i in rows if not any(dominated(costs, quality, i, j) for j in rows if j != i)]
        return sorted(kept, key=lambda i: costs[i])

    return front


def best_only(costs, quality):
    return [max(range(len(costs)), key=lambda i: quality[i])]


def drawn(draw, score=lambda counts: mean_iou(counts.sum(0)), sign=1):
    def differences(first, second, draws, rng):
        found = []
        for _ in range(draws):
            one, two = draw(len(first), rng)
            found.append(sign * (score(first[one]) - score(second[two])))
        return torch.tensor(found)

    return differences


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
        "the best alone": (best_only, "Row 1 is missing"),
        "dominated by the cheaper": (front_if(lambda c, q, i, j: c[j] < c[i]), "is missing"),
        "strict in both": (front_if(lambda c, q, i, j: c[j] < c[i] and q[j] > q[i]), "is dominated"),
        "equal rows drop each other": (
            front_if(lambda c, q, i, j: c[j] <= c[i] and q[j] >= q[i]), "Equal rows do not dominate",
        ),
        "the dearest first": (lambda c, q: pareto(c, q)[::-1], "cheapest comes first"),
        "from 1": (lambda c, q: [i + 1 for i in pareto(c, q)], "counted from 0"),
    },
    "08.2": {
        "two draws": (drawn(unpaired), "against itself"),
        "without replacement": (drawn(without_replacement), "Every draw gives the same"),
        "a third of the images": (drawn(few), "as many images as there are"),
        "second minus first": (drawn(paired, sign=-1), "first minus second"),
        "in points": (drawn(paired, sign=100), "that of all images"),
        "a mean over images": (drawn(paired, per_image), "that of all images"),
    },
    "08.3": {
        "as the team": (judged(small, lambda mask: mask[::2, ::2]), "you count"),
        "another camera": (judged(full), "The camera gives it"),
        "a coarse truth": (judged(doubled, coarse), "have a class"),
        "tiles": (judged(tiled), "two rows and two columns"),
        "a column further": (judged(shifted), "beginning at its own"),
        "blended classes": (judged(blended), "two rows and two columns"),
        "truth first": (transposed, "prediction first, then truth"),
        "void as background": (void_as_background, "have a class"),
    },
}  # fmt: skip
