"""A folder of your own as a data set: images with masks, and what the numbers in the masks mean."""

import glob
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from seglib.data.class_lists import ClassList, class_list, read_class_list
from seglib.data.dataset import Instances, Reading, SplitError, by_name, check_split
from seglib.data.files import (
    PAINTED,
    FileDataset,
    LabelError,
    Sample,
    instances_of,
    listed,
    match_size,
    read_labels,
)
from seglib.data.pairing import lists, match, published
from seglib.data.tree import Group, Tree, images_in, is_clutter, role
from seglib.files import naming
from seglib.labels import VOID, Classes
from seglib.progress import tracked

MANY = 10  # values in one mask, from which on they may be numbers of objects


@dataclass(frozen=True)
class Request:
    """What is to be opened.

    Attributes:
        tree: the folder.
        split: "train", "val" or "test".
        page: which image of files that hold several.
        crowds: what the crowds of a COCO file are, "void" or "objects".
    """

    tree: Tree
    split: str
    page: int | None = None
    crowds: str = "void"

    @cached_property
    def classes(self) -> ClassList:
        """The folder's class list, read by the layouts that need it."""
        return read_class_list(self.tree.path)


class PairFolder(FileDataset):
    """Images and masks in folders of your own, with a class list or with numbered classes.

    Without a class list, the classes are "class 0", "class 1", ... for the values that occur in any mask. All
    masks are read to find them, once, when they are first needed. If then every value is one connected
    region, and there are many, they are numbers of objects: one class, "object".

    Args:
        name: what the data set is called.
        split: "train", "val" or "test".
        samples: the files.
        listed: the class list.
        masks: the masks of all splits, for the classes.
        reading: how the folder was understood.
        page: which image of files that hold several.
    """

    def __init__(
        self, name: str, split: str, samples: Sequence[Sample], listed: ClassList, *,
        masks: Sequence[str], reading: Reading, page: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__(name, split, None, samples, painted=listed.painted, page=page)
        self.listed, self.masks, self.reading = listed, masks, reading
        for text in reading.left_out:
            self.note(text, f"{name}, {split}: left out {text}")

    @cached_property
    def meaning(self) -> ClassList:
        """The class list, or what the masks of all splits show where there is none."""
        if self.listed.classes is not None:
            return self.listed
        found = self._look()
        assert self.reading
        self.reading = self.reading._replace(source=found.source)
        if found.objects:
            self.note("objects", f"{Path(self.masks[0]).parent}: {_OBJECTS}")
        return found

    @property
    def classes(self) -> Classes:
        """The classes of the list, or those found in the masks of all splits: a class may be rare."""
        assert self.meaning.classes
        return self.meaning.classes

    @classes.setter
    def classes(self, classes: Classes) -> None:
        """Value k is class k, whatever the masks hold."""
        self.meaning = ClassList(classes, None, {k: k for k in range(len(classes))}, "as set")

    @property
    def values(self) -> Mapping[int, int]:  # type: ignore[override]
        """The value in a mask file -> the class, or 255."""
        return self.meaning.values

    def _look(self) -> ClassList:
        """Classes for the values in all masks."""
        values: set[int] = set()
        regions = numbers = 0
        for path in tracked(self.masks, len(self.masks), "Looking for classes (a classes.txt saves this)"):
            labels = read_labels(Path(path), self.page)
            if labels.ndim == 3:
                raise LabelError(f"{path}: {PAINTED}")
            here = set(np.unique(labels).tolist())
            values |= here
            if len(here) > MANY and numbers < 1000:
                regions, numbers = regions + _regions(labels), numbers + len(here - {0})
        if numbers and regions <= 1.1 * numbers:
            classes = Classes.of("background", "object")
            source = "the masks hold numbers of objects: each is one connected region"
            return ClassList(classes, None, self.listed.values, source, objects=True)
        return _numbered(values, Path(self.masks[0]).parent, self.listed)

    def decode(self, index: int, labels: NDArray[Any]) -> NDArray[np.uint8]:
        """As in `FileDataset`, with a warning about the most common mistake: objects stored as 255."""
        if self.meaning.objects:
            void = [value for value, label in self.values.items() if label == VOID]
            ids = object_ids(labels)
            return np.where(np.isin(ids, void), VOID, ids != 0).astype(np.uint8)
        mask = super().decode(index, labels)
        if len(self.classes) == 2 and VOID not in self.values and set(np.unique(mask).tolist()) == {0, VOID}:
            found = "the mask holds only 0 and 255, and 255 is void; if 255 is your object, "
            self.note("only void", f"{self.samples[index].mask}: {found}{_LIST_VALUES}")
        return mask

    def instances(self, index: int) -> Instances | None:
        """The objects where the masks hold their numbers; else None."""
        if not self.meaning.objects:
            return None
        image, mask = self[index]
        sample = self.samples[index]
        ids = object_ids(read_labels(Path(sample.mask), self.page))
        turned = match_size(torch.from_numpy(ids), image, Path(sample.image), sample.mask, None)
        numbers = turned[mask == 1].unique()
        return instances_of(turned == numbers[:, None, None], torch.ones(len(numbers)))


_LIST_VALUES = (
    "write a classes.json next to the folders with one value in the masks for each name, for example"
    ' {"names": ["background", "object"], "values": [0, 255]}'
)
_OBJECTS = (
    "these look like instances: the masks hold many numbers, each one connected region. All of them"
    " are read as one class, 'object'. If they are classes, list them in classes.txt; to name the class,"
    ' write a classes.json: {"names": ["background", "cell"], "objects": true}'
)


def _regions(labels: NDArray[Any]) -> int:
    """How many connected regions of one value a mask has, without those of 0."""
    from skimage.measure import label  # only here: a third of a second to import

    return int(label(labels, background=0, connectivity=2).max())


def object_ids(labels: NDArray[Any]) -> NDArray[np.int64]:
    """Numbers of objects; painted ones are numbered by their colours."""
    labels = labels.astype(np.int64)
    return labels if labels.ndim == 2 else labels @ np.array([65536, 256, 1])


def _numbered(values: set[int], folder: Path, listed_: ClassList) -> ClassList:
    """Classes for the values in mask files; those that the list calls void, and 255, are none."""
    indices = sorted(values - {VOID} - set(listed_.values))
    if (
        not indices
        or values == {0, VOID}
        or 2 * len(indices) < indices[-1] + 1 - indices[0]
        or indices[0] < 0
    ):
        found = listed([*map(str, sorted(values))], 20)
        wrong = f"{found}, which are not class indices 0, 1, 2, ... and 255 for void"
        raise LabelError(
            f'{folder}: the masks hold the values {wrong}; {_LIST_VALUES}; "void": [...] names others'
        )
    with naming(folder):
        classes = Classes.of(*(f"class {value}" for value in indices))
    meaning = dict(listed_.values) | {value: k for k, value in enumerate(indices)}
    return ClassList(classes, None, meaning, "the values in the masks; a classes.txt gives them names")


# Opening.


def open_pairs(
    request: Request, found: Mapping[str, Group], *, layout: str, classes: ClassList | None = None,
    kind: type[PairFolder] = PairFolder,
) -> PairFolder:  # fmt: skip
    """The pairs of one split: by the folders' own division, the publisher's lists, or the hash of the names.

    Args:
        request: what is to be opened.
        found: split -> image files and mask files; "" for files that are not divided.
        layout: what the layout is called.
        classes: the meaning of the values; by default the folder's class list.
        kind: the class of the data set.

    Raises:
        ValueError: images and masks do not match; SplitError if there is no such split.
    """
    path, split = request.tree.path, request.split
    part = part_of(path, split, found)
    matched = match(path, found[part])
    samples, left_out = ([*matched.samples.values()], []) if part else _divided(request, matched.samples)
    left_out = [*left_out, *matched.left_out, *dict.fromkeys(request.tree.left_out)]
    meaning = classes or request.classes
    source = meaning.source or "the values in the masks; a classes.txt gives them names"
    reading = Reading(layout, source, meaning.void, matched.rule, tuple(left_out))
    masks = [*dict.fromkeys(chain.from_iterable(group.masks.values() for group in found.values()))]
    return kind(path.name, split, samples, meaning, masks=masks, reading=reading, page=request.page)


def _divided(request: Request, samples: Mapping[str, Sample]) -> tuple[list[Sample], list[str]]:
    """The samples of a split, by the publisher's lists or by the hash of the names, and what is in no list.

    Lists of other things (fewer than half of their names are samples) are passed over.
    """
    split, names = request.split, lists(request.tree)
    found = {each: published(samples, names[each]) for each in names}
    known = sum(len(some) for some, _ in found.values())
    if not names or 2 * known < sum(map(len, names.values())):
        return [samples[key] for key in by_name(samples)[split]], []
    part_of(request.tree.path, split, names)  # raises where there is no list of this split
    some, absent = found[split]
    unlisted = len(samples) - len({one for some, _ in found.values() for one in some})
    left_out = [f"names in the list of {split} without a pair: {len(absent)} ({listed(absent)})"]
    return some, left_out * bool(absent) + [f"pairs that are in no list: {unlisted}"] * bool(unlisted)


def part_of(path: Path, split: str, there: Mapping[str, object]) -> str:
    """The split where the folder is divided into splits, "" where it is not."""
    if split not in there and "" not in there:
        raise SplitError(f"{path}: there is no split '{split}'; there is {', '.join(map(repr, there))}")
    return "" if "" in there else split


FilesOf = str | Path | Sequence[str | Path]


def pairs(
    images: FilesOf, masks: FilesOf, classes: Any = None, *, split: str | None = None,
    objects: bool = False, page: int | None = None,
) -> PairFolder:  # fmt: skip
    """Images and masks, wherever they lie and whatever they are called.

    Two lists are paired in their order. Folders and patterns are paired by the names of the files: equal, or
    with a common prefix or suffix.

    Args:
        images: files, a folder, or a pattern such as "photos/**/*.jpg".
        masks: the same of the masks.
        classes: names in the order of the values 0, 1, 2, ...; a dictionary value -> name, where None is void
            and two values of one name are one class; `Classes`; a file with a class list. Without it the
            classes are numbered.
        split: None for all images; "train", "val" or "test" divides them 70 : 15 : 15 by their names.
        objects: the masks hold numbers of objects; needs two classes, or none.
        page: which image of files that hold several, from 0.

    Raises:
        FileNotFoundError: a file is missing, or nothing matches a pattern.
        ValueError: lists of different lengths, names that do not match, classes that cannot be understood.

    Example:
        >>> import tempfile
        >>> from PIL import Image
        >>> folder = Path(tempfile.mkdtemp())
        >>> for name in ("a photo.jpg", "a mask.png"):
        ...     Image.new("L", (4, 3)).save(folder / name)
        >>> data = pairs(folder / "*.jpg", folder / "*.png", {0: "sea", 1: "fish", 250: None})
        >>> len(data), data.classes.names, data[0][1].shape
        (1, ('sea', 'fish'), torch.Size([3, 4]))
    """
    check_split(split or "train")
    photos, labels = _files(images), _files(masks)
    if isinstance(classes, (str, Path)):
        meaning = read_class_list(Path(classes).expanduser())
    else:
        meaning = ClassList() if classes is None else class_list(classes, "classes of pairs()")
    if objects:
        names = ["background", "object"] if meaning.classes is None else [*meaning.classes]
        meaning = class_list({"names": names, "objects": True}, meaning.source or "objects=True")
    ordered = not isinstance(images, (str, Path)) and not isinstance(masks, (str, Path))
    if ordered and len(photos) != len(labels):
        raise ValueError(
            f"{len(photos)} images and {len(labels)} masks: lists are paired in order, so give as many masks"
            " as images, or two patterns, which are paired by names"
        )
    if ordered:
        samples = {str(k): Sample(p.stem, str(p), str(m)) for k, (p, m) in enumerate(zip(photos, labels))}
        rule, left_out = f"{len(samples)}, in the order given", tuple[str, ...]()
    else:
        samples, rule, left_out = match("pairs", Group(_keyed(photos), _keyed(labels)))
    keys = [*samples] if split is None else by_name(samples)[split]
    source = meaning.source or "the values in the masks; pairs(..., classes=[...]) gives them names"
    reading = Reading("images and masks as given", source, meaning.void, rule, tuple(left_out))
    return PairFolder(
        photos[0].parent.name, split or "train", [samples[key] for key in keys], meaning,
        masks=[*map(str, labels)], reading=reading, page=page,
    )  # fmt: skip


def _files(given: FilesOf) -> list[Path]:
    """The files of a folder or a pattern, sorted, or of a list, in its order."""
    if not isinstance(given, (str, Path)):
        files = [Path(each).expanduser() for each in given]
    elif (path := Path(given).expanduser()).is_dir():
        files = [Path(file) for file in images_in(path).values()]
    else:
        files = [Path(file) for file in sorted(glob.glob(str(path), recursive=True))]  # noqa: PTH207
        files = [file for file in files if file.is_file() and not is_clutter(file.name)]
    if not files:
        raise FileNotFoundError(f"{given}: no image here")
    if absent := [file for file in files if not file.is_file()]:
        raise FileNotFoundError(f"{absent[0]}: no such file ({len(absent)} are missing)")
    return files


def _keyed(files: Sequence[Path]) -> dict[tuple[str, str], str]:
    """(subfolder, stem) -> path, for `match`."""
    parents = [file.resolve().parent.parts for file in files]
    common = 0
    while all(len(parts) > common and parts[common] == parents[0][common] for parts in parents):
        common += 1
    keyed: dict[tuple[str, str], str] = {}
    for file, parts in zip(files, parents):
        key = role(parts[common:])[2], file.stem
        if key in keyed:
            raise ValueError(f"{file} and {keyed[key]} have the same name; give two lists in the same order")
        keyed[key] = str(file)
    return keyed
