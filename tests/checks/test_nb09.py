"""Wrong answers to the exercises of notebook 09, and the words each must be told."""

import torch

from seglib.course.content.nb09.answers import area, interval, next_image, repaired
from seglib.metrics import mean_iou


def ends(values, low=0.025, high=0.975):
    values = torch.as_tensor(values)
    return values.quantile(low).item(), values.quantile(high).item()


def of_all(number, rng):
    return torch.randint(number, (number,), generator=rng)


def drawn(draw=of_all, score=lambda counts: mean_iou(counts.sum(0)), of=ends):
    def interval(counts, draws, rng):
        return of([score(counts[draw(len(counts), rng)]) for _ in range(draws)])

    return interval


def per_image(counts):
    return sum(map(mean_iou, counts)) / len(counts)


def of_the_mean(values):
    values = torch.tensor(values)
    error = 1.96 * values.std() / len(values) ** 0.5
    return values.mean() - error, values.mean() + error


def by(score, pick=max):
    def next_one(probabilities):
        values = [float(score(one)) for one in probabilities]
        return pick(range(len(values)), key=lambda index: values[index])

    return next_one


def entropy(one):
    return torch.special.entr(one).sum(0)


def mapped(*table):
    return lambda values: torch.tensor(table)[values.long()]


WRONG = {
    "09.1": {
        "without replacement": (drawn(lambda n, rng: torch.randperm(n, generator=rng)), "Every draw gives"),
        "a mean over images": (drawn(score=per_image), "mean of the images' own"),
        "half as many": (drawn(lambda *given: of_all(*given)[::2]), "as many images as there are"),
        "another generator": (drawn(lambda n, rng: torch.randint(n, (n,))), "draw with generator=rng"),
        "5 % at each end": (drawn(of=lambda v: ends(v, 0.05, 0.95)), "leaves 2.5 % at each end"),
        "the interval of the mean": (drawn(of=of_the_mean), "Much too narrow"),
        "the upper end first": (lambda *a: interval(*a)[::-1], "lower end comes first"),
        "in per cent": (lambda *a: tuple(100 * one for one in interval(*a)), "mIoU of these images is"),
    },
    "09.2": {
        "the sum over pixels": (by(lambda one: entropy(one).sum()), "take the mean"),
        "the most certain": (by(lambda one: entropy(one).mean(), min), "more doubt in each"),
        "NaN where a probability is 0": (
            by(lambda one: -(one * one.log()).sum(0).mean()),
            "0 times log 0 counts as 0",
        ),
        "the entropy of the mean": (
            by(lambda one: torch.special.entr(one.mean((1, 2))).sum()),
            "certain of each",
        ),
        "the largest entropy": (by(lambda one: entropy(one).max()), "One doubtful pixel"),
        "the largest probability": (by(lambda one: 1 - one.max(0).values.mean()), "all three classes count"),
        "the entropy": (
            lambda images: max(entropy(one).mean().item() for one in images),
            "should return a whole number",
        ),
        "from 1": (lambda images: next_image(images) + 1, "counted from 0"),
    },
    "09.3": {
        "a pixel has no height": (lambda m, k, w: area(m, k, w) * m.shape[1] / w, "2 cm high"),
        "pixels": (lambda m, k, w: float((m == k).sum()), "number of pixels"),
        "by the height": (lambda m, k, w: area(m, k, w * m.shape[1] / m.shape[0]), "divided by the height"),
        "the share": (lambda m, k, w: float((m == k).float().mean()) * 100, "share of the image"),
        "a square image": (lambda m, k, w: float((m == k).float().mean()) * w * w, "not square"),
        "mm²": (lambda m, k, w: 100 * area(m, k, w), "mm²"),
        "all but background": (lambda m, k, w: area(m > 0, True, w), "not background"),
        "all but background and void": (
            lambda m, k, w: area((m > 0) & (m < 255), True, w),
            "also those of another class.",
        ),
        "divided": (lambda m, k, w: float((m == k).sum()) / (w / m.shape[1]) ** 2, "multiply"),
        "always class 1": (lambda m, k, w: area(m, 1, w), "Use the index"),
    },
    "09.4": {
        "as it is": (mapped(0, 1, 2, 3), "Nothing has changed"),
        "clamped": (mapped(0, 0, 1, 2), "a net would learn it"),
        "minus one": (lambda values: values.long() - 1, "neither a class nor void"),
        "only void": (mapped(255, 1, 2, 3), "Void is right"),
        "reversed": (mapped(255, 2, 1, 0), "Void is right"),
        "plus one": (mapped(1, 2, 3, 4), "should become 255, 0, 1, 2"),
        "flat": (lambda values: repaired(values).flatten(), "of shape (2, 4)"),
    },
}
