"""What may be wrong with a sample of a data set, and with its samples compared with each other."""

import hashlib
import math
import re
import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from torch import Tensor
from torchvision.transforms.functional import to_pil_image

from seglib import boxes
from seglib.data.class_lists import MANY, ONE_BLOB, blobs
from seglib.data.dataset import Instances, SegmentationDataset
from seglib.data.files import LabelError, SizeError
from seglib.files import first_line
from seglib.labels import VOID, check_image, percent

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
CHECK_OF: dict[type[Exception], str] = {SizeError: "sizes differ", LabelError: "no such class"}
BLANK = 2.0  # grey levels: an image whose values have a smaller standard deviation shows nothing
DARK = 20  # grey levels: an image is nearly black if 99 % of its values are below
BOX_PIXELS, BOX_SHARE = 2, 0.05  # a side of a box may be off by the larger of pixels and share of the box
FOREIGN = 0.1  # the share of an object's pixels that may have another class in the mask
TINY, STRIP, FAR = 32, 4.0, 10.0  # shorter side in pixels; longer side by shorter; area by the median area
FEW = 5  # images in a split that is not for training
# Two images are the same if at most so many of 64 bits differ, in both hashes. Measured
# (benchmarks/duplicates.py) on 80 pets and 80 frames of CamVid: a copy saved as JPEG of quality 20 differs by
# 6 at most; halved, enlarged or squashed to a square, by 4. Among 600 pets the nearest two that are not the
# same photograph differ by 10.
NEAR = 6
COPIES = 50  # listed of one image, at most: a thousand equal ones would make half a million pairs


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
        """Whether it is certainly wrong and must be fixed."""
        return CHECKS[self.check][0] == "wrong"


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
        bits: two hashes of what its image looks like, see `hashes`; None if it shows nothing.
        blobs: how many numbers its mask holds, and how many of them are one connected region; of masks with
            numbered classes.
    """

    split: str
    index: int
    name: str
    faults: list[Fault]
    size: tuple[int, int] | None = None
    present: frozenset[int] = frozenset()
    digest: bytes = b""
    bits: tuple[int, int] | None = None
    blobs: tuple[int, int] = (0, 0)


def looked_at(dataset: SegmentationDataset, split: str, index: int, name: str) -> Checked:
    """Read one sample and check it. Raises nothing: an error in a thread would end the whole audit."""
    place = (split, index, f"{split}/{name}")
    try:
        return _check(dataset, index, place)
    except Exception as error:  # of any type, because files are strange in ways that nobody foresees
        known = isinstance(error, (ValueError, OSError))
        text = str(error) if known else f"{type(error).__name__}: {first_line(error)}"
        return Checked(*place, [(CHECK_OF.get(type(error), "unreadable"), text)])


def _check(dataset: SegmentationDataset, index: int, place: tuple[str, int, str]) -> Checked:
    image, mask = (tensor.as_subclass(Tensor) for tensor in dataset[index])
    check_image(image)
    if image.shape[-2:] != mask.shape:
        raise SizeError(f"the image is {tuple(image.shape)}, the mask {tuple(mask.shape)}")
    instances = dataset.instances(index)
    labels = mask.numpy()
    values = set(np.flatnonzero(np.bincount(labels.ravel(), minlength=VOID + 1)).tolist())
    shown = to_pil_image(image)
    unclear = [*_image_faults(shown)]
    faults = [*_mask_faults(values, dataset), *unclear]
    if instances is not None:
        faults += [*_object_faults(instances, mask, dataset), *_box_faults(dataset, index)]
    digest = hashlib.sha256(f"{tuple(image.shape)}".encode() + image.numpy().tobytes()).digest()
    return Checked(
        *place, faults, (mask.shape[0], mask.shape[1]), frozenset(values - {VOID}), digest,
        bits=None if unclear else hashes(shown),
        blobs=blobs(_seen_from_afar(labels)) if _unnamed(dataset) else (0, 0),
    )  # fmt: skip


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


def _unnamed(dataset: SegmentationDataset) -> bool:
    """Whether nobody has named the classes."""
    return all(re.fullmatch(r"(class )?\d+", name) for name in dataset.classes)


def _seen_from_afar(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Every n-th row and column of a mask, at most 256 a side; 0 where it is void."""
    step = math.ceil(max(labels.shape) / 256)
    small = labels[::step, ::step]
    return np.where(small == VOID, 0, small)


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


def compared(datasets: Mapping[str, SegmentationDataset], checked: Sequence[Checked]) -> Iterator[Finding]:
    """What shows only when samples, or splits, are compared with each other."""
    areas = [math.prod(one.size) for one in checked if one.size]
    median = statistics.median(areas) if areas else 0
    for one in checked:
        for check, text in _size_faults(*one.size, median) if one.size else ():
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


def _split_faults(dataset: SegmentationDataset, checked: Sequence[Checked]) -> Iterator[Fault]:
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
        share = percent(single / numbers, 0)
        yield "numbers of objects", f"{share} of the numbers in its masks are one connected blob; {_NUMBERS}"
    sources = dict.fromkeys(dataset.origin(index)[0] for index in range(len(dataset)))
    for topic, text in (note for source in sources for note in source.notes.items()):
        yield topic if topic in ("crowds", "palettes", "orientation") else "note", text


_NUMBERS = "if these are objects of one class, list all numbers as its values in a classes.json"


def _differing(codes: NDArray[np.uint64], others: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """Of 64 bits, how many differ in the worse of two hashes."""
    differ: NDArray[np.uint8] = np.bitwise_count(codes ^ others).max(axis=-1)
    return differ


def _duplicates(checked: Sequence[Checked]) -> list[Finding]:
    """Images that occur more than once, the most alike first."""
    readable = [one for one in checked if one.bits]
    codes = np.array([one.bits for one in readable], np.uint64).reshape(-1, 2)
    found = []
    for number, one in enumerate(readable, 1):
        differ = _differing(codes[number - 1], codes[number:])
        near = np.flatnonzero(differ <= NEAR)
        for place in near[np.argsort(differ[near], kind="stable")][:COPIES].tolist():
            other = readable[number + place]
            same = one.digest == other.digest
            apart = one.split != other.split
            check = ("leak" if apart else "twice") if same else ("near leak" if apart else "nearly twice")
            bits = f"{differ[place]} of 64 bits of their hashes differ"
            message = "every pixel is the same" if same else bits
            finding = Finding(check, one.split, one.index, f"{one.name} = {other.name}", message)
            found.append((not same, differ[place], one.name, other.name, finding))
    return [finding for *_, finding in sorted(found, key=lambda pair: pair[:4])]


def _videos(checked: Sequence[Checked]) -> Iterator[Finding]:
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
            alike = f"{near:.0f} of 64 bits differ, {far:.0f} between other images"
            yield Finding("video", split, None, names, f"{pairs_of} and look alike ({alike}); {_VIDEO}")


_VIDEO = "put each video into one split, or the test score measures memory"
