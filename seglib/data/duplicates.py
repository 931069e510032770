"""The same image in two splits, found by perceptual hash: the score on it measures memory, not skill."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, combinations_with_replacement
from typing import NamedTuple

import imagehash
import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from PIL import Image
from torchvision.transforms.functional import to_pil_image

from seglib.data.dataset import SegmentationDataset
from seglib.progress import tracked

# Of 64 bits, in both hashes. Measured (benchmarks/duplicates.py) on 80 pets and 80 frames of CamVid: a copy
# saved as JPEG of quality 20 differs by 6 at most; halved, enlarged or squashed to a square, by 4. Among 600
# pets the nearest two that are not the same photograph differ by 10.
NEAR = 6
SHOWN = 20  # pairs in a printed report


class Duplicate(NamedTuple):
    """Two images that are the same.

    Attributes:
        first: "split/name" of one.
        second: "split/name" of the other.
        bits: how many of 64 bits differ, in the worse of two hashes; -1 where every pixel is equal.
    """

    first: str
    second: str
    bits: int

    def __str__(self) -> str:
        """'train/a = val/b (every pixel)'."""
        how = "every pixel" if self.bits < 0 else f"{self.bits} of 64 bits differ"
        return f"{self.first} = {self.second} ({how})"


@dataclass(frozen=True)
class Report:
    """What was looked at and what was found.

    Attributes:
        images: split -> how many images.
        pairs: the duplicates, the most alike first.
    """

    images: Mapping[str, int]
    pairs: tuple[Duplicate, ...]

    def __str__(self) -> str:
        """A few lines for a reader: counts, pairs, and what to do."""
        looked = ", ".join(f"{count} in {split}" for split, count in self.images.items())
        if not self.pairs:
            return f"Images: {looked}. No image comes twice."
        shown = "".join(f"\n  {pair}" for pair in self.pairs[:SHOWN])
        more = f"\n  and {len(self.pairs) - SHOWN} more" if len(self.pairs) > SHOWN else ""
        count = "1 pair looks" if len(self.pairs) == 1 else f"{len(self.pairs)} pairs look"
        return (
            f"Images: {looked}. {count} the same:{shown}{more}\n"
            "Keep one of each pair, or both in the same split: a test on what was trained on measures memory."
        )


class _Hashes(NamedTuple):
    """The images of one split: names, a digest of all pixels, and two hashes of 64 bits."""

    names: list[str]
    digests: NDArray[np.str_]  # (N,)
    codes: NDArray[np.uint64]  # (2, N)


def across_splits(splits: Mapping[str, SegmentationDataset]) -> Report:
    """Images that come in more than one split, even if saved anew, resized or slightly changed.

    Every image is read once, on all cores (or as `joblib.parallel_config` says), with a progress bar. Two
    images are the same if they differ by at most 6 of 64 bits in both of two hashes: the low frequencies
    (pHash) and the brightness steps along each row (dHash). A mirrored, turned or cropped copy is not found;
    frames of a video that hardly changes are.

    Args:
        splits: split -> data set, at least two.

    Returns:
        The report; print it.

    Example:
        >>> from seglib.data.catalog import load
        >>> print(across_splits({"train": load("photo"), "val": load("photo")}))  # doctest: +ELLIPSIS
        Images: 1 in train, 1 in val. 1 pair looks the same:
          train/canteen = val/canteen (every pixel)
        Keep one of each pair...
    """
    hashes = {split: _hash_all(split, dataset) for split, dataset in splits.items()}
    found = [pair for a, b in combinations(hashes.values(), 2) for pair in _same(a, b)]
    return _report(splits, found)


def anywhere(splits: Mapping[str, SegmentationDataset]) -> Report:
    """Images that come more than once, in one split or in several; every image is read once."""
    hashed = {split: _hash_all(split, dataset) for split, dataset in splits.items() if len(dataset)}
    pairs = combinations_with_replacement(hashed.values(), 2)
    return _report(splits, [pair for a, b in pairs for pair in _same(a, b)])


def within(dataset: SegmentationDataset) -> Report:
    """Images that come more than once in one data set; see `across_splits`."""
    hashes = _hash_all(dataset.split, dataset)
    return _report({dataset.split: dataset}, _same(hashes, hashes))


def _report(
    splits: Mapping[str, SegmentationDataset], found: Iterator[Duplicate] | list[Duplicate]
) -> Report:
    pairs = sorted(found, key=lambda pair: (pair.bits, pair.first, pair.second))
    return Report({split: len(dataset) for split, dataset in splits.items()}, tuple(pairs))


def _hash_all(split: str, dataset: SegmentationDataset) -> _Hashes:
    work = Parallel(n_jobs=-1, prefer="threads", return_as="generator")(
        delayed(_hash)(dataset, index) for index in range(len(dataset))
    )
    rows = list(tracked(work, len(dataset), f"Looking for duplicates: {split}"))
    names = [f"{split}/{dataset.sample_id(index)}" for index in range(len(dataset))]
    return _Hashes(
        names, np.array([row[0] for row in rows]), np.array([row[1:] for row in rows], np.uint64).T
    )


def _hash(dataset: SegmentationDataset, index: int) -> tuple[str, int, int]:
    """A digest of all pixels, pHash and dHash."""
    image = dataset[index][0]
    digest = hashlib.sha256(f"{tuple(image.shape)}".encode() + image.numpy().tobytes()).hexdigest()
    return digest, *hashes(to_pil_image(image))


def hashes(image: Image.Image) -> tuple[int, int]:
    """Two hashes of 64 bits: of the low frequencies (pHash) and of the steps along each row (dHash)."""
    return int(str(imagehash.phash(image)), 16), int(str(imagehash.dhash(image)), 16)


def _same(a: _Hashes, b: _Hashes) -> Iterator[Duplicate]:
    """Every image of `a` with its doubles in `b`; each pair once if `a` is `b`."""
    for i, name in enumerate(a.names):
        start = i + 1 if a is b else 0
        bits = np.bitwise_count(a.codes[:, i, None] ^ b.codes[:, start:]).max(axis=0)  # (2, M) -> (M,)
        for j in np.flatnonzero(bits <= NEAR) + start:
            equal = a.digests[i] == b.digests[j]
            yield Duplicate(name, b.names[j], -1 if equal else int(bits[j - start]))
