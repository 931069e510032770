"""A folder of your own as a data set: images with masks, and what the numbers in the masks mean."""

import glob
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.tv_tensors import Image, Mask

from seglib.data import dataset, pairing
from seglib.data.class_lists import HOW_TO_LIST, ClassList, class_list, of_objects, read_class_list, shown_by
from seglib.data.dataset import Instances, Part, Reading, SegmentationDataset, SplitError
from seglib.data.files import FileDataset, Sample, instances_of, match_size, read_image, read_labels
from seglib.data.pairing import Files, Group, Tree, counted
from seglib.data.photographs import objects_in
from seglib.files import as_path, naming, read_text
from seglib.labels import VOID, Classes


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

    def classes_or(self, published: ClassList) -> ClassList:
        """The folder's class list or, where it has none, the classes that were published."""
        return self.classes if self.classes.source else published

    def part(self, there: Mapping[str, object]) -> str:
        """The split among those that are there; "" where the folder is not divided into splits."""
        if self.split not in there and "" not in there:
            found = ", ".join(map(repr, there))
            raise SplitError(f"{self.tree.path}: there is no split '{self.split}'; there is {found}")
        return "" if "" in there else self.split


D = TypeVar("D", bound=SegmentationDataset)


def understood(data: D, reading: Reading) -> D:
    """The data set with what was concluded about it; what was left out is a warning too."""
    data.reading = reading
    for text in reading.left_out:
        data.note(text, f"{data.name}, {data.split}: left out {text}")
    return data


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
        page: which image of files that hold several.
    """

    def __init__(
        self, name: str, split: str, samples: Sequence[Sample], listed: ClassList, *,
        masks: Sequence[str], page: int | None,
    ) -> None:  # fmt: skip
        super().__init__(name, split, None, samples, painted=listed.painted, page=page)
        self.listed, self.masks = listed, masks

    @cached_property
    def meaning(self) -> ClassList:
        """The class list, or what the masks of all splits show where there is none."""
        if self.listed.classes is not None:
            return self.listed
        found = shown_by(self.masks, self.listed, self.page)
        if self.reading:
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

    def decode(self, index: int, labels: NDArray[Any]) -> NDArray[np.uint8]:
        """As in `FileDataset`, with a warning about the most common mistake: objects stored as 255."""
        if self.meaning.objects:
            void = [value for value, label in self.values.items() if label == VOID]
            ids = object_ids(labels)
            return np.where(np.isin(ids, void), VOID, ids != 0).astype(np.uint8)
        mask = super().decode(index, labels)
        if len(self.classes) == 2 and VOID not in self.values and set(np.unique(mask).tolist()) == {0, VOID}:
            found = "the mask holds only 0 and 255, and 255 is void; if 255 is your object, "
            self.note("only void", f"{self.samples[index].mask}: {found}{HOW_TO_LIST}")
        return mask

    def instances(self, index: int) -> Instances | None:
        """The objects in `SegmentationObject/`, as in VOC, or those that the masks number; else None."""
        sample = self.samples[index]
        path = Path(sample.mask)
        apart = path.parent.parent / "SegmentationObject" / path.name
        if apart.is_file():
            path = apart
        elif not self.meaning.objects:
            return None
        image, mask = self[index]
        ids = torch.from_numpy(object_ids(read_labels(path, self.page)))
        ids = match_size(ids, image, Path(sample.image), str(path), None)
        if path == apart:
            return objects_in(ids, mask)
        numbers = ids[mask == 1].unique()
        return instances_of(ids == numbers[:, None, None], torch.ones(len(numbers)))


_OBJECTS = (
    "these look like instances: the masks hold many numbers, each one connected region. All of them"
    " are read as one class, 'object'. If they are classes, list them in classes.txt; to name the class,"
    ' write a classes.json: {"names": ["background", "cell"], "objects": true}'
)


def object_ids(labels: NDArray[Any]) -> NDArray[np.int64]:
    """Numbers of objects; painted ones are numbered by their colours."""
    labels = labels.astype(np.int64)
    return labels if labels.ndim == 2 else labels @ np.array([65536, 256, 1])


# Opening.


def open_pairs(
    request: Request, found: Mapping[str, Group], layout: str, classes: ClassList | None = None
) -> PairFolder | None:
    """The pairs of one split: by the folders' own division, the publisher's lists, or the hash of the names.

    Args:
        request: what is to be opened.
        found: split -> image files and mask files; "" for files that are not divided. Without any, there is
            no data set.
        layout: what the layout is called.
        classes: the meaning of the values; by default the folder's class list.

    Raises:
        ValueError: images and masks do not match; SplitError if there is no such split.
    """
    if not found:
        return None
    path, part = request.tree.path, request.part(found)
    matched = pairing.match(path, found[part])
    samples, left_out = _chosen(request, part, matched.samples)
    left_out = [*left_out, *matched.left_out, *dict.fromkeys(request.tree.left_out)]
    meaning = classes or request.classes
    others = (group.masks.values() for other, group in found.items() if other != part)
    masks = [*dict.fromkeys(chain((one.mask for one in matched.samples.values()), *others))]
    data = PairFolder(path.name, request.split, samples, meaning, masks=masks, page=request.page)
    return understood(data, meaning.reading(layout, matched.rule, left_out))


def _chosen(request: Request, part: str, samples: Mapping[str, Sample]) -> tuple[list[Sample], list[str]]:
    """The samples of the split, and what is left out.

    They are all that there are, if the folder is divided; else those of the publisher's lists or, by the hash
    of their names, of `by_name`. Lists of other things (fewer than half of their names are samples) are
    passed over.
    """
    if part:
        return [*samples.values()], []
    split, names = request.split, _lists(request.tree)
    known = {name: one for one in samples.values() for name in (one.id, Path(one.image).name)}
    there = [name for some in names.values() for name in some]
    if not names or 2 * sum(name in known for name in there) < len(there):
        return [samples[key] for key in dataset.by_name(samples)[split]], []
    wanted = [*dict.fromkeys(names[request.part(names)])]
    absent = [name for name in wanted if name not in known]
    left_out = [*counted((f"names in the list of {split} without a pair", absent))]
    if unlisted := len(samples) - len({known[name] for name in there if name in known}):
        left_out.append(f"pairs that are in no list: {unlisted}")
    return [known[name] for name in wanted if name in known], left_out


def _lists(tree: Tree) -> dict[str, list[str]]:
    """Split -> the names in the publisher's list: `train.txt`, `train_list.txt`, or in a folder of lists."""
    for folder in ([], ["splits"], ["split"], ["lists"], ["ImageSets", "Segmentation"], ["ImageSets"]):
        place = tree.folder(*folder)
        found = {}
        for split, names in dataset.FOLDERS.items():
            for file in (place / f"{name}{end}.txt" for name in names for end in ("_list", "") if place):
                if file.is_file():
                    firsts = [line.split()[0] for line in read_text(file).splitlines() if line.strip()]
                    found[split] = [first.replace("\\", "/").rpartition("/")[2] for first in firsts]
        if found:
            return found
    return {}


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
    dataset.check_split(split or "train")
    photos, labels = _files(images), _files(masks)
    if isinstance(classes, (str, Path)):
        meaning = read_class_list(Path(classes).expanduser())
    else:
        meaning = ClassList() if classes is None else class_list(classes, "classes of pairs()")
    if objects:
        source = meaning.source or "objects=True"
        meaning = meaning._replace(classes=of_objects(meaning.classes), source=source, objects=True)
    ordered = not isinstance(images, (str, Path)) and not isinstance(masks, (str, Path))
    if ordered and len(photos) != len(labels):
        raise ValueError(
            f"{len(photos)} images and {len(labels)} masks: lists are paired in order, so give as many masks"
            " as images, or two patterns, which are paired by names"
        )
    if ordered:
        samples = {str(k): Sample(p.stem, str(p), str(m)) for k, (p, m) in enumerate(zip(photos, labels))}
        rule, left_out = f"{len(samples)}, in the order given", tuple[str, ...]()
        _check_order([*samples.values()])
    else:
        samples, rule, left_out = pairing.match("pairs", Group(_keyed(photos), _keyed(labels)))
    keys = [*samples] if split is None else dataset.by_name(samples)[split]
    data = PairFolder(
        photos[0].parent.name, split or "train", [samples[key] for key in keys], meaning,
        masks=[*map(str, labels)], page=page,
    )  # fmt: skip
    return understood(data, meaning.reading("images and masks as given", rule, left_out))


def _check_order(samples: Sequence[Sample]) -> None:
    """Raise a ValueError where all names match in another order: folders are listed in any order."""
    mask_of: dict[str, str] = {}
    with suppress(ValueError):  # of names that do not match
        images, masks = (_keyed([Path(one[k]) for one in samples]) for k in (1, 2))
        samples_by_name = pairing.match("pairs", Group(images, masks)).samples
        mask_of = {one.image: one.mask for one in samples_by_name.values()}
    wrong = [one for one in samples if mask_of.get(one.image) != one.mask]
    if wrong and len(mask_of) == len(samples):
        raise ValueError(f"the orders differ: {wrong[0].image} is given {wrong[0].mask}; sort both lists")


def _files(given: FilesOf) -> list[Path]:
    """The files of a folder or a pattern, sorted, or of a list, in its order."""
    if not isinstance(given, (str, Path, Iterable)):
        raise ValueError(f"images and masks are each a folder, pattern or list of files, not {given!r:.60}")
    if not isinstance(given, (str, Path)):
        files = [as_path(each).expanduser() for each in given]
    elif (path := Path(given).expanduser()).is_dir():
        files = [Path(file) for file in pairing.images_in(path).values()]
    else:
        files = [Path(file) for file in sorted(glob.glob(str(path), recursive=True))]  # noqa: PTH207
        files = [file for file in files if file.is_file() and not pairing.is_clutter(file.name)]
    if not files:
        raise FileNotFoundError(f"{given}: no image here; of subfolders take a pattern, folder/**/*.png")
    if absent := [file for file in files if not file.is_file()]:
        raise FileNotFoundError(f"{absent[0]}: no such file ({len(absent)} are missing)")
    return files


def _keyed(files: Sequence[Path]) -> Files:
    """(subfolder, stem) -> path, for `match`."""
    parents = [file.resolve().parent for file in files]
    top = os.path.commonpath(parents)
    keyed: Files = {}
    for file, parent in zip(files, parents):
        key = pairing.role(parent.relative_to(top).parts)[2], file.stem
        if key in keyed:
            raise ValueError(f"{file} and {keyed[key]} have the same name; give two lists in the same order")
        keyed[key] = str(file)
    return keyed


# One mask file for each object.


class ObjectFolder(FileDataset):
    """Images with one mask file for each object (`parts`); everything in a file but 0 is the object."""

    def __init__(
        self, name: str, split: str, classes: Classes, samples: Sequence[Sample], *,
        parts: Sequence[Sequence[str]], page: int | None,
    ) -> None:  # fmt: skip
        super().__init__(name, split, classes, samples, page=page)
        self.parts = parts

    def __getitem__(self, index: int) -> tuple[Image, Mask]:
        image = read_image(Path(self.samples[index].image), self.page, self.note)
        return image, Mask(self._shapes(index, image).any(0).byte())

    def _shapes(self, index: int, image: Image) -> Tensor:
        """(M, H, W) bool, one for each file."""
        photo, shapes = Path(self.samples[index].image), []
        for part in self.parts[index]:
            labels = read_labels(Path(part), self.page)
            shape = labels.any(-1) if labels.ndim == 3 else labels != 0
            shapes.append(match_size(torch.from_numpy(shape), image, photo, part, self.note))
        return torch.stack(shapes)

    def instances(self, index: int) -> Instances:
        """The objects, each from its file."""
        shapes = self._shapes(index, read_image(Path(self.samples[index].image), self.page, self.note))
        return instances_of(shapes, torch.ones(len(shapes)))

    def count_pixels(self, index: int) -> NDArray[np.int64]:
        """(K + 1,) the pixels of each class, void last."""
        return SegmentationDataset.count_pixels(self, index)

    def source_bytes(self, index: int, part: Part) -> bytes:
        """The image's file, or the objects' files."""
        if part == "image":
            return super().source_bytes(index, part)
        return b"objects ".join(Path(file).read_bytes() for file in self.parts[index])


def open_objects(request: Request) -> ObjectFolder | None:
    """One class of objects, called by the class list if there is one; None if masks are not one an object."""
    found = {split: _object_files(group) for split, group in pairing.groups(request.tree).items()}
    if not found or not all(found.values()):
        return None
    path, part = request.tree.path, request.part(found)
    with naming(path):
        classes = of_objects(request.classes.classes)
    samples = {
        key: Sample(pairing.stem_of(image), image, masks[0]) for key, (image, masks) in found[part].items()
    }
    chosen, left_out = _chosen(request, part, samples)
    masks_of = dict(found[part].values())
    parts = [masks_of[one.image] for one in chosen]
    data = ObjectFolder(path.name, request.split, classes, chosen, parts=parts, page=request.page)
    rule = f"{len(masks_of)} images, {sum(map(len, masks_of.values()))} objects"
    source = request.classes.source or "one class of objects; a classes.txt with two names names it"
    return understood(data, Reading("one mask file for each object", source, "none", rule, tuple(left_out)))


_NUMBERED = re.compile(
    rf"(.+?)(?:[_\-. ](?:{pairing.MASK_WORD}|obj|object|cell|nucleus|instance))?[_\-. ]+\d+"
)


def _object_files(group: Group) -> dict[str, tuple[str, list[str]]]:
    """Key -> an image and the masks of its objects; empty unless every mask is one object of one image.

    The masks are next to their only image (as in `ID/images/ID.png`, `ID/masks/...`), in a folder that is
    called as the image, or called as the image with a number at the end.
    """
    images, masks = group
    rests = Counter(rest for rest, _ in images)
    alone = {rest: stem for rest, stem in images if rest and rests[rest] == 1}
    rest_of = {stem: rest for rest, stem in images}
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for (rest, stem), path in sorted(masks.items()):
        before, _, last = rest.rpartition("/")
        core = _NUMBERED.fullmatch(stem)
        keys = [(rest, alone.get(rest, "")), (before, last), (rest_of.get(last, ""), last)]
        keys.append((rest, core[1] if core else ""))
        if not (fitting := [key for key in keys if key in images]):
            return {}
        found[fitting[0]].append(path)
    if max(map(len, found.values()), default=0) < 2 or 2 * len(found) < len(images):
        return {}
    return {"/".join(filter(None, key)): (images[key], paths) for key, paths in sorted(found.items())}
