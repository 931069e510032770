"""A folder of your own as a data set: its layout, its classes and its images."""

import re
import warnings
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seglib.data import coco, layouts
from seglib.data.dataset import FOLDERS, SegmentationDataset, SplitError, by_name, check_split
from seglib.data.files import PAINTED, FileDataset, images_in, listed, pair, read_labels
from seglib.data.photographs import Pets, Voc, camvid
from seglib.files import naming, read_json
from seglib.labels import VOID, Classes, Color
from seglib.progress import tracked

LAYOUTS = """
  images/ and masks/ with the same stems, whole or each with train/, val/, test/
  train/images/, train/masks/, val/images/, val/masks/, ...
  JPEGImages/, SegmentationClass/ and ImageSets/Segmentation/, as PASCAL VOC
  train/, trainannot/, val/, valannot/, ..., as CamVid in the SegNet tutorial
  images/ and annotations/trimaps/, as Oxford-IIIT Pet
  images/ and labels/ with .txt files and a .yaml file with the names, as YOLO-seg
  images and labelme's .json files, whole or in train/, val/, test/
  annotations/instances_train*.json and train*/, or one .json file and images/, as COCO"""


def open_folder(path: Path, split: str = "train") -> SegmentationDataset:
    """The data set in a folder (or in a COCO file), whichever of the known layouts it has.

    A folder without splits is divided by the hash of the images' names, 70 : 15 : 15. Classes come from
    `classes.txt` or `classes.json` in the folder (see `read_class_list`); without one they are numbered.
    No image is opened; of YOLO's images the sizes are read.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: it has none of the known layouts, an image or mask lacks its partner, a file is broken, or
            there is no such split.
    """
    check_split(split)
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such folder")
    classes = read_class_list(path)
    named = classes.classes
    if (path / "annotations" / "trimaps").is_dir():
        return Pets(path, split)
    if (path / "SegmentationClass").is_dir():
        return Voc(path, split, classes=named)
    if (path / "trainannot").is_dir() and not named:
        return camvid(path, split)
    if folders := _pair_folders(path, "masks"):
        return _pairs(path, split, folders, classes)
    if (folders := _pair_folders(path, "labels")) and (names := layouts.yolo_names(path) or named):
        part = _part(path, split, folders)
        return layouts.yolo(path, split, *folders[part], tuple(names), divide=not part)
    if labelme := layouts.find_labelme(path):
        return layouts.labelme(path, split, labelme, _part(path, split, labelme), tuple(named or ()))
    if files := coco.find(path):
        file, images = files[part := _part(path, split, files)]
        return coco.Coco(file, split, coco.read(file), images, divide=not part)
    raise ValueError(f"{path}: {_content(path)}. A data set is laid out in one of these ways:{LAYOUTS}")


def _pair_folders(path: Path, masks: str) -> dict[str, tuple[Path, Path]]:
    """Split -> folders of its images and masks; the split is "" where the folder is not divided."""
    patterns = (("images/{}", f"{masks}/{{}}"), ("{}/images", f"{{}}/{masks}"), ("{}", "{}annot"))
    folders = {}
    for split, names in FOLDERS.items():
        for name in names:
            for images, labels in patterns:
                found = path / images.format(name), path / labels.format(name)
                if all(folder.is_dir() for folder in found):
                    folders[split] = found
    if not folders and (path / "images").is_dir() and (path / masks).is_dir():
        folders[""] = path / "images", path / masks
    return folders


def _part(path: Path, split: str, there: Mapping[str, object]) -> str:
    """The split where the folder is divided into splits, "" where it is not."""
    if split not in there and "" not in there:
        raise SplitError(f"{path}: there is no split '{split}'; there is {', '.join(map(repr, there))}")
    return "" if "" in there else split


def _content(path: Path) -> str:
    """What a folder holds, in a few words."""
    if not path.is_dir():
        return "this is neither a folder nor a .json file"
    names = sorted(entry.name + "/" * entry.is_dir() for entry in path.iterdir())
    return f"found {listed(names, 8)}" if names else "the folder is empty"


# Images and masks in folders of your own.


class PairFolder(FileDataset):
    """Images and masks in folders of your own, with a class list or with numbered classes.

    Without a class list, classes are "class 0", "class 1", ... up to the largest value in any mask. All masks
    are read to find it, once, when `classes` is first accessed.

    Attributes:
        mask_folders: the folders of the masks of all splits.
    """

    mask_folders: Sequence[Path]
    warned = False

    @cached_property
    def classes(self) -> Classes:  # type: ignore[override]
        """The classes, numbered; reads the masks of all splits, because a class may be rare."""
        masks = [path for folder in self.mask_folders for path in images_in(folder).values()]
        values: set[int] = set()
        for path in tracked(masks, len(masks), "Looking for classes (a classes.txt saves this)"):
            labels = read_labels(Path(path))
            if labels.ndim == 3:
                raise ValueError(f"{path}: {PAINTED}")
            values |= set(np.unique(labels).tolist())
        return _numbered(values, self.mask_folders[0])

    def decode(self, index: int, labels: NDArray[Any]) -> NDArray[np.uint8]:
        """As in `FileDataset`, with a warning about the most common mistake: objects stored as 255."""
        mask = super().decode(index, labels)
        two_or_unknown = len(self.values) in (2, VOID) and VOID not in self.values
        if two_or_unknown and not self.warned and set(np.unique(mask).tolist()) == {0, VOID}:
            self.warned = True
            found = "the mask holds only 0 and 255, and 255 is void; if 255 is your object, "
            warnings.warn(f"{self.samples[index].mask}: {found}{_LIST_VALUES}", stacklevel=3)
        return mask


_LIST_VALUES = (
    "write a classes.json next to the folders with one value in the masks for each name, for example"
    ' {"names": ["background", "object"], "values": [0, 255]}'
)


def _numbered(values: set[int], folder: Path) -> Classes:
    """Classes for the values 0, 1, 2, ... of mask files."""
    indices = values - {VOID}
    count = max(indices, default=-1) + 1
    if values == {0, VOID} or 2 * len(indices) < count or not 0 < count <= VOID:
        found = listed([*map(str, sorted(values))], 20)
        wrong = f"{found}, which are not class indices 0, 1, 2, ... and 255 for void"
        raise ValueError(f"{folder}: the masks hold the values {wrong}; {_LIST_VALUES}")
    return Classes.of(*(f"class {k}" for k in range(count)))


def _pairs(path: Path, split: str, folders: dict[str, tuple[Path, Path]], classes: "ClassList") -> PairFolder:
    """The images of one split, by the folders' own division or by the hash of the names."""
    samples = pair(*folders[part := _part(path, split, folders)])
    if not part:
        named = {sample.id: sample for sample in samples}
        samples = [named[stem] for stem in by_name(named)[split]]
    known, painted, values = classes
    dataset = PairFolder(path.name, split, known, samples, values=values, painted=painted)
    dataset.mask_folders = [masks for _, masks in folders.values()]
    return dataset


# The names, colours and values of a folder's classes, from its classes.txt or classes.json.

_COLOR = re.compile(r"[\s,]+(\d+)[\s,]+(\d+)[\s,]+(\d+)$")


class ClassList(NamedTuple):
    """A list of classes.

    Attributes:
        classes: the names, with the colours of the list or, if it has none, our own; None without a list.
        painted: the same classes if the list has colours, so that painted masks can be read; else None.
        values: the value in a mask file -> the class, or 255.
    """

    classes: Classes | None
    painted: Classes | None
    values: dict[int, int]


def read_class_list(folder: Path) -> ClassList:
    """The class list of a folder; without one, value k is class k, and the names are not known.

    `classes.txt` has one name per line, in index order, followed by red green blue if masks are painted; a
    line `void 224 224 192` gives the colour of void and is not a class. `classes.json` is a list of names, or
    `{"names": [...], "colors": [[r, g, b], ...], "void_color": [r, g, b], "values": [...]}` where `values`,
    one for each name, are the numbers in the mask files (by default 0, 1, 2, ...).

    Raises:
        ValueError: the list cannot be understood; the message names the file and what is wrong.
    """
    if (path := folder / "classes.json").is_file():
        fields = read_json(path)
    elif (path := folder / "classes.txt").is_file():
        fields = path.read_text(encoding="utf-8-sig")
    else:
        return ClassList(None, None, {k: k for k in range(VOID)})
    with naming(path):
        return _class_list(_read_lines(fields) if path.suffix == ".txt" else fields)


def _read_lines(text: str) -> dict[str, Any]:
    """The fields of a text file."""
    names, colors = [], {}
    for line in filter(None, map(str.strip, text.splitlines())):
        color = _COLOR.search(line)
        name = line[: color.start()] if color else line
        if color:
            colors[name] = [int(value) for value in color.groups()]
        if name != "void":
            names.append(name)
    if not colors:
        return {"names": names}
    if without := [name for name in names if name not in colors]:
        raise ValueError(f"these classes have no colour, but others have: {', '.join(without)}")
    return {"names": names, "colors": [colors[name] for name in names], "void_color": colors.get("void")}


def _class_list(fields: Any) -> ClassList:
    """The fields, checked; a list instead of an object holds the names."""
    fields = {"names": fields} if isinstance(fields, list) else fields
    if not isinstance(fields, dict) or not isinstance(names := fields.get("names"), list):
        raise ValueError('expected a list of names, or an object with "names"')
    if unknown := set(fields) - {"names", "colors", "void_color", "values"}:
        raise ValueError(f"unknown fields {sorted(unknown)}; known: names, colors, void_color, values")
    if not all(isinstance(name, str) and name for name in names):
        raise ValueError("every class needs a name")
    classes, colors = Classes.of(*names), fields.get("colors")
    if colors is not None:
        void = _color(fields["void_color"]) if fields.get("void_color") else classes.void_color
        classes = Classes(tuple(names), tuple(map(_color, colors)), void)
    found = fields.get("values")
    values = {value: k for k, value in enumerate(range(len(names)) if found is None else found)}
    if len(values) != len(names) or not all(isinstance(v, int) and 0 <= v <= VOID for v in values):
        raise ValueError(f"values must be {len(names)} different numbers from 0 to 255, one per class")
    return ClassList(classes, None if colors is None else classes, values)


def _color(color: Any) -> Color:
    if not isinstance(color, list) or len(color) != 3 or not all(isinstance(value, int) for value in color):
        raise ValueError(f"a colour is [red, green, blue], got {color!r}")
    return color[0], color[1], color[2]
