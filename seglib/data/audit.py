"""Everything that is usually wrong with a data set, found in one pass: a table, images, a text file."""

import copy
import hashlib
import math
import re
import statistics
import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import imagehash
import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from PIL import Image as Pillow
from torch import Tensor
from torchvision.transforms.functional import to_pil_image

from seglib import boxes
from seglib.data.class_lists import MANY, ONE_BLOB, blobs
from seglib.data.dataset import Instances, SegmentationDataset, check_dataset
from seglib.data.files import LabelError, SizeError
from seglib.draw import overlay, show_images
from seglib.files import first_line, write_text
from seglib.labels import VOID, Classes, check_image, percent
from seglib.progress import tracked
from seglib.tables import Table, Tabled

LEVELS = ("wrong", "suspicious", "unusual")
# check -> (wrong: certain; suspicious: usually a fault; unusual: right, but worth knowing; what it means)
CHECKS = {
    "unreadable": ("wrong", "an image, mask, object or box cannot be read"),
    "classes": ("wrong", "the classes cannot be found"),
    "sizes differ": ("wrong", "image and mask have different sizes"),
    "no such class": ("wrong", "a mask holds a value or a colour that is not a class"),
    "all void": ("wrong", "no pixel of a mask is labelled"),
    "leak": ("wrong", "the same image is in two splits, pixel by pixel"),
    "twice": ("wrong", "the same image is twice in one split, pixel by pixel"),
    "near leak": ("suspicious", "two splits hold images that are nearly the same"),
    "video": ("suspicious", "consecutive frames of a video are in two splits"),
    "crowds": ("suspicious", "most objects are marked as crowds, which are void"),
    "numbers of objects": ("suspicious", "the masks seem to number objects, not classes"),
    "palettes": ("suspicious", "the same number has different colours in different masks"),
    "orientation": ("suspicious", "an image is turned by its EXIF tag, and its mask may not be"),
    "objects": ("suspicious", "an object's mask contradicts the image's mask"),
    "boxes": ("suspicious", "a box is not where its object is"),
    "blank image": ("suspicious", "an image shows nothing"),
    "dark image": ("suspicious", "an image is nearly black"),
    "nearly twice": ("unusual", "two images of one split are nearly the same"),
    "background only": ("unusual", "a mask holds no object"),
    "odd size": ("unusual", "an image is tiny, a strip, or far from the size of the others"),
    "class missing": ("unusual", "a class occurs in no mask of a split"),
    "small split": ("unusual", "a split has so few images that its score says little"),
    "note": ("unusual", "what was concluded when files were read"),
}
BLANK = 2.0  # grey levels: an image whose values have a smaller standard deviation shows nothing
DARK = 20  # grey levels: an image is nearly black if 99 % of its values are below
BOX_PIXELS, BOX_SHARE = 2, 0.05  # a side of a box may be off by the larger of pixels and share of the box
FOREIGN = 0.1  # the share of an object's pixels that may have another class in the mask
TINY, STRIP, FAR = 32, 4.0, 10.0  # shorter side in pixels; longer side by shorter; area by the median area
FEW = 5  # images in a split that is not for training
# Two images are the same if at most so many of 64 bits differ, in both hashes. Measured on 80 pets and 80
# frames of CamVid (benchmarks/duplicates.py): a copy saved as JPEG of quality 20 differs by 6 at most, one
# halved, enlarged or squashed to a square by 4; of 600 pets the nearest two photographs differ by 10.
NEAR = 6
COPIES = 50  # listed of one image, at most: a thousand equal ones would make half a million pairs

Fault = tuple[str, str]  # a key of CHECKS, and a sentence


@dataclass(frozen=True)
class Finding:
    """One thing that an audit found."""

    check: str  # a key of CHECKS
    split: str  # the split it is in
    index: int | None  # the sample's number in its split; None if it concerns the whole split
    sample: str  # its name, or the names of both
    message: str  # what was found


@dataclass(frozen=True)
class _Checked:
    """One sample and what was found in it."""

    split: str
    index: int
    name: str  # split and name
    faults: list[Fault]
    size: tuple[int, int] | None = None  # (height, width); None if it could not be read
    present: frozenset[int] = frozenset()  # the classes that occur in its mask
    digest: bytes = b""  # a hash of all pixels of its image
    bits: tuple[int, int] | None = None  # see `hashes`; None if its image shows nothing
    blobs: tuple[int, int] = (0, 0)  # see `class_lists.blobs`; of masks with numbered classes


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
        return [finding for finding in self.findings if CHECKS[finding.check][0] == "wrong"]

    def of(self, check: str) -> list[Finding]:
        """The findings of one check; ValueError with all checks if there is no such check."""
        if check not in CHECKS:
            raise ValueError(f"there is no check {check!r}; the checks are {', '.join(CHECKS)}")
        return [finding for finding in self.findings if finding.check == check]

    def worst(self, number: int = 4) -> None:
        """Show at most `number` images with findings, their masks laid over them; problems come first."""
        shown: dict[tuple[str, int], tuple[Tensor, str]] = {}
        for one in self.findings:
            if one.index is None or (one.split, one.index) in shown or len(shown) == number:
                continue
            if (image := _image(self.datasets[one.split], one.index)) is not None:
                shown[one.split, one.index] = image, f"{one.sample}: {one.check}"
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
        """One to three sentences that say what to do."""
        wrong, odd, rare = (sum(CHECKS[one.check][0] == level for one in self.findings) for level in LEVELS)
        verdict = "Nothing is wrong."
        if wrong:
            problems, samples = ("problem", "the sample") if wrong == 1 else ("problems", "these samples")
            verdict = f"{wrong} {problems} found: fix or remove {samples}."
        if odd:
            verdict += f" {odd} suspicious: look at {'it' if odd == 1 else 'them'} and decide."
        return verdict + (f" {rare} unusual." if rare else "")

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
    image = None
    with suppress(Exception):  # whatever a strange file causes: what was found is shown without it
        image, mask = (tensor.as_subclass(Tensor) for tensor in dataset[index])
        return overlay(image, mask, dataset.classes)
    return image


def audit(data: SegmentationDataset | Mapping[str, SegmentationDataset]) -> Audit:
    """Look for everything that is usually wrong with a data set.

    Each sample is read once with its objects, on all cores (or as `joblib.parallel_config` says), with a
    progress bar. Nothing is changed, and no file stops it: what cannot be read is a finding.

    What is found is *wrong* (certain: fix it or remove the sample), *suspicious* (usually a fault: look, and
    decide) or *unusual* (right, but you should know). The command line ends with status 1 only for the first.

    Images that occur more than once are found even if they were saved anew or resized: they differ by at most
    6 of 64 bits in both of two hashes, pHash (low frequencies) and dHash (brightness steps along each row). A
    mirrored, turned or cropped copy is not found; frames of a video that hardly changes are. Keep one image
    of each pair, or both in one split; otherwise the test score measures memorisation. At most fifty copies
    of one image are listed.

    Args:
        data: one data set, or split -> data set. Images in two splits are found only if several are given.

    Raises:
        ValueError: there is no sample at all.

    Example:
        >>> from seglib.scenes import Scenes
        >>> audit(Scenes(12)).wrong
        []
    """
    datasets = dict(data) if isinstance(data, Mapping) else {getattr(data, "split", ""): data}
    for dataset in datasets.values():
        check_dataset(dataset)
    if not sum(map(len, datasets.values())):
        raise ValueError("there is no sample to look at: every split is empty")
    checked: list[_Checked] = []
    found: list[Finding] = []
    for split, dataset in datasets.items():
        datasets[split], problem = _with_classes(dataset)
        here = _samples(split, datasets[split])
        if problem and not any(problem in message for one in here for _, message in one.faults):
            found.append(Finding("classes", split, None, split, problem))
        checked += here
    found += _findings(datasets, checked)
    return Audit(datasets, tuple(sorted(found, key=lambda finding: [*CHECKS].index(finding.check))))


def _with_classes(dataset: SegmentationDataset) -> tuple[SegmentationDataset, str]:
    """The data set; if its classes cannot be found, a copy in which any value is one, and the reason."""
    try:
        return dataset, "" if len(dataset.classes) else "the data set has no class"
    except (ValueError, OSError) as error:
        stand_in = copy.copy(dataset)
        stand_in.classes = Classes.of(*map(str, range(VOID)))
        return stand_in, str(error)


def _samples(split: str, dataset: SegmentationDataset) -> list[_Checked]:
    """Every sample of a split."""
    tasks = (delayed(_looked_at)(dataset, split, index, name) for index, name in enumerate(dataset.names()))
    work = Parallel(n_jobs=-1, prefer="threads", return_as="generator")(tasks)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what they would say is among the findings
        return [*tracked(work, len(dataset), f"Looking at {split}")]


# One sample at a time.


def _looked_at(dataset: SegmentationDataset, split: str, index: int, name: str) -> _Checked:
    """Read one sample and check it. Raises nothing: an error in a thread would end the whole audit."""
    place = (split, index, f"{split}/{name}")
    try:
        return _check(dataset, index, place)
    except Exception as error:  # of any type, because files are strange in ways that nobody foresees
        known = isinstance(error, (ValueError, OSError))
        text = str(error) if known else f"{type(error).__name__}: {first_line(error)}"
        checks: dict[type, str] = {SizeError: "sizes differ", LabelError: "no such class"}
        return _Checked(*place, [(checks.get(type(error), "unreadable"), text)])


def _check(dataset: SegmentationDataset, index: int, place: tuple[str, int, str]) -> _Checked:
    image, mask = (tensor.as_subclass(Tensor) for tensor in dataset[index])
    check_image(image)
    if image.shape[-2:] != mask.shape:
        raise SizeError(f"the image is {tuple(image.shape)}, the mask {tuple(mask.shape)}")
    values = set(np.flatnonzero(np.bincount(mask.numpy().ravel())).tolist())
    shown = to_pil_image(image)
    unclear = [*_image_faults(shown)]
    faults = [*_mask_faults(values, dataset), *unclear]
    if (instances := dataset.instances(index)) is not None:
        faults += [*_object_faults(instances, mask, dataset), *_box_faults(dataset, index)]
    size, present = (mask.shape[0], mask.shape[1]), frozenset(values - {VOID})
    digest = hashlib.sha256(f"{tuple(image.shape)}".encode() + image.numpy().tobytes()).digest()
    bits = None if unclear else hashes(shown)
    return _Checked(*place, faults, size, present, digest, bits, _blobs(mask.numpy(), dataset))


def hashes(image: Pillow.Image) -> tuple[int, int]:
    """Two hashes of 64 bits: of the low frequencies (pHash) and of the steps along each row (dHash)."""
    return int(str(imagehash.phash(image)), 16), int(str(imagehash.dhash(image)), 16)


def _mask_faults(values: set[int], dataset: SegmentationDataset) -> Iterator[Fault]:
    """Mask values that are not classes, and masks without a label or an object."""
    classes = dataset.classes
    if wrong := sorted(value for value in values if len(classes) <= value != VOID):
        allowed = f"0..{len(classes) - 1} and {VOID} (void)"
        yield "no such class", f"the mask holds {', '.join(map(str, wrong))}; the classes are {allowed}"
    elif values == {VOID}:
        yield "all void", "every pixel of the mask is void: there is nothing to learn from"
    elif classes.background is not None and values <= {classes.background, VOID}:
        yield "background only", "the mask holds nothing but background"


def _image_faults(image: Pillow.Image) -> Iterator[Fault]:
    """Images that show nothing, or nearly nothing."""
    counts = np.array(image.histogram()).reshape(-1, 256).sum(0)
    levels = np.arange(256)
    mean = (counts * levels).sum() / counts.sum()
    deviation = math.sqrt((counts * (levels - mean) ** 2).sum() / counts.sum())
    brightest = int(np.searchsorted(counts.cumsum(), 0.99 * counts.sum()))
    if deviation < BLANK:
        yield "blank image", f"its values vary by {deviation:.1f} grey levels"
    elif brightest < DARK:
        yield "dark image", f"99 % of its values are {brightest} of 255 or less"


def _blobs(labels: NDArray[np.uint8], dataset: SegmentationDataset) -> tuple[int, int]:
    """See `class_lists.blobs`; of 256 rows and columns at most, and only where nobody has named classes."""
    if not all(re.fullmatch(r"(class )?\d+", name) for name in dataset.classes):
        return 0, 0
    step = math.ceil(max(labels.shape) / 256)
    small = labels[::step, ::step]
    return blobs(np.where(small == VOID, 0, small))


def _object_faults(instances: Instances, mask: Tensor, dataset: SegmentationDataset) -> Iterator[Fault]:
    """Objects whose own mask contradicts the image's mask."""
    for number, (shape, label) in enumerate(zip(instances.masks, instances.classes.tolist())):
        pixels = mask[shape]
        differ = ((pixels != label) & (pixels != VOID)).sum().item()
        if not len(pixels):
            yield "objects", f"object {number} has no pixel"
        elif (share := differ / max((pixels != VOID).sum().item(), 1)) > FOREIGN:
            name = dataset.classes.names[label]
            yield "objects", f"object {number} is {name}, but {percent(share)} of its pixels are not"


def _box_faults(dataset: SegmentationDataset, index: int) -> Iterator[Fault]:
    """Boxes with a side that is not where the mask's is."""
    try:
        stated = dataset.stated_boxes(index)
    except ValueError as error:
        yield "unreadable", str(error)
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


def _findings(datasets: Mapping[str, SegmentationDataset], checked: Sequence[_Checked]) -> Iterator[Finding]:
    """What was found in each sample, and what shows only when samples, or splits, are compared."""
    median = statistics.median([math.prod(one.size) for one in checked if one.size] or [0])
    for one in checked:
        for check, text in [*one.faults, *(_size_faults(*one.size, median) if one.size else ())]:
            yield Finding(check, one.split, one.index, one.name, text)
    for split, dataset in datasets.items():
        for check, text in _split_faults(dataset, [one for one in checked if one.split == split]):
            yield Finding(check, split, None, split, text)
    yield from _duplicates(checked)
    yield from _videos(checked)


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


def _split_faults(dataset: SegmentationDataset, checked: Sequence[_Checked]) -> Iterator[Fault]:
    """What is odd about a split as a whole."""
    present = set[int]().union(*(one.present for one in checked))
    absent = [name for label, name in enumerate(dataset.classes) if label not in present]
    if absent and len(absent) < VOID and any(one.size for one in checked):
        yield "class missing", f"no mask holds {', '.join(absent)}"
    if dataset.split != "train" and 0 < len(checked) < FEW:
        few = f"{len(checked)} image{'s' * (len(checked) > 1)}"
        yield "small split", f"a score over {few} says little; collect more, or divide the folder yourself"
    numbers, single = (sum(one.blobs[k] for one in checked) for k in (0, 1))
    if numbers >= MANY and single >= ONE_BLOB * numbers:
        found = f"{percent(single / numbers)} of the numbers in its masks are one connected blob"
        remedy = "if these are objects of one class, list all numbers as its values in a classes.json"
        yield "numbers of objects", f"{found}; {remedy}"
    sources = dict.fromkeys(dataset.origin(index)[0] for index in range(len(dataset)))
    for topic, text in (note for source in sources for note in source.notes.items()):
        yield topic if topic in ("crowds", "palettes", "orientation") else "note", text


def _differing(codes: NDArray[np.uint64], others: NDArray[np.uint64]) -> Any:
    """(N,) uint8: of 64 bits, how many differ in the worse of two hashes."""
    return np.bitwise_count(codes ^ others).max(axis=-1)


def _duplicates(checked: Sequence[_Checked]) -> list[Finding]:
    """Images that occur more than once, the most alike first."""
    readable = [one for one in checked if one.bits]
    codes = np.array([one.bits for one in readable], np.uint64).reshape(-1, 2)
    found = []
    for number, one in enumerate(readable, 1):
        differ = _differing(codes[number - 1], codes[number:])
        near = np.flatnonzero(differ <= NEAR)
        for place in near[np.argsort(differ[near], kind="stable")][:COPIES].tolist():
            other = readable[number + place]
            same, apart = one.digest == other.digest, one.split != other.split
            check = ("leak" if apart else "twice") if same else ("near leak" if apart else "nearly twice")
            message = f"{differ[place]} of 64 bits of their hashes differ"
            message = "every pixel is the same" if same else message
            finding = Finding(check, one.split, one.index, f"{one.name} = {other.name}", message)
            found.append((not same, differ[place], one.name, other.name, finding))
    return [finding for *_, finding in sorted(found, key=lambda pair: pair[:4])]


def _videos(checked: Sequence[_Checked]) -> Iterator[Finding]:
    """Neighbours by the numbers in their names, in two splits, that look alike though others do not."""
    series = defaultdict(list)
    for one in checked:
        if one.bits and (parts := re.fullmatch(r"(.*?)(\d+)(\D*)", one.name.partition("/")[2])):
            series[parts[1], parts[3]].append((int(parts[2]), one))
    pairs = defaultdict(list)
    for members in series.values():
        members.sort(key=lambda member: member[0])
        for (_, one), (_, other) in pairwise(members):
            if one.split != other.split:
                pairs[tuple(sorted((one.split, other.split)))].append((one, other))
    for (split, other_split), neighbours in pairs.items():
        first, second = (np.array([pair[k].bits for pair in neighbours], np.uint64) for k in (0, 1))
        near = np.median(_differing(first, second))
        far = np.median(_differing(first, np.roll(second, len(second) // 2, axis=0)))
        if len(neighbours) >= FEW and near <= far / 2:
            names = f"{neighbours[0][0].name}, {neighbours[0][1].name}"
            pairs_of = f"{len(neighbours)} pairs of consecutive images are in {split} and {other_split}"
            alike = f"look alike ({near:.0f} of 64 bits differ, {far:.0f} between other images)"
            remedy = "put each video into one split, or the test score measures memory"
            yield Finding("video", split, None, names, f"{pairs_of} and {alike}; {remedy}")
