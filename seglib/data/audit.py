"""What an audit found: a table, images of the worst, a text file."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from joblib import Parallel, delayed
from torch import Tensor

from seglib import boxes
from seglib.data import duplicates
from seglib.data.dataset import Instances, SegmentationDataset
from seglib.data.images import LabelError, SizeError
from seglib.draw import overlay, show_images
from seglib.files import writing
from seglib.labels import VOID
from seglib.progress import tracked
from seglib.tables import Table

#: check -> (is it wrong, or only worth a look; what it means)
CHECKS = {
    "unreadable": ("wrong", "an image, mask or object cannot be read"),
    "sizes differ": ("wrong", "image and mask have different sizes"),
    "no such class": ("wrong", "a mask holds a value or a colour that is no class"),
    "all void": ("wrong", "no pixel of a mask is labelled"),
    "objects": ("wrong", "an object's mask contradicts the image's mask"),
    "boxes": ("wrong", "a box is not where its object is"),
    "leak": ("wrong", "the same image is in two splits"),
    "twice": ("wrong", "the same image is twice in one split, pixel by pixel"),
    "nearly twice": ("look", "two images of one split are nearly the same"),
    "background only": ("look", "a mask holds no object"),
    "blank image": ("look", "an image shows nothing"),
    "odd size": ("look", "an image is tiny, a strip, or far from the size of the others"),
    "class missing": ("look", "a class occurs in no mask of a split"),
}


@dataclass(frozen=True)
class Finding:
    """One thing that an audit found.

    Attributes:
        check: a key of CHECKS.
        split: where.
        index: the sample's number in its split; None for what concerns more than one.
        sample: its name, or the names of both.
        says: the sentence.
    """

    check: str
    split: str
    index: int | None
    sample: str
    says: str

    @property
    def wrong(self) -> bool:
        """Whether it must be mended; otherwise somebody should look at it."""
        return CHECKS[self.check][0] == "wrong"

    def __str__(self) -> str:
        """'train/cat_1: ...'."""
        return f"{self.sample}: {self.says}"


@dataclass(frozen=True)
class Audit:
    """What was looked at and what was found; print it, `show` it, `save` it.

    Attributes:
        datasets: split -> the data set.
        findings: everything found, in the order of CHECKS.
    """

    datasets: Mapping[str, SegmentationDataset]
    findings: tuple[Finding, ...]

    @property
    def wrong(self) -> list[Finding]:
        """What must be mended."""
        return [finding for finding in self.findings if finding.wrong]

    def of(self, check: str) -> list[Finding]:
        """What one check found; ValueError with all checks where there is no such check."""
        if check not in CHECKS:
            raise ValueError(f"there is no check {check!r}; there is {', '.join(CHECKS)}")
        return [finding for finding in self.findings if finding.check == check]

    def worst(self, number: int = 4, check: str | None = None) -> None:
        """Show images of what was found, masks laid over them, what is wrong before what is odd.

        Args:
            number: images, at most.
            check: only what this check found.
        """
        chosen = self.findings if check is None else self.of(check)
        places = list(dict.fromkeys((f.split, f.index) for f in chosen if f.index is not None))
        shown: list[tuple[Tensor, str]] = []
        for split, index in places:
            if len(shown) < number and (image := _image(self.datasets[split], index)) is not None:
                says = next(f for f in chosen if (f.split, f.index) == (split, index))
                shown.append((image, f"{says.sample}: {says.check}"))
        if not shown:
            print("There is no image to show: nothing was found, or what was found cannot be read.")
            return
        images, titles = zip(*shown)
        show_images(
            images, titles=titles, alt=f"What the audit found: {'; '.join(titles)}.", columns=min(number, 4)
        )

    def table(self) -> Table:
        """One row a check."""
        looked = ", ".join(f"{len(dataset)} in {split}" for split, dataset in self.datasets.items())
        rows = []
        for check, (level, meaning) in CHECKS.items():
            found = self.of(check)
            verdict = f"{len(found)} {level}" if found else "ok"
            rows.append([check, verdict, meaning, found[0].sample if found else ""])
        return Table(f"Audit of {looked}", ["", "found", "meaning", "for example"], rows, self.verdict)

    @property
    def verdict(self) -> str:
        """One sentence that says what to do."""
        odd = len(self.findings) - len(self.wrong)
        look_at = f" {odd} are worth a look." if odd > 1 else f"{' 1 is worth a look.' * odd}"
        if not self.wrong:
            return f"Nothing is wrong.{look_at}"
        return f"{len(self.wrong)} findings are wrong: mend or remove these samples.{look_at}"

    def __str__(self) -> str:
        """The table, and three findings of each check."""
        return "\n".join([str(self.table()), *self._lines(3)])

    def _repr_html_(self) -> str:
        """The table in a notebook."""
        return self.table()._repr_html_()

    def save(self, path: Path | str) -> None:
        """Write the table and every finding to a text file, which is there whole or not at all.

        Raises:
            DiskError: it cannot be written; the sentence says why.
        """
        target = Path(path)
        part = target.with_name(target.name + ".part")
        with writing(target):
            part.write_text("\n".join([str(self.table()), *self._lines(None), ""]), encoding="utf-8")
            part.replace(target)

    def _lines(self, most: int | None) -> Iterator[str]:
        """The findings of each check, some or all."""
        for check, (_, meaning) in CHECKS.items():
            if found := self.of(check):
                yield f"\n{check}: {meaning}"
                yield from (f"  {finding}" for finding in found[:most])
                if len(found) > len(found[:most]):
                    yield f"  and {len(found) - len(found[:most])} more"


def _image(dataset: SegmentationDataset, index: int) -> Tensor | None:
    """Image and mask in one; the image alone where its mask is wrong; None where it cannot be read."""
    try:
        image, mask = (tensor.as_subclass(Tensor) for tensor in dataset[index])
    except (ValueError, OSError):
        return None
    try:
        return overlay(image, mask, dataset.classes)
    except ValueError:
        return image


# What can be wrong with one sample, each fault with the sentence that says it.

BLANK = 2.0  # grey levels: an image that varies less shows nothing
OFF = (2, 0.05)  # a side of a box may be off by so many pixels, or by this part of the box, whichever is more
FOREIGN = 0.1  # the part of an object's pixels that may have another class in the mask


class Fault(NamedTuple):
    """One thing that is wrong, or odd.

    Attributes:
        check: which check found it, a key of `audit.CHECKS`.
        says: the sentence.
    """

    check: str
    says: str


class Look(NamedTuple):
    """What one sample turned out to be.

    Attributes:
        faults: what is wrong with it.
        size: (height, width); None if it could not be read.
        present: the classes that occur in its mask.
    """

    faults: list[Fault]
    size: tuple[int, int] | None
    present: frozenset[int]


def look(dataset: SegmentationDataset, index: int) -> Look:
    """Read one sample and say what is wrong with it. Never raises for what is in a file.

    Example:
        >>> from seglib.scenes import Scenes
        >>> look(Scenes(1), 0).faults
        []
    """
    source, number = dataset.origin(index)
    try:
        image, mask = (tensor.as_subclass(Tensor) for tensor in source[number])
        instances = source.instances(number)
    except SizeError as error:
        return Look([Fault("sizes differ", str(error))], None, frozenset())
    except LabelError as error:
        return Look([Fault("no such class", str(error))], None, frozenset())
    except (ValueError, OSError) as error:
        return Look([Fault("unreadable", str(error))], None, frozenset())
    if image.shape[-2:] != mask.shape:
        says = f"the image is {tuple(image.shape)}, the mask {tuple(mask.shape)}"
        return Look([Fault("sizes differ", says)], None, frozenset())
    values = set(mask.unique().tolist())
    faults = [*_mask_faults(values, dataset), *_blank(image)]
    if instances is not None:
        faults += [*_object_faults(instances, mask, dataset), *_box_faults(source, number)]
    return Look(faults, (mask.shape[0], mask.shape[1]), frozenset(values - {VOID}))


def _mask_faults(values: set[int], dataset: SegmentationDataset) -> list[Fault]:
    """Values that are no class; masks that teach nothing."""
    if wrong := sorted(value for value in values if len(dataset.classes) <= value != VOID):
        classes = f"0..{len(dataset.classes) - 1} and {VOID} (void)"
        return [
            Fault("no such class", f"the mask holds {', '.join(map(str, wrong))}; the classes are {classes}")
        ]
    if values == {VOID}:
        return [Fault("all void", "every pixel of the mask is void: there is nothing to learn from")]
    if dataset.classes.background is not None and values <= {dataset.classes.background, VOID}:
        return [Fault("background only", "the mask holds nothing but background")]
    return []


def _blank(image: Tensor) -> list[Fault]:
    spread = image.float().std().item() if image.numel() > 1 else 0.0
    return [Fault("blank image", f"its values vary by {spread:.1f} grey levels")] if spread < BLANK else []


def _object_faults(instances: Instances, mask: Tensor, dataset: SegmentationDataset) -> list[Fault]:
    """Objects whose own mask and the image's mask say different things."""
    faults = []
    for number, (shape, label) in enumerate(zip(instances.masks, instances.classes.tolist())):
        pixels = mask[shape]
        known = pixels[pixels != VOID]
        if not len(pixels):
            faults.append(Fault("objects", f"object {number} has no pixel"))
        elif len(known) and (foreign := (known != label).double().mean().item()) > FOREIGN:
            name = dataset.classes.names[label]
            faults.append(
                Fault(
                    "objects", f"object {number} is {name}, but {100 * foreign:.0f} % of its pixels are not"
                )
            )
    return faults


def _box_faults(dataset: SegmentationDataset, index: int) -> list[Fault]:
    """Boxes with a side that is not where the mask's is."""
    try:
        stated = dataset.stated_boxes(index)
    except ValueError as error:
        return [Fault("boxes", str(error))]
    faults = []
    for name, box, mask in stated:
        if not mask.any():
            continue
        tight = boxes.from_mask(mask).double()
        sides = torch.stack([tight[2:] - tight[:2]] * 2).flatten()  # width, height, width, height
        if ((box - tight).abs() > (OFF[1] * sides).clamp(min=OFF[0])).any():
            numbers = (" ".join(f"{side:g}" for side in one.tolist()) for one in (box, tight))
            says = "the box of {} is {}, its mask reaches {} (x1 y1 x2 y2)".format(name, *numbers)
            faults.append(Fault("boxes", says))
    return faults


# Everything that is usually wrong with a data set, looked for in one go.

TINY, STRIP, FAR = 32, 4.0, 10.0  # shorter side in pixels; longer side by shorter; area by the median area

Datasets = Mapping[str, SegmentationDataset]
Looks = Mapping[str, list[Look]]


def audit(data: SegmentationDataset | Mapping[str, SegmentationDataset]) -> Audit:
    """Look for everything that is usually wrong with a data set.

    Each sample is read once with its objects, and its image once more for duplicates, on all cores; a bar
    says how far it is. Nothing is changed.

    Args:
        data: one data set, or split -> data set. Only of several splits can it be said whether they share
            images.

    Returns:
        The report.

    Raises:
        ValueError: there is no sample at all.

    Example:
        >>> from seglib.scenes import Scenes
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
    """Images of a size unlike the others'."""
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
    """Images that come more than once, among those that can be read."""
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
