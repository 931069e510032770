"""Everything that is usually wrong with a data set, found in one pass: a table, images, a text file."""

import hashlib
import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import imagehash
import numpy as np
from joblib import Parallel, delayed
from PIL import Image as Pillow
from torch import Tensor
from torchvision.transforms.functional import to_pil_image

from seglib import boxes
from seglib.data.dataset import Instances, SegmentationDataset
from seglib.data.files import LabelError, SizeError
from seglib.draw import overlay, show_images
from seglib.files import write_text
from seglib.labels import VOID, percent
from seglib.progress import tracked
from seglib.tables import Table, Tabled

# check -> (is it wrong, or only worth a look; what it means)
CHECKS = {
    "unreadable": ("wrong", "an image, mask or object cannot be read"),
    "sizes differ": ("wrong", "image and mask have different sizes"),
    "no such class": ("wrong", "a mask holds a value or a colour that is not a class"),
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
CHECK_OF: dict[type[Exception], str] = {SizeError: "sizes differ", LabelError: "no such class"}
BLANK = 2.0  # grey levels: an image whose values have a smaller standard deviation shows nothing
BOX_PIXELS, BOX_SHARE = 2, 0.05  # a side of a box may be off by the larger of pixels and share of the box
FOREIGN = 0.1  # the share of an object's pixels that may have another class in the mask
TINY, STRIP, FAR = 32, 4.0, 10.0  # shorter side in pixels; longer side by shorter; area by the median area
# Two images are the same if at most so many of 64 bits differ, in both hashes. Measured
# (benchmarks/duplicates.py) on 80 pets and 80 frames of CamVid: a copy saved as JPEG of quality 20 differs by
# 6 at most; halved, enlarged or squashed to a square, by 4. Among 600 pets the nearest two that are not the
# same photograph differ by 10.
NEAR = 6


@dataclass(frozen=True)
class Finding:
    """One thing that an audit found.

    Attributes:
        check: a key of CHECKS.
        split: the split it is in.
        index: the sample's number in its split; None if it concerns the whole split.
        sample: its name, or the names of both.
        message: what was found.
    """

    check: str
    split: str
    index: int | None
    sample: str
    message: str

    @property
    def wrong(self) -> bool:
        """Whether it must be fixed; otherwise it is only worth a look."""
        return CHECKS[self.check][0] == "wrong"


@dataclass(frozen=True, repr=False)
class Audit(Tabled):
    """The result of an audit: `print` shows a summary, `worst` images, and `save` writes every finding.

    Attributes:
        datasets: split -> the data set.
        findings: everything found, in the order of CHECKS.
    """

    datasets: Mapping[str, SegmentationDataset]
    findings: tuple[Finding, ...]

    @property
    def wrong(self) -> list[Finding]:
        """What must be fixed."""
        return [finding for finding in self.findings if finding.wrong]

    def of(self, check: str) -> list[Finding]:
        """The findings of one check; ValueError with all checks if there is no such check."""
        if check not in CHECKS:
            raise ValueError(f"there is no check {check!r}; the checks are {', '.join(CHECKS)}")
        return [finding for finding in self.findings if finding.check == check]

    def worst(self, number: int = 4) -> None:
        """Show at most `number` images with findings, their masks laid over them; problems come first."""
        shown: dict[tuple[str, int], tuple[Tensor, str]] = {}
        for finding in self.findings:
            if finding.index is None or (finding.split, finding.index) in shown or len(shown) == number:
                continue
            if (image := _image(self.datasets[finding.split], finding.index)) is not None:
                shown[finding.split, finding.index] = image, f"{finding.sample}: {finding.check}"
        if not shown:
            print("There is no image to show: nothing was found, or what was found cannot be read.")
            return
        images, titles = zip(*shown.values())
        alt = f"What the audit found: {'; '.join(titles)}."
        show_images(images, titles=titles, alt=alt, columns=min(number, 4))

    @property
    def table(self) -> Table:
        """One row per check."""
        sizes = ", ".join(f"{len(dataset)} in {split}" for split, dataset in self.datasets.items())
        rows = []
        for check, (level, meaning) in CHECKS.items():
            found = self.of(check)
            example = found[0].sample if found else ""
            rows.append([check, f"{len(found)} {level}" if found else "ok", meaning, example])
        return Table(f"Audit of {sizes}", ["", "found", "meaning", "for example"], rows, self.verdict)

    @property
    def verdict(self) -> str:
        """One or two sentences that say what to do."""
        wrong, odd = len(self.wrong), len(self.findings) - len(self.wrong)
        verdict = "Nothing is wrong."
        if wrong:
            problems, samples = ("problem", "the sample") if wrong == 1 else ("problems", "these samples")
            verdict = f"{wrong} {problems} found: fix or remove {samples}."
        return verdict + (f" {odd} {'is' if odd == 1 else 'are'} worth a look." if odd else "")

    def __str__(self) -> str:
        """The table, and three findings of each check."""
        return "\n".join([str(self.table), *self._lines(3)])

    def save(self, path: Path | str) -> None:
        """Write the table and every finding to a text file, completely or not at all.

        Raises:
            DiskError: it cannot be written; the message says why.
        """
        write_text(Path(path), "\n".join([str(self.table), *self._lines(None), ""]))

    def _lines(self, most: int | None) -> Iterator[str]:
        """The findings of each check, at most `most` of them; None for all."""
        for check, (_, meaning) in CHECKS.items():
            if found := self.of(check):
                yield f"\n{check}: {meaning}"
                yield from (f"  {one.sample}: {one.message}" for one in found[:most])
                if left_out := len(found) - len(found[:most]):
                    yield f"  and {left_out} more"


def _image(dataset: SegmentationDataset, index: int) -> Tensor | None:
    """The image with its mask; the image alone if its mask is wrong; None if it cannot be read."""
    with suppress(ValueError, OSError):
        image, mask = (tensor.as_subclass(Tensor) for tensor in dataset[index])
        with suppress(ValueError):
            return overlay(image, mask, dataset.classes)
        return image
    return None


def audit(data: SegmentationDataset | Mapping[str, SegmentationDataset]) -> Audit:
    """Look for everything that is usually wrong with a data set.

    Each sample is read once with its objects, on all cores (or as `joblib.parallel_config` says), with a
    progress bar. Nothing is changed.

    Images that occur more than once are found even if they were saved anew or resized: they differ by at most
    6 of 64 bits in both of two hashes, of the low frequencies (pHash) and of the brightness steps along each
    row (dHash). A mirrored, turned or cropped copy is not found; frames of a video that hardly changes are.
    Keep one image of each pair, or both in the same split; otherwise the test score measures memorisation.

    Args:
        data: one data set, or split -> data set. Images in two splits are found only if several are given.

    Raises:
        ValueError: there is no sample at all.

    Example:
        >>> from seglib.scenes import Scenes
        >>> audit(Scenes(12)).wrong
        []
    """
    datasets = {data.split: data} if isinstance(data, SegmentationDataset) else dict(data)
    if not sum(map(len, datasets.values())):
        raise ValueError("there is no sample to look at: every split is empty")
    checked = [one for split, dataset in datasets.items() for one in _looked_at(split, dataset)]
    areas = [math.prod(one.size) for one in checked if one.size]
    median = statistics.median(areas) if areas else 0
    found = [
        Finding(check, one.split, one.index, one.name, message)
        for one in checked
        for check, message in (*one.faults, *(_size_faults(*one.size, median) if one.size else ()))
    ]
    found += [*_missing_classes(datasets, checked), *_duplicates(checked)]
    return Audit(datasets, tuple(sorted(found, key=lambda finding: [*CHECKS].index(finding.check))))


def _looked_at(split: str, dataset: SegmentationDataset) -> Iterator["Checked"]:
    """Every sample of a split."""
    tasks = (delayed(_check)(dataset, split, index, name) for index, name in enumerate(dataset.names()))
    work = Parallel(n_jobs=-1, prefer="threads", return_as="generator")(tasks)
    return tracked(work, len(dataset), f"Looking at {split}")


# One sample at a time.

Fault = tuple[str, str]  # a key of CHECKS, and a sentence


@dataclass(frozen=True)
class Checked:
    """One sample and what was found in it.

    Attributes:
        split: the split it is in.
        index: its number there.
        name: split and name.
        faults: what is wrong or odd.
        size: (height, width); None if it could not be read.
        present: the classes that occur in its mask.
        digest: a hash of all pixels of its image.
        bits: two hashes of what its image looks like, see `hashes`.
    """

    split: str
    index: int
    name: str
    faults: list[Fault]
    size: tuple[int, int] | None = None
    present: frozenset[int] = frozenset()
    digest: bytes = b""
    bits: tuple[int, int] = (0, 0)


def _check(dataset: SegmentationDataset, split: str, index: int, name: str) -> Checked:
    """Read one sample and check it. Never raises for the content of a file."""
    place = (split, index, f"{split}/{name}")
    try:
        image, mask = (tensor.as_subclass(Tensor) for tensor in dataset[index])
        instances = dataset.instances(index)
        if image.shape[-2:] != mask.shape:
            raise SizeError(f"the image is {tuple(image.shape)}, the mask {tuple(mask.shape)}")
    except (ValueError, OSError) as error:
        return Checked(*place, [(CHECK_OF.get(type(error), "unreadable"), str(error))])
    values = set(mask.unique().tolist())
    faults = [*_sample_faults(image, values, dataset)]
    if instances is not None:
        faults += [*_object_faults(instances, mask, dataset), *_box_faults(dataset, index)]
    digest = hashlib.sha256(f"{tuple(image.shape)}".encode() + image.numpy().tobytes()).digest()
    size, present = (mask.shape[0], mask.shape[1]), frozenset(values - {VOID})
    return Checked(*place, faults, size, present, digest, hashes(to_pil_image(image)))


def hashes(image: Pillow.Image) -> tuple[int, int]:
    """Two hashes of 64 bits: of the low frequencies (pHash) and of the steps along each row (dHash)."""
    return int(str(imagehash.phash(image)), 16), int(str(imagehash.dhash(image)), 16)


def _sample_faults(image: Tensor, values: set[int], dataset: SegmentationDataset) -> Iterator[Fault]:
    """Mask values that are not classes, masks without a label or an object, and blank images."""
    classes = dataset.classes
    if wrong := sorted(value for value in values if len(classes) <= value != VOID):
        allowed = f"0..{len(classes) - 1} and {VOID} (void)"
        yield "no such class", f"the mask holds {', '.join(map(str, wrong))}; the classes are {allowed}"
    elif values == {VOID}:
        yield "all void", "every pixel of the mask is void: there is nothing to learn from"
    elif classes.background is not None and values <= {classes.background, VOID}:
        yield "background only", "the mask holds nothing but background"
    if (deviation := image.float().std(correction=0).item()) < BLANK:
        yield "blank image", f"its values vary by {deviation:.1f} grey levels"


def _object_faults(instances: Instances, mask: Tensor, dataset: SegmentationDataset) -> Iterator[Fault]:
    """Objects whose own mask contradicts the image's mask."""
    for number, (shape, label) in enumerate(zip(instances.masks, instances.classes.tolist())):
        pixels = mask[shape]
        differ = ((pixels != label) & (pixels != VOID)).sum().item()
        if not len(pixels):
            yield "objects", f"object {number} has no pixel"
        elif (share := differ / max((pixels != VOID).sum().item(), 1)) > FOREIGN:
            name = dataset.classes.names[label]
            yield "objects", f"object {number} is {name}, but {percent(share, 0)} of its pixels are not"


def _box_faults(dataset: SegmentationDataset, index: int) -> Iterator[Fault]:
    """Boxes with a side that is not where the mask's is."""
    try:
        stated = dataset.stated_boxes(index)
    except ValueError as error:
        yield "boxes", str(error)
        return
    for name, box, mask in stated:
        if not mask.any():
            continue
        tight = boxes.from_mask(mask).double()
        sides = (tight[2:] - tight[:2]).repeat(2)  # width, height, width, height
        if ((box - tight).abs() > (BOX_SHARE * sides).clamp(min=BOX_PIXELS)).any():
            given, reach = (" ".join(f"{side:g}" for side in one.tolist()) for one in (box, tight))
            yield "boxes", f"the box of {name} is {given}, its mask reaches {reach} (x1 y1 x2 y2)"


# Samples compared with each other.


def _size_faults(height: int, width: int, median: float) -> Iterator[Fault]:
    """What is odd about a size, if anything; `median` is the median area in pixels."""
    shorter, longer, area = min(height, width), max(height, width), height * width
    odd = {
        f"one side is shorter than {TINY}": shorter < TINY,
        f"a strip, one side is more than {STRIP:g} times the other": longer > STRIP * shorter,
        f"more than {FAR:g} times the median area of {median:.0f} pixels": area > median * FAR,
        f"less than a tenth of the median area of {median:.0f} pixels": area < median / FAR,
    }
    if true := [words for words, is_true in odd.items() if is_true]:
        yield "odd size", f"{width}x{height} pixels: {true[0]}"


def _missing_classes(
    datasets: Mapping[str, SegmentationDataset], checked: Sequence[Checked]
) -> Iterator[Finding]:
    """Classes that occur in no mask of a split."""
    for split, dataset in datasets.items():
        present = set[int]().union(*(one.present for one in checked if one.split == split))
        absent = [name for label, name in enumerate(dataset.classes) if label not in present]
        if absent and len(dataset):
            yield Finding("class missing", split, None, split, f"no mask holds {', '.join(absent)}")


def _duplicates(checked: Sequence[Checked]) -> list[Finding]:
    """Images that occur more than once, the most alike first."""
    readable = [one for one in checked if one.size]
    codes = np.array([one.bits for one in readable], np.uint64).reshape(-1, 2)
    found = []
    for number, one in enumerate(readable, 1):
        differ = np.bitwise_count(codes[number - 1] ^ codes[number:]).max(axis=1)
        for place in np.flatnonzero(differ <= NEAR).tolist():
            other = readable[number + place]
            same = one.digest == other.digest
            check = "leak" if one.split != other.split else "twice" if same else "nearly twice"
            bits = f"{differ[place]} of 64 bits of their hashes differ"
            message = "every pixel is the same" if same else bits
            finding = Finding(check, one.split, one.index, f"{one.name} = {other.name}", message)
            found.append((not same, differ[place], one.name, other.name, finding))
    return [finding for *_, finding in sorted(found, key=lambda pair: pair[:4])]
