"""The checks of notebook 08."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from seglib.course.board import Row
from seglib.course.content.nb08.answers import fair_counts, pareto
from seglib.course.lesson import Wrong
from seglib.metrics import confusion_matrix, mean_iou

Numbers = Sequence[float]


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
        got, wanted = fn(costs, quality), pareto(costs, quality)
        found = [value.item() if hasattr(value, "item") else value for value in got]
        if strange := [value for value in found if isinstance(value, bool) or not isinstance(value, int)]:
            raise Wrong(f"Return the indices of the rows, such as [0, 2]; yours holds {strange[0]!r}.")
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


def check_choose(fn: Callable[[Sequence[Row], float, float], str]) -> str:
    """08.2: both limits, inclusive, then the highest mIoU, by name."""
    facts = [
        ("lazy", 0.1, 0.0, 0.0), ("slow", 0.9, 2.0, 5.0), ("dear", 0.8, 0.1, 90.0),
        ("plain", 0.6, 0.2, 10.0), ("poor", 0.3, 0.05, 5.0),
    ]  # fmt: skip
    rows = [_row(name, *numbers) for name, *numbers in facts]
    cases = {
        (0.5, 20.0): ("plain", {"slow": "seconds", "dear": "minutes"}),
        (5.0, 200.0): ("slow", {}),
        (0.2, 10.0): ("plain", {}),  # exactly at both limits
        (0.01, 1.0): ("lazy", {}),
    }
    for (seconds, minutes), (wanted, over) in cases.items():
        got = fn(rows, seconds, minutes)
        if isinstance(got, Row):
            raise Wrong("That is the whole row; its name is asked for.")
        if got == wanted:
            continue
        asked = f"At most {seconds:g} s and {minutes:g} minutes"
        if got in over:
            raise Wrong(f"{asked}: {got!r} needs more {over[got]} than that. Both limits hold.")
        if (seconds, minutes) == (0.2, 10.0):
            raise Wrong(f"{asked}: 'plain' needs exactly that, so it is within the limits.")
        if got in [row.name for row in rows]:
            raise Wrong(f"{asked}: {got!r} is not the best by mIoU of those within both limits.")
        raise Wrong(f"{asked}: I expect the name of a row, and got {got!r}.")
    return "A leaderboard has no winner. A budget has one."


def _row(name: str, miou: float, seconds: float, minutes: float) -> Row:
    return Row(name, "fcn", miou, 0.5, 0.5, 60.0, seconds, 1, 1, minutes)


def check_bootstrap(fn: Callable[[Tensor, Tensor, int, torch.Generator], Tensor]) -> str:
    """08.3: paired, with replacement, over N images, one mIoU of each sum."""
    rng = torch.Generator().manual_seed(8)
    size = torch.tensor([1] * 6 + [30] * 6)[:, None, None]  # images; the gain is in the small ones
    second = torch.randint(5, 20, (12, 3, 3), generator=rng) * size
    first = second + torch.tensor([60] * 6 + [6] * 6)[:, None, None] * size * torch.eye(3, dtype=torch.long)
    got = torch.as_tensor(fn(first, second, 300, rng)).double()
    if got.shape != (300,):
        raise Wrong(f"300 draws give 300 differences; yours has the shape {tuple(got.shape)}.")
    truth = mean_iou(first.sum(0)) - mean_iou(second.sum(0))
    middle, spread = float(got.mean()), float(got.std())
    if abs(middle + truth) < 0.3 * truth:
        raise Wrong("The sign is wrong: first minus second.")
    if spread < 1e-6:
        raise Wrong(
            "Every draw gives the same. With replacement, some images come twice and some not at all."
        )
    same = torch.as_tensor(fn(first, first, 20, rng)).double()
    if same.abs().max() > 1e-9:
        raise Wrong("A segmenter against itself must differ by 0 in every draw: draw once, for both.")
    whole = _spread(first, second, 12, rng)
    if abs(middle - truth) > 0.3 * truth:
        raise Wrong(f"Your differences are around {middle:.3f}, but that of all images is {truth:.3f}.")
    if not 0.8 < spread / whole < 1.25:
        raise Wrong(
            f"Your differences vary by {spread:.4f}, where {whole:.4f} is right. Each draw has as many "
            "images as there are, and their matrices are added up before the mIoU."
        )
    return "The same images for both: what is hard for both no longer looks like a difference."


def _spread(first: Tensor, second: Tensor, size: int, rng: torch.Generator) -> float:
    draws = torch.randint(len(first), (2000, size), generator=rng)
    return float(torch.tensor([mean_iou(first[d].sum(0)) - mean_iou(second[d].sum(0)) for d in draws]).std())


def check_fair_counts(fn: Callable[[Any, Tensor, Tensor, int], Tensor]) -> str:
    """08.4: the camera stays, and every pixel of the truth is judged."""
    rng = torch.Generator().manual_seed(3)
    for height, width in ((6, 8), (7, 9)):
        image = torch.randint(0, 3, (3, height, width), generator=rng, dtype=torch.uint8)
        mask = image[1].clone()
        mask[0, 0], seen = 255, []

        def look(image: Tensor, seen: list[tuple[int, ...]] = seen) -> Tensor:
            seen.append(tuple(image.shape[1:]))
            return image[1].long()

        got = torch.as_tensor(fn(SimpleNamespace(predict=look, name="a test"), image, mask, 3))
        wanted, half = (
            fair_counts(SimpleNamespace(predict=look), image, mask, 3),
            (-(-height // 2), -(-width // 2)),
        )
        if seen[0] != half:
            raise Wrong(
                f"The segmenter saw {seen[0]} pixels of {(height, width)}. The camera gives it {half}."
            )
        if got.shape != (3, 3):
            raise Wrong(f"Return a confusion matrix, (3, 3); yours has the shape {tuple(got.shape)}.")
        if got.sum() != wanted.sum():
            raise Wrong(
                f"{int(wanted.sum())} pixels of the truth have a class; you count {int(got.sum())} of them."
            )
        if torch.equal(got.long(), wanted):
            continue
        if torch.equal(got.long(), wanted.T):
            raise Wrong("Rows are true classes and columns predicted ones: prediction first, then truth.")
        small = confusion_matrix(image[1, ::2, ::2].long(), mask[::2, ::2], 3)
        if got.diagonal().sum() >= 4 * small.diagonal().sum() - 4:
            raise Wrong(
                "Nearly every pixel is right, which this camera cannot do: is the truth still the whole one?"
            )
        raise Wrong("Each predicted pixel stands for two rows and two columns, beginning at its own.")
    return "A smaller image is a decision, and may pay. A smaller truth is an easier exam."
