"""How much there is of each class: pixels, images and objects, counted once and kept image by image."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seglib import cache
from seglib.data.dataset import Part, SegmentationDataset
from seglib.labels import Classes
from seglib.tables import Table

# A row of numbers for every sample: in parallel, kept on disk, with a progress bar, resumable.

CODE = ("seglib.data", "seglib.scenes", "seglib.labels", "seglib.boxes", "seglib.palettes")  # behind a sample


def measure(
    dataset: SegmentationDataset,
    row: Callable[[SegmentationDataset, int], NDArray[np.float64]],
    name: str,
    part: Part,
    *,
    label: str,
    jobs: int | None = None,
) -> NDArray[np.float64]:
    """Measure every sample of a data set; what was measured before, on the same content, is read from disk.

    Args:
        dataset: any data set.
        row: (dataset, index) -> (width,) float64; a function at the top of a module.
        name: tells its rows from those of other measurements.
        part: what it looks at, "image" or "mask" (with the objects).
        label: what the progress bar says.
        jobs: processes; see `seglib.cache.each`.

    Returns:
        (N, width) float64. Besides it, memory does not grow with N.

    Raises:
        ValueError: a sample cannot be read; what was measured until then is kept.
    """
    keys = (_key(dataset, index, name, part) for index in range(len(dataset)))
    found = cache.each(range(len(dataset)), partial(_arrays, row, dataset), keys, label, jobs)
    rows = np.empty((len(dataset), 0))
    for index, arrays in enumerate(found):
        if not index:
            rows = np.empty((len(dataset), len(arrays["row"])))
        rows[index] = arrays["row"]
    return rows


def _arrays(
    row: Callable[[SegmentationDataset, int], NDArray[np.float64]], dataset: SegmentationDataset, index: int
) -> cache.Arrays:
    return {"row": row(dataset, index)}


def _key(dataset: SegmentationDataset, index: int, name: str, part: Part) -> str | None:
    """A key of the sample's content; None for a class of one's own, whose code may read more than it says."""
    source = dataset.origin(index)[0]
    if not type(source).__module__.startswith("seglib."):
        return None
    try:
        content = dataset.source_bytes(index, part)
    except OSError:  # whoever reads the sample says it better
        return None
    return None if content is None else cache.key(name, type(source).__qualname__, content, code=CODE)


# How much there is of each class: pixels, images and objects, counted once and kept image by image.

Unit = Literal["pixels", "images", "objects"]


@dataclass(frozen=True)
class Counts:
    """What each image of a data set holds of each class; everything else here is a sum over it.

    Attributes:
        classes: K classes.
        pixels: (N, K + 1) int64, pixels of each class in each image, void last.
        objects: (N, K) int64, single objects of each class in each image; None where the data set does not
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
        """N, how many images were counted."""
        return len(self.pixels)

    def of(self, unit: Unit) -> Tensor:
        """(N, K) int64: pixels, objects, or 1 where the image contains the class; void is left out.

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
        """(K,) int64: of each class, its pixels, the images that contain it, or its objects."""
        return self.of(unit).sum(dim=0)

    def shares(self, unit: Unit = "pixels") -> Tensor:
        """(K,) float64 that sums to 1: each class's part of the total; of pixels, void is no part.

        Raises:
            ValueError: nothing was counted but void.
        """
        total = self.total(unit).double()
        if not total.sum():
            raise ValueError(f"there are no {unit} of any class in these {len(self)} images")
        return total / total.sum()

    @property
    def void(self) -> float:
        """The share of all pixels that is void, 0..1."""
        return (self.pixels[:, -1].sum() / self.pixels.sum().double()).item()

    @property
    def pixels_around(self) -> Tensor:
        """(K,) int64: all pixels but void of the images that contain each class (median frequency's)."""
        known = self.pixels[:, :-1].sum(dim=1)  # (N,)
        return (self.of("images") * known[:, None]).sum(dim=0)

    @property
    def together(self) -> Tensor:
        """(K, K) int64: how many images contain both classes; on the diagonal, those that contain one."""
        present = self.of("images").double()  # exact below 2 ** 53, and a matrix product that is fast
        return (present.T @ present).long()

    def subset(self, indices: Sequence[int] | Tensor) -> Counts:
        """The counts of some of the images, in that order; an image may come more than once."""
        chosen = torch.as_tensor(indices, dtype=torch.long)
        return Counts(
            self.classes, self.pixels[chosen], None if self.objects is None else self.objects[chosen]
        )

    def table(self) -> Table:
        """Pixels, images and objects of each class, with their shares."""
        units: list[Unit] = ["pixels", "images"] if self.objects is None else ["pixels", "images", "objects"]
        totals = [self.total(unit).tolist() for unit in units]
        sums = [self.pixels[:, :-1].sum().item(), len(self), *(sum(t) for t in totals[2:])]
        rows = [
            [name, *(cell for n, of in zip(counts, sums) for cell in (f"{n:,}", _percent(n, of)))]
            for name, *counts in zip(self.classes, *totals)
        ]
        return Table(
            f"{len(self)} images, {len(self.classes)} classes",
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
    """Count the pixels, images and objects of each class, image by image.

    Only masks are read where masks are files. What was counted is kept on this machine and found again by
    content: a mask that changed is counted anew, and a run that was stopped goes on where it was.

    Args:
        dataset: any data set.
        jobs: processes; None decides by the work there is. `joblib.parallel_config` names another backend.

    Returns:
        Counts; print them. They take 8 (2 K + 1) bytes an image, and counting takes no more than that.

    Raises:
        ValueError: the data set is empty, or a mask is damaged or holds a value that is no class.

    Example:
        >>> from seglib.data.catalog import load
        >>> counts = count(load("photo"))
        >>> counts.total("objects")[counts.classes.index("person")]
        tensor(7)
    """
    if not len(dataset):
        raise ValueError(f"{dataset.name} {dataset.split} has no images; there is nothing to count")
    rows = measure(
        dataset, _row, "counts", "mask", label=f"Counting {dataset.name} {dataset.split}", jobs=jobs
    )
    pixels, objects = np.split(rows, [len(dataset.classes) + 1], axis=1)
    known = not np.isnan(objects).any()
    return Counts(dataset.classes, _whole(pixels), _whole(objects) if known else None)


def _row(dataset: SegmentationDataset, index: int) -> NDArray[np.float64]:
    """Pixels and objects of one sample in a row; NaN where objects are not known."""
    pixels, objects = dataset.count_mask(index)
    unknown = np.full(len(pixels) - 1, np.nan)
    return np.concatenate([pixels, unknown if objects is None else objects], dtype=np.float64)


def _whole(numbers: NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(numbers.astype(np.int64))


def _percent(part: int, whole: int) -> str:
    """'0.52': two digits where one would hide a rare class."""
    share = 100 * part / whole if whole else 0
    return f"{share:.1f}" if share >= 1 or not share else f"{share:.2f}"


# Class weights for a loss: four published ways to make rare classes weigh more, from the same counts.
#
# Use them as `F.cross_entropy(logits, mask, weight=weights, ignore_index=255)`. With the usual mean, PyTorch
# divides by the sum of the weights of all pixels, so multiplying every weight by one number changes nothing:
# only the ratios between classes count. The papers' scales are kept so that numbers can be compared.
#
# No weight adds an image. Weights make the few pixels of a rare class count more, they do not make them
# differ more. And they trade: recall of rare classes rises, and so do false alarms (SegNet, table 1: mean
# accuracy +7.4, pixel accuracy -1.3).
#
# A class that does not occur gets weight 0, with a warning. Nothing in the training data is multiplied by
# that weight, so any value would do; 0 says that nothing was learnt, where the formulas would say infinity.


def inverse_frequency(counts: Counts) -> Tensor:
    """Weights that make every class weigh the same in a sum over all pixels: w = N / (K n_c).

    n_c is the number of pixels of class c, N their sum without void, K the number of classes that occur.
    This is scikit-learn's "balanced" (King and Zeng, 2001). A class with 0.1 % of the pixels weighs 700
    times as much as one with 70 %, and so does every wrongly drawn boundary pixel of it: expect a rare class
    to be painted too wide.

    Args:
        counts: of the training data.

    Returns:
        (K,) float32; 0 for classes that do not occur, with a warning.

    Raises:
        ValueError: no class occurs at all.

    Example:
        >>> from seglib.labels import Classes
        >>> counts = Counts(Classes.of("sea", "fish"), torch.tensor([[90, 10, 0]]))
        >>> inverse_frequency(counts)
        tensor([0.5556, 5.0000])
    """
    share = counts.shares()
    return _weights(counts, 1 / (share * (share > 0).sum()))


def median_frequency(counts: Counts) -> Tensor:
    """Median frequency balancing: w = median(f) / f_c (Eigen and Fergus, 2015; used by SegNet).

    f_c is the number of pixels of class c divided by the number of all pixels of those images that contain
    c: how large the class is where it is. A class that is rare because few images contain it, but large
        there, is
    not raised. That is the difference from inverse frequency, and the usual mistake is to divide by the
    pixels of all images, which gives inverse frequency back. Here void is no pixel of an image; the paper
    does not say. The median is over the classes that occur; of an even number it is the mean of the middle
    two.

    Args:
        counts: of the training data.

    Returns:
        (K,) float32; 0 for classes that do not occur, with a warning.

    Raises:
        ValueError: no class occurs at all.

    Example:
        >>> from seglib.labels import Classes
        >>> pixels = torch.tensor([[80, 20, 0, 0], [100, 0, 0, 0], [50, 0, 50, 0]])
        >>> median_frequency(Counts(Classes.of("sea", "fish", "weed"), pixels))
        tensor([0.6522, 2.5000, 1.0000])
    """
    present = counts.shares() > 0
    frequency = counts.total() / counts.pixels_around.double()
    return _weights(counts, frequency[present].quantile(0.5) / frequency)


def enet(counts: Counts, constant: float = 1.02) -> Tensor:
    """ENet's bounded weights: w = 1 / ln(c + p_c) (Paszke et al., 2016).

    p_c is the share of the pixels, without void. With c = 1.02 a class that fills everything weighs 1.4 and
    one of a few pixels 50: the bound keeps a handful of wrong labels from ruling the loss, and with it
    classes of 0.1 % and of 0.0001 % weigh nearly the same.

    Args:
        counts: of the training data.
        constant: c, above 1; nearer to 1 is less bounded.

    Returns:
        (K,) float32; 0 for classes that do not occur, with a warning.

    Raises:
        ValueError: `constant` is not above 1, or no class occurs at all.
    """
    if constant <= 1:
        raise ValueError(f"constant must be above 1, or a rare class has no finite weight; got {constant}")
    return _weights(counts, 1 / (constant + counts.shares()).log())


def effective_number(counts: Counts, beta: float, unit: Unit = "images") -> Tensor:
    """Weights by effective number of samples: w ~ (1 - beta) / (1 - beta^n_c) (Cui et al., 2019).

    The idea: the second thousand images of a class add less than the first, because samples overlap. beta
    = 0 means that one sample says all (equal weights); beta near 1 that each adds something new (inverse
    frequency). The bend lies at n = 1 / (1 - beta) samples, and above a few times that all classes weigh
    alike. The paper's 0.9 to 0.9999 are for classes of 5 to 5000 images. Classes have millions of pixels:
    with "pixels", 0.9999 gives equal weights, and a beta that does anything has to be 1 - 1/n with n in the
    millions. Pixels are also not what the paper counts, since neighbours are nearly copies of each other:
    prefer objects or images.

    Args:
        counts: of the training data.
        beta: 0 to just below 1.
        unit: what n_c counts: "images", "objects" or "pixels". A class that has pixels but no objects, as a
            background, counts as one object in each image: with 0 it would not be learnt.

    Returns:
        (K,) float32 with the mean 1 over the classes that occur (the paper's normalisation); 0 for the
        others, with a warning.

    Raises:
        ValueError: beta is not in 0 <= beta < 1, the data set does not know objects, or no class occurs.
    """
    if not 0 <= beta < 1:
        raise ValueError(f"beta must be at least 0 and below 1, got {beta}")
    number = counts.total(unit).double()
    number = torch.where(number > 0, number, counts.total("images").double())
    # (1 - beta) / (1 - beta^n), for beta near 1 without losing all digits to the subtraction
    raw = (1 - beta) / -torch.expm1(number * torch.tensor(beta, dtype=torch.float64).log())
    return _weights(counts, raw / raw[counts.shares() > 0].mean())


def _weights(counts: Counts, raw: Tensor) -> Tensor:
    """float32 weights, 0 and a warning where a class does not occur."""
    occurs = counts.shares() > 0
    if not occurs.all():
        absent = ", ".join(name for name, there in zip(counts.classes, occurs) if not there)
        warnings.warn(f"weight 0 for {absent}: it does not occur in these images", stacklevel=3)
    return torch.where(occurs, raw, 0).float()
