"""The checks of notebook 09."""

from collections.abc import Callable, Sequence
from itertools import combinations_with_replacement

import torch
from torch import Tensor

from seglib.course.content.nb09.answers import area, next_image
from seglib.course.lesson import Wrong, first_true, refuse
from seglib.labels import VOID
from seglib.metrics import mean_iou


def check_interval(fn: Callable[[Tensor, int, torch.Generator], tuple[float, float]]) -> str:
    """09.1: images drawn with replacement, matrices added up, 2.5 % left out at both ends."""
    rng = torch.Generator().manual_seed(9)
    sizes = torch.tensor([1] * 5 + [30] * 5)[:, None, None]  # images; the small ones are the good ones
    right = torch.tensor([400, 200, 300, 250, 350, 20, 60, 40, 110, 30])[:, None, None] * torch.eye(3).long()
    counts = (torch.randint(20, 40, (10, 3, 3), generator=rng) + right) * sizes
    low, high = fn(counts, 300, rng)
    draws, whole = torch.randint(10, (20_000, 10), generator=rng), mean_iou(counts.sum(0))
    values, means = _mean_ious(counts[draws].sum(1)), _mean_ious(counts)[draws].mean(1)
    wide, first, last = high - low, *_ends(means)
    width = _ends(values)[1] - _ends(values)[0]
    of_means = abs(low - first) + abs(high - last) < 0.2 * width
    yours = f"your interval is {low:.3f} to {high:.3f}"
    mistakes = {
        "One of the ends is NaN.": wide != wide,
        f"The lower end comes first; yours are {low:.3f} and {high:.3f}.": wide < 0,
        "Every draw gives the same. With replacement, some come twice and some not at all.": wide == 0,
        "That is the mean of the images' own mIoUs. Add the matrices of a draw up: one mIoU.": of_means,
        f"Much too narrow: {yours}. It holds 95 % of the draws, not of their mean.": wide < 0.3 * width,
        f"The mIoU of these images is {whole:.3f}; {yours}.": not low < whole < high,
        f"Too wide: {yours}. Each draw has as many images as there are.": wide > 1.3 * width,
    }
    if why := first_true(mistakes):
        raise Wrong(why)
    _check_a_draw(fn, counts[2:5])
    _check_ends(fn, counts[:2])
    if len({fn(counts, 9, torch.Generator().manual_seed(1)) for _ in range(2)}) == 2:
        raise Wrong("The same generator gave two different intervals: draw with generator=rng.")
    return "Five images are few, and now the reader of your number knows how few."


def _check_a_draw(fn: Callable[[Tensor, int, torch.Generator], tuple[float, float]], counts: Tensor) -> None:
    """Three images and one draw: its mIoU is that of three of them."""
    threes, missing = [*combinations_with_replacement(range(3), 3)], {0, 1, 2}
    known = torch.tensor([mean_iou(counts[list(three)].sum(0)) for three in threes])
    for seed in range(12):
        low, high = fn(counts, 1, torch.Generator().manual_seed(seed))
        if not abs(low - high) < 1e-4:  # also NaN
            raise Wrong(f"One draw has one mIoU, which is both ends; yours are {low:.4f} and {high:.4f}.")
        apart = (known - low).abs()
        if apart.min() > 1e-4:
            why = "which is the mIoU of no three of them. One that comes twice counts twice"
            raise Wrong(f"One draw of three images gave {low:.4f}, {why}.")
        missing -= {*threes[int(apart.argmin())]}
    if missing:
        why = "is in none of twelve draws, each with another generator: draw from all with generator=rng"
        raise Wrong(f"Of three images, number {missing.pop()}, counted from 0, {why}.")


def _check_ends(fn: Callable[[Tensor, int, torch.Generator], tuple[float, float]], counts: Tensor) -> None:
    """Two images and three draws: each draw is one image twice, the other twice, or both."""
    known = [mean_iou(one) for one in (2 * counts[0], counts.sum(0), 2 * counts[1])]
    for seed in range(6):
        low, high = fn(counts, 3, torch.Generator().manual_seed(seed))
        fits = []
        for three in combinations_with_replacement(sorted(known), 3):
            cut = _ends(torch.tensor(three))
            ends = [(three[0], cut[0]), (cut[1], three[2])]  # where it falls between two, or the nearest
            fits.append(all(min(abs(v - w) for w in end) < 1e-4 for v, end in zip((low, high), ends)))
        if not any(fits):
            values = ", ".join(f"{value:.4f}" for value in sorted(known))
            raise Wrong(
                f"Three draws gave values among {values}, and your interval is {low:.4f} to {high:.4f}. 95 % "
                "leaves 2.5 % at each end."
            )


def _ends(values: Tensor) -> list[float]:
    """The middle 95 % of values."""
    return values.quantile(torch.tensor([0.025, 0.975])).tolist()


def check_next_image(fn: Callable[[Sequence[Tensor]], int]) -> str:
    """09.2: the largest mean entropy; sizes differ, and some probabilities are exactly 0."""
    for reason, images in _albums().items():
        got = fn(images)
        if not 0 <= got < len(images):
            raise Wrong(f"There is no image {got} among {len(images)}: they are counted from 0.")
        if got != next_image(images):
            raise Wrong(reason)
    return "It finds what the net does not know. Whether that is worth your minutes, you look and decide."


def _albums() -> dict[str, list[Tensor]]:
    """What is true of the right one -> probabilities of one image or two."""

    def image(*probability: float, size: tuple[int, int] = (4, 6)) -> Tensor:
        return torch.tensor(probability).float()[:, None, None].repeat(1, *size)

    halves, pixel, part, sure = (image(*one) for one in ((1, 0, 0),) * 3 + ((0.98, 0.01, 0.01),))
    halves[:2, :, 3:] = halves[:2, :, 3:].flip(0)
    doubt = torch.tensor([0.4, 0.3, 0.3])[:, None, None]
    pixel[:, :1, :1], part[:, 1:, :3] = doubt, doubt
    return {
        "There is one image, which is number 0.": [sure],
        "The large image has more pixels, but the small one more doubt in each: take the mean.": [
            image(0.4, 0.3, 0.3, size=(2, 3)), image(0.9, 0.05, 0.05, size=(40, 60))],
        "Two classes at 0.5 are the doubtful image here. 0 times log 0 counts as 0, not as NaN.": [
            sure, image(0.5, 0.5, 0)],
        "A net that is certain of each pixel has no doubt, however the classes divide the image.": [
            halves, image(0.8, 0.1, 0.1)],
        "One doubtful pixel among 24 certain ones outweighs an image of doubt: take the mean.": [
            pixel, image(0.8, 0.1, 0.1)],
        "Great doubt in 9 of 24 pixels outweighs a little in all: take the mean of all pixels.": [
            part, image(0.95, 0.025, 0.025)],
        "0.5, 0.5, 0 has less entropy than 0.7, 0.15, 0.15: all three classes count.": [
            image(0.5, 0.5, 0), image(0.7, 0.15, 0.15)],
        "0.5, 0.5, 0 has more entropy than 0.86, 0.07, 0.07: the background counts as well.": [
            image(0.5, 0.5, 0), image(0.86, 0.07, 0.07)],
    }  # fmt: skip


def check_area(fn: Callable[[Tensor, int, float], float]) -> str:
    """09.3: pixels of the class times the area of one pixel."""
    mask = torch.zeros(20, 50, dtype=torch.uint8)
    mask[:4, :5], mask[10:, :4], mask[0, 40:] = 1, 2, VOID
    got = fn(mask, 1, 100.0)
    wanted = area(mask, 1, 100.0)  # 20 pixels of 2 cm: 80 cm²
    mistakes = {
        "A pixel is 2 cm wide *and* 2 cm high: its area is 4 cm².": 40.0,
        "That is the number of pixels. How large is one, where 50 of them are 100 cm?": 20.0,
        "The 100 cm are the width, along which there are 50 pixels; you divided by the height.": 500.0,
        "That is the share of the image as a part of 100; what is its area in cm²?": 2.0,
        "That is mm²; cm² are asked for.": 8000.0,
        "The image is not square: it is 100 x 40 cm.": 200.0,
        "You count all pixels that are not background, also those of another class.": 240.0,
        "You count all pixels that are not background, also those of another class and of void.": 280.0,
        "You divided by the size of a pixel; multiply.": 5.0,
    }
    refuse(got, mistakes)
    twice = fn(mask.repeat_interleave(2, 0).repeat_interleave(2, 1), 1, 100.0)
    tall = torch.zeros(50, 20, dtype=torch.uint8)
    tall[40:, [0, 1, 8, 9]] = 2  # no other class, and two parts
    other, expected = fn(tall, 2, 12.0), area(tall, 2, 12.0)
    if abs(got - wanted) > 1e-3:
        raise Wrong(f"20 pixels, each 2 x 2 cm, are 80 cm²; yours are {got:g}.")
    if abs(twice - wanted) > 1e-3:
        raise Wrong("The same scene with twice as many pixels has the same area.")
    if abs(other - expected) > 1e-3:
        right = "20 columns of 12 cm: 40 pixels of class 2, in two parts, are 14.4 cm²"
        raise Wrong(f"{right}; yours are {other:g}.")
    return "The scale is a measurement too: a ruler in the photograph is worth more than a guess."


def check_repaired(fn: Callable[[Tensor], Tensor]) -> str:
    """09.4: value k is class k - 1, and 0 is void."""
    values = torch.tensor([[0, 1, 1, 2], [3, 3, 1, 0]], dtype=torch.uint8)
    wanted = torch.tensor([[VOID, 0, 0, 1], [2, 2, 0, VOID]])
    got = fn(values)
    if torch.equal(got, wanted):
        others = fn(torch.tensor([[2, 5], [5, 21]], dtype=torch.uint8))
        if others.tolist() != [[1, 4], [4, 20]]:
            raise Wrong(f"Other classes, all labelled: 2, 5, 5, 21 are 1, 4, 4, 20; yours {others.tolist()}.")
        return "Nothing in a mask says what its numbers mean. Only the list of classes does."
    known = wanted != VOID
    first, void = int(got[0, 1]), int(got[0, 0])
    classes_right, void_right = torch.equal(got[known], wanted[known]), (got[~known] == VOID).all()
    what = "neither a class nor void" if void else "background, and a net would learn it"
    becomes = ", ".join(str(int(got[values == value][0])) for value in range(4))
    mistakes = {
        "Nothing has changed: 1, which most pixels have, is still 'animal'.": torch.equal(got, values.long()),
        f"The classes are right, but what nobody labelled is {void}: {what}. Void is 255.": classes_right,
        f"Void is right; but value 1 becomes {first}, and most pixels are background, class 0.": void_right,
    }
    raise Wrong(
        first_true(mistakes, f"Values 0, 1, 2, 3 should become 255, 0, 1, 2; yours become {becomes}.")
    )


def _mean_ious(counts: Tensor) -> Tensor:
    """(N, K, K) -> (N,) mIoU of each."""
    hits = counts.diagonal(dim1=1, dim2=2)
    return (hits / (counts.sum(1) + counts.sum(2) - hits)).mean(1)
