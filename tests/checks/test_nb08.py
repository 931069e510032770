"""Wrong answers to the exercises of notebook 08, and the words each must be told."""

import numpy as np

from seglib.course.checks import judge
from seglib.course.content.nb08.answers import dominated, fair_counts, one_draw
from tests.mutation import edited

ALL = "torch.randint(len(first), (len(first),), generator=rng)"
STRICT = " and (cost < costs[i] or good > quality[i])"
DOUBLED = "pred.repeat_interleave(2, dim=0).repeat_interleave(2, dim=1)[:height, :width]"


def dominated_if(rule):
    return edited(dominated, f"cost <= costs[i] and good >= quality[i]{STRICT}", rule)


def drawn(indices):
    return edited(one_draw, ALL, indices)


def measured(measure):
    """Another measure than the mean of the IoUs of all classes."""
    sums = [f'mean_iou({name}[drawn].sum(0), "truth")' for name in ("first", "second")]
    new = [f"metrics.{measure.format(f'{name}[drawn].sum(0)')}" for name in ("first", "second")]
    return edited(one_draw, "drawn = ", "from seglib import metrics; drawn = ", *sum(zip(sums, new), ()))


def score_of(counts):
    return (
        f'mean_iou({counts}[drawn].sum(0), "truth")',
        f"sum(map(mean_iou, {counts}[drawn])) / len({counts})",
    )


def enlarged(pred):
    return edited(fair_counts, DOUBLED, pred)


WRONG = {
    "08.1": {
        "by the cheaper": (dominated_if("cost < costs[i]"), "is not dominated"),
        "by the better": (dominated_if("good > quality[i]"), "is not dominated"),
        "strict in both": (dominated_if("cost < costs[i] and good > quality[i]"), "is dominated"),
        "strict in quality": (dominated_if("cost <= costs[i] and good > quality[i]"), "is dominated"),
        "equal rows dominate each other": (
            edited(dominated, "cost, good in zip(", "j, cost, good in zip(range(9), ", STRICT, " and j != i"),
            "has an equal",
        ),
        "every row dominates itself": (edited(dominated, STRICT, ""), "dominate itself"),
        "only its neighbours": (
            edited(dominated, "zip(costs, quality)", "zip(costs[i + 1 :], quality[i + 1 :])"),
            "is dominated",
        ),
        "whether it stays": (lambda i, c, q: not dominated(i, c, q), "Row 0 is not dominated"),
    },
    "08.2": {
        "two draws": (edited(one_draw, "second[drawn]", f"second[{ALL}]"), "against itself"),
        "without replacement": (
            drawn("torch.randperm(len(first), generator=rng)"),
            "Every draw gives 0.093; all images give 0.093",
        ),
        "a third of the images": (drawn(f"{ALL}[::3]"), "as many images as there are"),
        "second minus first": (lambda *given: -one_draw(*given), "first minus second"),
        "no sign": (lambda *given: abs(one_draw(*given)), "below 0 where second"),
        "in points": (lambda *given: 100 * one_draw(*given), "points of a hundred"),
        "each image once": (drawn(f"{ALL}.unique()"), "counts twice"),
        "never the last": (edited(one_draw, "randint(len(first)", "randint(len(first) - 1"), "number 11"),
        "one image": (drawn(f"{ALL}[:1]"), "vary"),
        "a mean over images": (
            edited(one_draw, *score_of("first"), *score_of("second")),
            "First add up",
        ),
        "another generator": (edited(one_draw, ", generator=rng", ""), "draw with generator=rng"),
        "Dice": (measured("dice({}).mean()"), "but that of all images is"),
        "IoU by the pixels of each class": (measured("frequency_weighted_iou({})"), "Of two images"),
        "one image less": (edited(one_draw, "(len(first),)", "(len(first) - 1,)"), "Of two images"),
        "three digits": (lambda *given: round(one_draw(*given), 3), "Of two images"),
        "a seed of its own": (
            lambda first, second, rng: one_draw(first, second, rng.manual_seed(0)),
            "do not seed it",
        ),
        "IoU of the objects": (measured("iou({})[1:].mean()"), "mean over all classes"),
        "IoU of the background": (measured("iou({})[:1].mean()"), "mean over all classes"),
    },
    "08.3": {
        "as the team": (edited(fair_counts, "enlarged, mask", "pred, mask[::2, ::2]"), "you count"),
        "another camera": (edited(fair_counts, "image[:, ::2, ::2]", "image"), "The camera gives (3, 4)"),
        "a coarse truth": (
            edited(fair_counts, "enlarged, mask", f"enlarged, {DOUBLED.replace('pred', 'mask[::2, ::2]')}"),
            "have a class",
        ),
        "tiles": (enlarged("pred.repeat(2, 2)[:height, :width]"), "two rows and two columns"),
        "a column further": (enlarged(f"{DOUBLED}.roll(1, 1)"), "beginning at its own"),
        "blended classes": (
            enlarged(
                "torch.nn.functional.interpolate(pred[None, None].float(), mask.shape, mode='bilinear')"
                "[0, 0].round().long()"
            ),
            "two rows and two columns",
        ),
        "truth first": (lambda *given: fair_counts(*given).T, "prediction first, then truth"),
        "void as background": (edited(fair_counts, "enlarged, mask", "enlarged, mask % 255"), "have a class"),
    },
}


def test_a_difference_from_numpy_is_judged():
    assert judge("08.2", lambda *given: np.float64(one_draw(*given))).state == "right"
