"""The checks of notebook 08."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from seglib.course.content.nb08.answers import dominated, fair_counts, one_draw
from seglib.course.lesson import Wrong, first_true
from seglib.metrics import mean_iou

Numbers = Sequence[float]
DRAWS = 150


def check_dominated(fn: Callable[[int, Numbers, Numbers], bool]) -> str:
    """08.1: no dearer, no worse, and not equal."""
    for costs, quality in (
        ([1.0, 2.0, 3.0, 4.0], [0.4, 0.6, 0.5, 0.8]),  # the third
        ([3.0, 1.0, 2.0], [0.7, 0.4, 0.6]),  # none
        ([2.0, 2.0, 1.0], [0.5, 0.6, 0.1]),  # as cheap, and worse
        ([1.0, 3.0, 0.0], [0.5, 0.5, 0.2]),  # as good, and dearer
        ([1.0, 1.0, 5.0], [0.5, 0.5, 0.9]),  # two rows that are equal
    ):
        answers = [fn(i, costs, quality) for i in range(len(costs))]
        for i, found in enumerate(answers):
            if found == dominated(i, costs, quality):
                continue
            twin = costs.count(costs[i]) == quality.count(quality[i]) == 2
            mistakes = {
                "You say that each row is dominated. Does a row dominate itself?": all(answers),
                f"Row {i} is dominated: another row is no dearer, no worse, and not equal.": not found,
                f"Row {i} has an equal, and equal rows do not dominate each other.": twin,
            }
            why = first_true(mistakes, f"Row {i} is not dominated: none is both no dearer and no worse.")
            raise Wrong(f"{why} (costs {costs}, quality {quality})")
    return "Whatever the budget is, the best choice is a row that is not dominated."


def check_one_draw(fn: Callable[[Tensor, Tensor, torch.Generator], float]) -> str:
    """08.2: paired, with replacement, over N images, one mIoU of each sum."""
    rng = torch.Generator().manual_seed(8)
    size = torch.tensor([1] * 6 + [30] * 6)[:, None, None]  # images; the gain is in the small ones
    second = torch.randint(5, 20, (12, 3, 3), generator=rng) * size
    first = second + torch.tensor([60] * 6 + [6] * 6)[:, None, None] * size * torch.eye(3, dtype=torch.long)
    got = _draws(fn, first, second, DRAWS)
    truth = mean_iou(first.sum(0)) - mean_iou(second.sum(0))
    apart = sum(map(mean_iou, first)) / 12 - sum(map(mean_iou, second)) / 12  # the mean over images
    middle, spread, whole = (
        float(got.mean()),
        float(got.std()),
        float(_draws(one_draw, first, second, 2 * DRAWS).std()),
    )
    if abs(middle + truth) < 0.3 * truth or (_draws(fn, second, first, 20) > 0).all():
        raise Wrong("The sign is wrong: first minus second, below 0 where second is better.")
    if spread < 1e-6 and abs(middle - truth) > 1e-6:
        raise Wrong("Every draw is the same, whatever `rng` is: draw with generator=rng, and do not seed it.")
    if spread < 1e-6:
        every = f"Every draw gives {middle:.3f}; all images give {truth:.3f}"
        raise Wrong(f"{every}. With replacement, some images come twice and some not at all.")
    if not torch.equal(_draws(fn, first, second, 5), got[:5]):
        raise Wrong("Called twice with the same `rng`, you draw other images: draw with generator=rng.")
    if _draws(fn, first, first, 20).abs().max() > 1e-9:
        raise Wrong("A segmenter against itself must differ by 0 in every draw: draw once, for both.")
    for image in (0, 11):
        other = first.clone()
        other[image] = second[image]
        if not _draws(fn, first, other, 20).any():
            raise Wrong(f"Of 12 images, number {image}, counted from 0, is never drawn.")
    if abs(middle - 100 * truth) < 30 * truth:
        raise Wrong("That is in points of a hundred: return the difference itself, a part of 1.")
    if abs(middle - apart) < 0.1 * apart and spread < 5 * whole:
        raise Wrong("That is a mean over the images' mIoUs. First add up their matrices, then take one mIoU.")
    if torch.allclose(got, _draws(_once, first, second, DRAWS)):
        raise Wrong("An image that is drawn twice counts twice.")
    if not 0.7 < spread / whole < 1.4:
        right = f"Your differences vary by {spread:.4f}, where {whole:.4f} is right"
        raise Wrong(f"{right}. Each draw has as many images as there are.")
    if abs(middle - truth) > 0.3 * truth:
        raise Wrong(f"Your differences are around {middle:.3f}, but that of all images is {truth:.3f}.")
    _two_images(fn, first[::11], second[::11])
    return "The same images for both: what is hard for both no longer looks like a difference."


def _draws(fn: Callable[..., float], first: Tensor, second: Tensor, number: int) -> Tensor:
    """Differences, each with a generator of its own, for a check hands a copy of its generator."""
    seeds = torch.randint(2**31, (number,), generator=torch.Generator().manual_seed(8)).tolist()
    values = [fn(first, second, torch.Generator().manual_seed(seed)) for seed in seeds]
    return torch.tensor(values, dtype=torch.float64)


def _two_images(fn: Callable[..., float], first: Tensor, second: Tensor) -> None:
    """`Wrong` unless each draw is one image twice, the other twice, or both, and each of them occurs."""
    pairs = zip((*first, first.sum(0)), (*second, second.sum(0)))
    known = torch.tensor([mean_iou(one) - mean_iou(other) for one, other in pairs], dtype=torch.float64)
    got = _draws(fn, first, second, 40)
    apart = (got[:, None] - known).abs()
    if max(apart.amin(0).max(), apart.amin(1).max()) > 1e-4:
        right, yours = (each.round(decimals=4).unique()[:4].tolist() for each in (known, got))
        why = f"Of two images, a draw has one twice, the other twice, or both: {right}. Yours: {yours}"
        raise Wrong(f"{why}. It has as many images as there are, and mIoU is the mean over all classes.")


def _once(first: Tensor, second: Tensor, rng: torch.Generator) -> float:
    """The mistake of one who drops images that were drawn before."""
    drawn = torch.randint(len(first), (len(first),), generator=rng).unique()
    return mean_iou(first[drawn].sum(0)) - mean_iou(second[drawn].sum(0))


def check_fair_counts(fn: Callable[[Any, Tensor, Tensor, int], Tensor]) -> str:
    """08.3: the camera stays, and every pixel of the truth is judged."""
    rng, seen = torch.Generator().manual_seed(3), set[tuple[int, ...]]()

    def look(image: Tensor) -> Tensor:
        seen.add(tuple(image.shape[1:]))
        return image[1].long()

    segmenter = SimpleNamespace(predict=look, name="a test")
    for height, width in ((6, 8), (7, 9)):
        image = torch.randint(0, 3, (3, height, width), generator=rng, dtype=torch.uint8)
        mask, half = image[1].clone(), (-(-height // 2), -(-width // 2))
        mask[0, 0] = 255
        seen.clear()
        got, wanted = (each(segmenter, image, mask, 3) for each in (fn, fair_counts))
        if others := seen - {half}:
            raise Wrong(
                f"The camera gives {half} of {height, width} pixels; your segmenter saw {others.pop()}."
            )
        true, counted = int(wanted.sum()), int(got.sum())
        if true != counted:
            raise Wrong(f"{true} pixels of the truth have a class; you count {counted} of them.")
        if torch.equal(got, wanted.T) and not torch.equal(got, wanted):
            raise Wrong("Rows are true classes and columns predicted ones: prediction first, then truth.")
        if not torch.equal(got, wanted):
            raise Wrong("Each predicted pixel stands for two rows and two columns, beginning at its own.")
    return "A smaller image is a decision, and may pay. A smaller truth is an easier exam."
