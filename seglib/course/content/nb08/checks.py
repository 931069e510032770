"""The checks of notebook 08."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from seglib.course.content.nb08.answers import bootstrap, fair_counts, pareto
from seglib.course.lesson import Wrong
from seglib.metrics import mean_iou

Numbers = Sequence[float]
DRAWS = 150


def check_pareto(fn: Callable[[Numbers, Numbers], Sequence[int]]) -> str:
    """08.1: neither more nor less than the rows that are not dominated, the cheapest first."""
    cases = [
        ([3.0, 1.0, 2.0], [0.7, 0.4, 0.6]),  # all three
        ([1.0, 2.0, 3.0, 4.0], [0.4, 0.6, 0.5, 0.8]),  # the third is dominated
        ([2.0, 2.0, 1.0], [0.5, 0.6, 0.1]),  # as cheap, and worse
        ([1.0, 3.0, 0.0], [0.5, 0.5, 0.2]),  # as good, and dearer
        ([1.0, 1.0, 5.0], [0.5, 0.5, 0.9]),  # two rows that are equal
    ]
    for costs, quality in cases:
        found, wanted = fn(costs, quality), pareto(costs, quality)
        if found == wanted or (sorted(found) == sorted(wanted) and costs == cases[-1][0]):
            continue
        case = f"costs {costs}, quality {quality}"
        if sorted(found) == sorted(wanted):
            raise Wrong(f"The right rows, in another order: the cheapest comes first. ({case})")
        if extra := [index for index in found if index not in wanted]:
            if extra[0] not in range(len(costs)):
                raise Wrong(f"Row {extra[0]} does not exist: there are {len(costs)}, counted from 0.")
            raise Wrong(
                f"Row {extra[0]} is dominated: another one is no dearer, no worse, and not equal. ({case})"
            )
        lost = next(index for index in wanted if index not in found)
        if costs == cases[-1][0]:
            raise Wrong(f"Row {lost} is missing. Equal rows do not dominate each other: both stay. ({case})")
        raise Wrong(f"Row {lost} is missing, but no row is both no dearer and no worse than it. ({case})")
    return "Whatever the budget is, the best choice is on this list. Nothing outside of it ever is."


def check_bootstrap(fn: Callable[[Tensor, Tensor, int, torch.Generator], Tensor]) -> str:
    """08.2: paired, with replacement, over N images, one mIoU of each sum."""
    rng = torch.Generator().manual_seed(8)
    size = torch.tensor([1] * 6 + [30] * 6)[:, None, None]  # images; the gain is in the small ones
    second = torch.randint(5, 20, (12, 3, 3), generator=rng) * size
    first = second + torch.tensor([60] * 6 + [6] * 6)[:, None, None] * size * torch.eye(3, dtype=torch.long)
    got = fn(first, second, DRAWS, rng)
    truth = mean_iou(first.sum(0)) - mean_iou(second.sum(0))
    middle, spread = float(got.double().mean()), float(got.double().std())
    if abs(middle + truth) < 0.3 * truth:
        raise Wrong("The sign is wrong: first minus second.")
    if spread < 1e-6:
        raise Wrong(
            "Every draw gives the same. With replacement, some images come twice and some not at all."
        )
    if not torch.equal(fn(first, second, 5, rng), fn(first, second, 5, rng)):  # the check's `rng` is copied
        raise Wrong("Called twice with the same `rng`, you draw other images: draw with generator=rng.")
    if fn(first, first, 20, rng).abs().max() > 1e-9:
        raise Wrong("A segmenter against itself must differ by 0 in every draw: draw once, for both.")
    if abs(middle - truth) > 0.3 * truth:
        raise Wrong(f"Your differences are around {middle:.3f}, but that of all images is {truth:.3f}.")
    whole = float(bootstrap(first, second, 2 * DRAWS, rng).double().std())
    if not 0.8 < spread / whole < 1.25:
        raise Wrong(
            f"Your differences vary by {spread:.4f}, where {whole:.4f} is right. Each draw has as many "
            "images as there are, and their matrices are added up before the mIoU."
        )
    return "The same images for both: what is hard for both no longer looks like a difference."


def check_fair_counts(fn: Callable[[Any, Tensor, Tensor, int], Tensor]) -> str:
    """08.3: the camera stays, and every pixel of the truth is judged."""
    rng = torch.Generator().manual_seed(3)
    for height, width in ((6, 8), (7, 9)):
        image = torch.randint(0, 3, (3, height, width), generator=rng, dtype=torch.uint8)
        mask = image[1].clone()
        seen: list[tuple[int, ...]] = []
        mask[0, 0] = 255

        def look(image: Tensor, seen: list[tuple[int, ...]] = seen) -> Tensor:
            seen.append(tuple(image.shape[1:]))
            return image[1].long()

        half, segmenter = (-(-height // 2), -(-width // 2)), SimpleNamespace(predict=look, name="a test")
        got, wanted = (each(segmenter, image, mask, 3) for each in (fn, fair_counts))
        if set(seen) != {half}:
            raise Wrong(f"The camera gives it {half} of {(height, width)} pixels; your segmenter saw {seen}.")
        if got.sum() != wanted.sum():
            raise Wrong(
                f"{int(wanted.sum())} pixels of the truth have a class; you count {int(got.sum())} of them."
            )
        if torch.equal(got, wanted):
            continue
        if torch.equal(got, wanted.T):
            raise Wrong("Rows are true classes and columns predicted ones: prediction first, then truth.")
        raise Wrong("Each predicted pixel stands for two rows and two columns, beginning at its own.")
    return "A smaller image is a decision, and may pay. A smaller truth is an easier exam."
