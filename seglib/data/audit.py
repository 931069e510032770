"""Everything that is usually wrong with a data set, looked for in one go."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping

from joblib import Parallel, delayed

from seglib.data import duplicates
from seglib.data.dataset import SegmentationDataset
from seglib.data.faults import Look, look
from seglib.data.findings import CHECKS, Audit, Finding
from seglib.progress import tracked

TINY, STRIP, FAR = 32, 4.0, 10.0  # shorter side in pixels; longer side by shorter; area by the median area

Datasets = Mapping[str, SegmentationDataset]
Looks = Mapping[str, list[Look]]


def audit(data: SegmentationDataset | Mapping[str, SegmentationDataset]) -> Audit:
    """Look for everything that is usually wrong with a data set.

    Each sample is read once with its objects, and its picture once more for duplicates, on all cores; a bar
    says how far it is. Nothing is changed.

    Args:
        data: one data set, or split -> data set. Only of several splits can it be said whether they share
            pictures.

    Returns:
        The report.

    Raises:
        ValueError: there is no sample at all.

    Example:
        >>> from seglib.data.scenes import Scenes
        >>> audit(Scenes(12)).wrong
        []
    """
    datasets: Datasets = {data.split: data} if isinstance(data, SegmentationDataset) else dict(data)
    if not sum(map(len, datasets.values())):
        raise ValueError("there is no sample to look at")
    looks = {split: _look_at(split, dataset) for split, dataset in datasets.items()}
    found = [
        Finding(fault.check, split, index, f"{split}/{datasets[split].sample_id(index)}", fault.says)
        for split, each in looks.items()
        for index, one in enumerate(each)
        for fault in one.faults
    ]
    found += [*_sizes(datasets, looks), *_missing(datasets, looks), *_doubles(datasets, looks)]
    order = list(CHECKS)
    return Audit(datasets, tuple(sorted(found, key=lambda finding: order.index(finding.check))))


def _look_at(split: str, dataset: SegmentationDataset) -> list[Look]:
    """Every sample, read once."""
    work = Parallel(n_jobs=-1, prefer="threads", return_as="generator")(
        delayed(look)(dataset, index) for index in range(len(dataset))
    )
    return list(tracked(work, len(dataset), f"Looking at {split}"))


def _sizes(datasets: Datasets, looks: Looks) -> Iterator[Finding]:
    """Pictures of a size unlike the others'."""
    sizes = [one.size for each in looks.values() for one in each if one.size]
    middle = statistics.median(height * width for height, width in sizes) if sizes else 0
    for split, each in looks.items():
        for index, one in enumerate(each):
            if one.size and (odd := _odd(*one.size, middle)):
                name = f"{split}/{datasets[split].sample_id(index)}"
                yield Finding("odd size", split, index, name, f"{one.size[1]}x{one.size[0]} pixels: {odd}")


def _odd(height: int, width: int, middle: float) -> str:
    """What is odd about a size, "" if nothing is; `middle` is the median area in pixels."""
    if min(height, width) < TINY:
        return f"one side is shorter than {TINY}"
    if max(height, width) > STRIP * min(height, width):
        return f"a strip, one side is more than {STRIP:g} times the other"
    if not middle / FAR <= height * width <= middle * FAR:
        return f"more than {FAR:g} times the others, or less than a tenth ({middle:.0f} pixels is the median)"
    return ""


def _missing(datasets: Datasets, looks: Looks) -> Iterator[Finding]:
    """Classes that occur in no mask of a split."""
    for split, each in looks.items():
        present = frozenset().union(*(one.present for one in each))
        classes = datasets[split].classes if each else ()
        absent = [name for index, name in enumerate(classes) if index not in present]
        if absent:
            yield Finding("class missing", split, None, split, f"no mask holds {', '.join(absent)}")


def _doubles(datasets: Datasets, looks: Looks) -> Iterator[Finding]:
    """Pictures that come more than once, among those that can be read."""
    readable = {
        split: dataset.subset(index for index, one in enumerate(looks[split]) if one.size)
        for split, dataset in datasets.items()
    }
    number = {
        f"{split}/{dataset.sample_id(index)}": (split, index)
        for split, dataset in datasets.items()
        for index in range(len(dataset))
    }
    for pair in duplicates.anywhere(readable).pairs:
        (one, index), (other, _) = number[pair.first], number[pair.second]
        check = "leak" if one != other else "twice" if pair.bits < 0 else "nearly twice"
        says = (
            "every pixel is the same" if pair.bits < 0 else f"{pair.bits} of 64 bits of their hashes differ"
        )
        yield Finding(check, one, index, f"{pair.first} = {pair.second}", says)
