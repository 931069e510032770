"""The same image in two splits, found by perceptual hash: the score on it measures memory, not skill."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from itertools import combinations_with_replacement
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


class Duplicate(NamedTuple):
    """Two images that are the same.

    Attributes:
        first: "split/name" of one.
        second: "split/name" of the other.
        bits: how many of 64 bits differ, in the worse of two hashes; -1 if every pixel is equal.
        places: (split, number of the sample) of both.
    """

    first: str
    second: str
    bits: int
    places: tuple[tuple[str, int], tuple[str, int]]

    @property
    def across_splits(self) -> bool:
        """Whether the two are in different splits."""
        return self.places[0][0] != self.places[1][0]

    def __str__(self) -> str:
        """'train/a = val/b (every pixel)'."""
        how = "every pixel" if self.bits < 0 else f"{self.bits} of 64 bits differ"
        return f"{self.first} = {self.second} ({how})"


class _Hashes(NamedTuple):
    """The images of one split: names, a digest of all pixels, and two hashes of 64 bits."""

    split: str
    names: list[str]
    digests: NDArray[np.str_]  # (N,)
    codes: NDArray[np.uint64]  # (2, N)


def find_duplicates(
    data: SegmentationDataset | Mapping[str, SegmentationDataset],
) -> tuple[Duplicate, ...]:
    """Find images that occur more than once, in one split or in several, even if saved anew or resized.

    Every image is read once, on all cores (or as `joblib.parallel_config` says), with a progress bar. Two
    images are the same if they differ by at most 6 of 64 bits in both of two hashes: the low frequencies
    (pHash) and the brightness steps along each row (dHash). A mirrored, turned or cropped copy is not found;
    frames of a video that hardly changes are.

    Args:
        data: one data set, or split -> data set.

    Returns:
        The pairs, the most alike first. Keep one image of each pair, or both in the same split; otherwise the
        test score measures memorisation.

    Example:
        >>> from seglib.data.catalog import load
        >>> print(*find_duplicates({"train": load("photo"), "val": load("photo")}))
        train/canteen = val/canteen (every pixel)
    """
    splits = {data.split: data} if isinstance(data, SegmentationDataset) else data
    hashed = [_hash_all(split, dataset) for split, dataset in splits.items() if len(dataset)]
    found = (pair for a, b in combinations_with_replacement(hashed, 2) for pair in _same(a, b))
    return tuple(sorted(found, key=lambda pair: (pair.bits, pair.first, pair.second)))


def _hash_all(split: str, dataset: SegmentationDataset) -> _Hashes:
    work = Parallel(n_jobs=-1, prefer="threads", return_as="generator")(
        delayed(_hash)(dataset, index) for index in range(len(dataset))
    )
    rows = list(tracked(work, len(dataset), f"Looking for duplicates: {split}"))
    names = [f"{split}/{name}" for name in dataset.names()]
    codes = np.array([row[1:] for row in rows], np.uint64).T
    return _Hashes(split, names, np.array([row[0] for row in rows]), codes)


def _hash(dataset: SegmentationDataset, index: int) -> tuple[str, int, int]:
    """A digest of all pixels, pHash and dHash."""
    image = dataset[index][0]
    digest = hashlib.sha256(f"{tuple(image.shape)}".encode() + image.numpy().tobytes()).hexdigest()
    return digest, *hashes(to_pil_image(image))


def hashes(image: Image.Image) -> tuple[int, int]:
    """Two hashes of 64 bits: of the low frequencies (pHash) and of the steps along each row (dHash)."""
    return int(str(imagehash.phash(image)), 16), int(str(imagehash.dhash(image)), 16)


def _same(a: _Hashes, b: _Hashes) -> Iterator[Duplicate]:
    """Every image of `a` with its duplicates in `b`; each pair once if `a` is `b`."""
    for i, name in enumerate(a.names):
        start = i + 1 if a is b else 0
        bits = np.bitwise_count(a.codes[:, i, None] ^ b.codes[:, start:]).max(axis=0)  # (2, M) -> (M,)
        for j in np.flatnonzero(bits <= NEAR).tolist():
            equal = a.digests[i] == b.digests[start + j]
            places = (a.split, i), (b.split, start + j)
            yield Duplicate(name, b.names[start + j], -1 if equal else int(bits[j]), places)
