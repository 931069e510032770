"""Dividing a list of pictures into train, val and test, the same way on every machine."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

FOLDERS = {
    "train": ("train",),
    "val": ("val", "valid", "validation"),
    "test": ("test",),
}  # what they are called
SHARES = {"train": 0.7, "val": 0.15, "test": 0.15}


class SplitError(ValueError):
    """A data set has no such split."""


def by_name(names: Iterable[str], shares: Mapping[str, float] = SHARES) -> dict[str, list[str]]:
    """Divide names by their hash, so that a name's split depends on nothing but the name.

    A picture that is added later changes no other picture's split. The shares are met on average, not
    exactly; a split that would stay empty takes one name from the largest, so that small folders work too,
    and a single name goes to the first split.

    Args:
        names: one for each picture, for example the file's stem.
        shares: split -> share of the names; they add up to 1.

    Returns:
        The names of each split, in the order given.

    Example:
        >>> by_name(["ant", "bee", "cow", "dog", "elk"], {"train": 0.6, "val": 0.4})
        {'train': ['ant', 'bee', 'elk'], 'val': ['cow', 'dog']}
    """
    division: dict[str, list[str]] = {split: [] for split in shares}
    for name in names:
        division[_split(name, shares)].append(name)
    for split in division:
        largest = max(division.values(), key=len)
        if not division[split] and len(largest) > (split != next(iter(shares))):
            division[split].append(largest.pop())
    return division


def _split(name: str, shares: Mapping[str, float]) -> str:
    """The split whose part of the line 0..1 the name's hash falls into."""
    place = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) / 2**64
    for split, share in shares.items():
        if place < share:
            return split
        place -= share
    return list(shares)[-1]  # rounding
