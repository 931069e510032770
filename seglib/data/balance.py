"""How much there is of each class, in pixels, images and objects; and class weights for a loss from it."""

import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seglib import cache
from seglib.data.dataset import Part, SegmentationDataset, check_dataset
from seglib.labels import Classes
from seglib.tables import Table, Tabled

Unit = Literal["pixels", "images", "objects"]
Row = Callable[[SegmentationDataset, int], NDArray[np.float64]]


@dataclass(frozen=True, repr=False)
class Counts(Tabled):
    """How much of each class every image of a data set holds; everything else here is a sum over it.

    Attributes:
        classes: K classes.
        pixels: (N, K + 1) int64, pixels of each class in each image, void last.
        objects: (N, K) int64, objects of each class in each image; None where the data set does not know
            them. They are not guessed from connected regions: two touching fish would be one, and a fish
            behind a leaf two.
    """

    classes: Classes
    pixels: Tensor
    objects: Tensor | None = None

    def __post_init__(self) -> None:
        number, k = len(self.pixels), len(self.classes)
        if self.pixels.shape != (number, k + 1):
            found = f"pixels is {tuple(self.pixels.shape)}"
            raise ValueError(f"{found}; for {k} classes it must be (N, {k + 1}), void last")
        if self.objects is not None and self.objects.shape != (number, k):
            raise ValueError(f"objects is {tuple(self.objects.shape)}; it must be {(number, k)}")

    def __len__(self) -> int:
        """N, how many images were counted."""
        return len(self.pixels)

    def of(self, unit: Unit) -> Tensor:
        """(N, K) int64: pixels, objects, or 1 where the image contains the class; void is left out.

        Raises:
            ValueError: an unknown unit, or "objects" of a data set without instance annotations.
        """
        if unit not in get_args(Unit):
            raise ValueError(f"unit must be one of {', '.join(map(repr, get_args(Unit)))}, got {unit!r}")
        if unit == "objects" and self.objects is None:
            raise ValueError("this data set has no instance annotations; use 'pixels' or 'images'")
        if unit == "images":
            return (self.pixels[:, :-1] > 0).long()
        return self.pixels[:, :-1] if self.objects is None or unit == "pixels" else self.objects

    def total(self, unit: Unit = "pixels") -> Tensor:
        """(K,) int64: of each class, its pixels, the images that contain it, or its objects."""
        return self.of(unit).sum(dim=0)

    def shares(self, unit: Unit = "pixels") -> Tensor:
        """(K,) float64 that sums to 1: each class's share of the total, without void.

        Raises:
            ValueError: there is nothing but void.
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
        """(K,) int64: pixels, without void, of the images that contain each class; for median frequency."""
        known = self.pixels[:, :-1].sum(dim=1)  # (N,)
        return (self.of("images") * known[:, None]).sum(dim=0)

    def subset(self, indices: Sequence[int] | Tensor) -> "Counts":
        """The counts of some of the images, in that order; an image may occur more than once."""
        chosen = torch.as_tensor(indices, dtype=torch.long)
        objects = None if self.objects is None else self.objects[chosen]
        return Counts(self.classes, self.pixels[chosen], objects)

    @property
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
            f"Void is {100 * self.void:.1f} % of all pixels; the percentages are without it.",
        )


def count(dataset: SegmentationDataset, *, jobs: int | None = None) -> Counts:
    """Count the pixels, images and objects of each class, image by image.

    Where masks are files, images are not read. Counts are kept on disk and found again by content: a mask
    that changed is counted again, and a run that was stopped resumes.

    Args:
        dataset: any data set.
        jobs: processes; None for as many as the work needs, see `seglib.cache.each`.

    Returns:
        Counts; print them. They take 8 (2 K + 1) bytes an image, and so does counting.

    Raises:
        ValueError: the data set is empty, or a mask is damaged or holds a value that is not a class.

    Example:
        >>> from seglib.data.catalog import load
        >>> counts = count(load("photo"))
        >>> counts.total("objects")[counts.classes.index("person")]
        tensor(7)
    """
    rows = torch.from_numpy(measure(dataset, _row, "counts", "mask", label="Counting", jobs=jobs))
    pixels, objects = rows.tensor_split([len(dataset.classes) + 1], dim=1)
    return Counts(dataset.classes, pixels.long(), None if objects.isnan().any() else objects.long())


def _row(dataset: SegmentationDataset, index: int) -> NDArray[np.float64]:
    """Pixels and objects of one sample; NaN for objects that are not known."""
    pixels, objects = dataset.count_mask(index)
    unknown = np.full(len(pixels) - 1, np.nan)
    return np.concatenate([pixels, unknown if objects is None else objects], dtype=np.float64)


def _percent(part: int, whole: int) -> str:
    """'0.52': two decimals for a rare class."""
    share = 100 * part / whole if whole else 0
    return f"{share:.1f}" if share >= 1 or not share else f"{share:.2f}"


CODE = ("seglib.data", "seglib.scenes", "seglib.labels", "seglib.boxes")  # makes a sample


def measure(
    dataset: SegmentationDataset, row: Row, name: str, part: Part, *, label: str, jobs: int | None = None
) -> NDArray[np.float64]:
    """Compute a row of numbers for every sample; those of the same content are read from disk.

    Args:
        dataset: any data set.
        row: (dataset, index) -> (width,) float64; a function at the top of a module.
        name: tells these rows from others.
        part: what `row` reads, "image" or "mask" (with the objects).
        label: of the progress bar: "Counting".
        jobs: processes; see `seglib.cache.each`.

    Returns:
        (N, width) float64. Other memory does not grow with N.

    Raises:
        ValueError: there are no samples, or one cannot be read; the rows until then are kept.
    """
    check_dataset(dataset)
    name_and_split = f"{dataset.name} {dataset.split}"
    if not len(dataset):
        raise ValueError(f"{name_and_split} has no images; there is nothing to measure")
    keys = (_key(dataset, index, name, part) for index in range(len(dataset)))
    make, label = partial(_arrays, row, dataset), f"{label} {name_and_split}"
    found = cache.each(range(len(dataset)), make, keys, label, jobs)
    rows = np.empty((len(dataset), 0))
    for index, arrays in enumerate(found):
        if not index:
            rows = np.empty((len(dataset), len(arrays["row"])))
        rows[index] = arrays["row"]
    return rows


def _arrays(row: Row, dataset: SegmentationDataset, index: int) -> cache.Arrays:
    return {"row": row(dataset, index)}


def _key(dataset: SegmentationDataset, index: int, name: str, part: Part) -> str | None:
    """A key of the sample's content; None for classes outside of seglib, whose code is not in the key."""
    kind, content = type(dataset.origin(index)[0]), None
    with suppress(OSError):  # reading the sample gives the better message
        content = dataset.source_bytes(index, part) if kind.__module__.startswith("seglib.") else None
    return None if content is None else cache.key(name, kind.__qualname__, content, code=CODE)


# Class weights for a loss: four published schemes that give rare classes more weight.
#
# Use them as `F.cross_entropy(logits, mask, weight=weights, ignore_index=255)`. With the usual mean, PyTorch
# divides by the sum of the weights of all pixels, so multiplying every weight by one number changes nothing:
# only their ratios count. The papers' scales are kept so that numbers can be compared.
#
# Weights make the few pixels of a rare class count more; they do not make them more varied. And they trade:
# recall of rare classes rises, and so do false alarms (SegNet, table 1: mean accuracy +7.4, pixel accuracy
# -1.3).
#
# A class that does not occur gets weight 0, with a warning. No pixel of the training data is multiplied by
# it, so any value would do; 0 says that nothing was learnt, where the formulas would give infinity.


def check_counts(counts: object) -> None:
    """Raise a ValueError unless these are the counts of a data set."""
    if not isinstance(counts, Counts):
        raise ValueError(f"counts must be what count(dataset) returns, not a {type(counts).__name__}")


def inverse_frequency(counts: Counts) -> Tensor:
    """Weights that make every class weigh the same in a sum over all pixels: w = N / (K n_c).

    n_c is the number of pixels of class c, N their sum without void, K the number of classes that occur.
    This is scikit-learn's "balanced" (King and Zeng, 2001). A class with 0.1 % of the pixels weighs 700
    times as much as one with 70 %, and so does every wrong boundary pixel of it: expect predictions of a rare
    class to be too wide.

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
    check_counts(counts)
    share = counts.shares()
    return _weights(counts, 1 / (share * (share > 0).sum()))


def median_frequency(counts: Counts) -> Tensor:
    """Median frequency balancing: w = median(f) / f_c (Eigen and Fergus, 2015; used by SegNet).

    f_c is the number of pixels of class c divided by the number of all pixels of those images that contain
    c: how large the class is where it occurs. A class that is rare because few images contain it, but large
    there, is not raised. That is the difference from inverse frequency; the usual mistake, to divide by the
    pixels of all images, gives inverse frequency back. Void pixels do not count here; the paper does not
    mention them. The median is over the classes that occur; of an even number it is the mean of the middle
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
    check_counts(counts)
    present = counts.shares() > 0
    frequency = counts.total() / counts.pixels_around.double()
    return _weights(counts, frequency[present].quantile(0.5) / frequency)


def enet(counts: Counts) -> Tensor:
    """ENet's bounded weights: w = 1 / ln(1.02 + p_c) (Paszke et al., 2016).

    p_c is the share of the pixels, without void. A class that fills everything weighs 1.4 and one of a few
    pixels 50. The bound keeps a handful of wrong labels from dominating the loss; with it,
    classes of 0.1 % and of 0.0001 % weigh nearly the same.

    Args:
        counts: of the training data.

    Returns:
        (K,) float32; 0 for classes that do not occur, with a warning.

    Raises:
        ValueError: no class occurs at all.
    """
    check_counts(counts)
    return _weights(counts, 1 / (1.02 + counts.shares()).log())


def effective_number(counts: Counts, beta: float, unit: Unit = "images") -> Tensor:
    """Weights by effective number of samples: w ~ (1 - beta) / (1 - beta^n_c) (Cui et al., 2019).

    The second thousand images of a class add less than the first, because samples overlap. beta = 0 means
    that one sample tells everything (equal weights); beta near 1 that each adds something new (inverse
    frequency). The transition is at n = 1 / (1 - beta) samples; classes with several times as many have
    equal weights. The paper's 0.9 to 0.9999 are for classes of 5 to 5000 images. Classes have millions of
    pixels: with "pixels", 0.9999 gives equal weights, and a beta with any effect has to be 1 - 1/n with n in
    the millions. Nor does the paper count pixels, whose neighbours are nearly copies: prefer objects or
    images.

    Args:
        counts: of the training data.
        beta: at least 0 and below 1.
        unit: what n_c counts: "images", "objects" or "pixels". A class with pixels but without objects, such
            as the background, counts as one object in each image: with 0 it would not be learnt.

    Returns:
        (K,) float32 with the mean 1 over the classes that occur (the paper's normalisation); 0 for the
        others, with a warning.

    Raises:
        ValueError: beta is out of range, the data set has no instance annotations, or no class occurs.
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
