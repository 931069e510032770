"""Images that occur more than once in a data set, found by perceptual hashes."""

import hashlib
from collections.abc import Callable, Mapping
from typing import NamedTuple

import imagehash
import numpy as np
from joblib import Parallel, delayed
from PIL import Image
from torchvision.transforms.functional import to_pil_image

from seglib.data.dataset import SegmentationDataset
from seglib.progress import T, tracked

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
    places = [(split, index) for split, dataset in splits.items() for index in range(len(dataset))]
    names = [f"{split}/{name}" for split, dataset in splits.items() for name in dataset.names()]
    rows = []
    for split, dataset in splits.items():
        rows += in_parallel(_hash, dataset, f"Looking for duplicates: {split}")
    codes = np.array([row[1:] for row in rows], np.uint64).reshape(-1, 2)
    found = []
    for i, (name, row) in enumerate(zip(names, rows)):
        bits = np.bitwise_count(codes[i] ^ codes[i + 1 :]).max(axis=1)
        for j in np.flatnonzero(bits <= NEAR).tolist():
            twin = i + 1 + j
            differ = -1 if row[0] == rows[twin][0] else int(bits[j])
            found.append(Duplicate(name, names[twin], differ, (places[i], places[twin])))
    return tuple(sorted(found, key=lambda pair: (pair.bits, pair.first, pair.second)))


def in_parallel(function: Callable[..., T], dataset: SegmentationDataset, label: str) -> list[T]:
    """`function(dataset, index)` of every sample, in order, on all cores, with a progress bar."""
    work = Parallel(n_jobs=-1, prefer="threads", return_as="generator")(
        delayed(function)(dataset, index) for index in range(len(dataset))
    )
    return list(tracked(work, len(dataset), label))


def _hash(dataset: SegmentationDataset, index: int) -> tuple[str, int, int]:
    """A digest of all pixels, pHash and dHash."""
    image = dataset[index][0]
    digest = hashlib.sha256(f"{tuple(image.shape)}".encode() + image.numpy().tobytes()).hexdigest()
    return digest, *hashes(to_pil_image(image))


def hashes(image: Image.Image) -> tuple[int, int]:
    """Two hashes of 64 bits: of the low frequencies (pHash) and of the steps along each row (dHash)."""
    return int(str(imagehash.phash(image)), 16), int(str(imagehash.dhash(image)), 16)
