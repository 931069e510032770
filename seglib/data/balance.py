"""How much there is of each class: pixels, pictures and objects, counted once and kept picture by picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seglib.data.dataset import SegmentationDataset
from seglib.data.measure import Measure, measure
from seglib.data.tally import tally
from seglib.labels import Classes
from seglib.tables import Table

Unit = Literal["pixels", "images", "objects"]


@dataclass(frozen=True)
class Counts:
    """What each picture of a data set holds of each class; everything else here is a sum over it.

    Attributes:
        classes: K classes.
        pixels: (N, K + 1) int64, pixels of each class in each picture, void last.
        objects: (N, K) int64, single objects of each class in each picture; None where the data set does not
            know objects. They are not guessed from connected regions: two touching fish would be one, and a
            fish behind a leaf two.
    """

    classes: Classes
    pixels: Tensor
    objects: Tensor | None = None

    def __post_init__(self) -> None:
        if self.pixels.ndim != 2 or self.pixels.shape[1] != len(self.classes) + 1:
            raise ValueError(
                f"pixels is {tuple(self.pixels.shape)}; for {len(self.classes)} classes it must be"
                f" (N, {len(self.classes) + 1}), void last"
            )
        if self.objects is not None and self.objects.shape != self.pixels[:, :-1].shape:
            raise ValueError(
                f"objects is {tuple(self.objects.shape)}; it must be {tuple(self.pixels[:, :-1].shape)}"
            )

    def __len__(self) -> int:
        """N, how many pictures were counted."""
        return len(self.pixels)

    def of(self, unit: Unit) -> Tensor:
        """(N, K) int64: pixels, objects, or 1 where the picture contains the class; void is left out.

        Raises:
            ValueError: another unit, or "objects" of a data set that does not know them.
        """
        if unit not in get_args(Unit):
            raise ValueError(f"unit must be one of {', '.join(map(repr, get_args(Unit)))}, got {unit!r}")
        if unit == "objects" and self.objects is None:
            raise ValueError("this data set does not know single objects; count 'pixels' or 'images'")
        if unit == "images":
            return (self.pixels[:, :-1] > 0).long()
        return self.pixels[:, :-1] if self.objects is None or unit == "pixels" else self.objects

    def total(self, unit: Unit = "pixels") -> Tensor:
        """(K,) int64: of each class, its pixels, the pictures that contain it, or its objects."""
        return self.of(unit).sum(dim=0)

    def shares(self, unit: Unit = "pixels") -> Tensor:
        """(K,) float64 that sums to 1: each class's part of the total; of pixels, void is no part.

        Raises:
            ValueError: nothing was counted but void.
        """
        total = self.total(unit).double()
        if not total.sum():
            raise ValueError(f"there are no {unit} of any class in these {len(self)} pictures")
        return total / total.sum()

    @property
    def void(self) -> float:
        """The share of all pixels that is void, 0..1."""
        return (self.pixels[:, -1].sum() / self.pixels.sum().double()).item()

    @property
    def pixels_around(self) -> Tensor:
        """(K,) int64: all pixels but void of the pictures that contain each class (median frequency's)."""
        known = self.pixels[:, :-1].sum(dim=1)  # (N,)
        return (self.of("images") * known[:, None]).sum(dim=0)

    @property
    def together(self) -> Tensor:
        """(K, K) int64: how many pictures contain both classes; on the diagonal, those that contain one."""
        present = self.of("images").double()  # exact below 2 ** 53, and a matrix product that is fast
        return (present.T @ present).long()

    def subset(self, indices: Sequence[int] | Tensor) -> Counts:
        """The counts of some of the pictures, in that order; a picture may come more than once."""
        chosen = torch.as_tensor(indices, dtype=torch.long)
        return Counts(
            self.classes, self.pixels[chosen], None if self.objects is None else self.objects[chosen]
        )

    def table(self) -> Table:
        """Pixels, pictures and objects of each class, with their shares."""
        units: list[Unit] = ["pixels", "images"] if self.objects is None else ["pixels", "images", "objects"]
        totals = [self.total(unit).tolist() for unit in units]
        sums = [self.pixels[:, :-1].sum().item(), len(self), *(sum(t) for t in totals[2:])]
        rows = [
            [name, *(cell for n, of in zip(counts, sums) for cell in (f"{n:,}", _percent(n, of)))]
            for name, *counts in zip(self.classes, *totals)
        ]
        return Table(
            f"{len(self)} pictures, {len(self.classes)} classes",
            ["", *(heading for unit in units for heading in (unit, "%"))],
            rows,
            f"Void is {100 * self.void:.1f} % of all pixels; it is no part of the percentages.",
        )

    def __str__(self) -> str:
        """The table as text."""
        return str(self.table())

    def _repr_html_(self) -> str:
        """The table in a notebook."""
        return self.table()._repr_html_()


def count(dataset: SegmentationDataset, *, jobs: int | None = None) -> Counts:
    """Count the pixels, pictures and objects of each class, picture by picture.

    Only masks are read where masks are files. What was counted is kept on this machine and found again by
    content: a mask that changed is counted anew, and a run that was stopped goes on where it was.

    Args:
        dataset: any data set.
        jobs: processes; None decides by the work there is. `joblib.parallel_config` names another backend.

    Returns:
        Counts; print them. They take 8 (2 K + 1) bytes a picture, and counting takes no more than that.

    Raises:
        ValueError: the data set is empty, or a mask is damaged or holds a value that is no class.

    Example:
        >>> from seglib.data.catalog import load
        >>> counts = count(load("photo"))
        >>> counts.total("objects")[counts.classes.index("person")]
        tensor(7)
    """
    if not len(dataset):
        raise ValueError(f"{dataset.name} {dataset.split} has no pictures; there is nothing to count")
    width = 2 * len(dataset.classes) + 1
    rows = measure(
        dataset,
        Measure(_row, "counts", "mask", width),
        jobs=jobs,
        label=f"Counting {dataset.name} {dataset.split}",
    )
    pixels, objects = np.split(rows, [len(dataset.classes) + 1], axis=1)
    known = not np.isnan(objects).any()
    return Counts(dataset.classes, _whole(pixels), _whole(objects) if known else None)


def _row(dataset: SegmentationDataset, index: int) -> NDArray[np.float64]:
    """Pixels and objects of one sample in a row; NaN where objects are not known."""
    pixels, objects = tally(dataset, index)
    unknown = np.full(len(pixels) - 1, np.nan)
    return np.concatenate([pixels, unknown if objects is None else objects], dtype=np.float64)


def _whole(numbers: NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(numbers.astype(np.int64))


def _percent(part: int, whole: int) -> str:
    """'0.52': two digits where one would hide a rare class."""
    share = 100 * part / whole if whole else 0
    return f"{share:.1f}" if share >= 1 or not share else f"{share:.2f}"
