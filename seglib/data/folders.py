"""A folder of one's own as a data set: which layout it has, and its pictures."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seglib.data import coco_file, splits
from seglib.data.camvid import camvid
from seglib.data.class_list import ClassList, read_class_list
from seglib.data.coco import Coco
from seglib.data.dataset import SegmentationDataset
from seglib.data.files import PAINTED, FileDataset, Sample, pair, pictures_in
from seglib.data.images import read_labels
from seglib.data.pets import Pets
from seglib.data.voc import Voc
from seglib.labels import VOID, Classes
from seglib.progress import tracked

LAYOUTS = """
  images/ and masks/ with the same stems, whole or each with train/, val/, test/
  train/images/, train/masks/, val/images/, val/masks/, ...
  JPEGImages/, SegmentationClass/ and ImageSets/Segmentation/, as PASCAL VOC
  train/, trainannot/, val/, valannot/, ..., as CamVid in the SegNet tutorial
  images/ and annotations/trimaps/, as Oxford-IIIT Pet
  annotations/instances_train*.json and train*/, or one .json file and images/, as COCO"""


def open_folder(path: Path, split: str = "train") -> SegmentationDataset:
    """The data set in a folder (or in a COCO file), whichever of the known layouts it has.

    A folder without splits is divided by the hash of the pictures' names, 70 : 15 : 15. Classes come from
    `classes.txt` or `classes.json` in the folder (see `read_class_list`); without one they are numbered.
    No picture is opened.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: none of the known layouts; a picture or mask lacks its partner; there is no such split.
    """
    if split not in splits.FOLDERS:
        raise ValueError(f"split must be 'train', 'val' or 'test', got {split!r}")
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such folder")
    classes = read_class_list(path)
    if (path / "annotations" / "trimaps").is_dir():
        return Pets(path, split)
    if (path / "SegmentationClass").is_dir():
        return Voc(path, split, classes=classes.classes if classes else None)
    if (path / "trainannot").is_dir() and classes is None:
        return camvid(path, split)
    if folders := _pair_folders(path):
        return _pairs(path, split, folders, classes)
    if files := coco_file.find(path):
        chosen = _chosen(path, split, files)
        return Coco(files[chosen], split, divide=not chosen)
    raise ValueError(f"{path}: {_seen(path)}. A data set is laid out in one of these ways:{LAYOUTS}")


class PairFolder(FileDataset):
    """Pictures and masks in folders of one's own, with the class list beside them or with numbered classes.

    Args:
        name: the folder's name.
        split: "train", "val" or "test".
        samples: the files of this split.
        listed: the class list; without one, classes are "class 0", "class 1", ... up to the largest value in
            any mask. To find it, all masks are read, once, when `classes` is first asked for.
        mask_folders: where the masks of all splits lie.
    """

    def __init__(
        self,
        name: str,
        split: str,
        samples: Sequence[Sample],
        listed: ClassList | None,
        mask_folders: Sequence[Path],
    ) -> None:
        values = listed.values if listed else {k: k for k in range(VOID)}
        super().__init__(
            name, split, listed and listed.classes, samples, values=values, painted=listed and listed.painted
        )
        self.mask_folders = mask_folders
        self.watch = listed is None or (len(listed.classes) == 2 and VOID not in listed.values)

    @cached_property
    def classes(self) -> Classes:  # type: ignore[override]
        """The classes, numbered; reads every mask of every split, because a class may be rare."""
        masks = [path for folder in self.mask_folders for path in pictures_in(folder).values()]
        values: set[int] = set()
        for path in tracked(masks, len(masks), "Looking for classes (a classes.txt saves this)"):
            labels = read_labels(Path(path))
            if labels.ndim == 3:
                raise ValueError(f"{path}: {PAINTED}")
            values |= set(np.unique(labels).tolist())
        return _numbered(values, self.mask_folders[0])

    def decode(self, index: int, labels: NDArray[Any]) -> NDArray[np.uint8]:
        """As for any files, with a warning for the commonest mistake: objects stored as 255."""
        mask = super().decode(index, labels)
        if self.watch and set(np.unique(mask).tolist()) == {0, VOID}:
            self.watch = False
            warnings.warn(f"{self.samples[index].mask}: {_BLACK_AND_WHITE}", stacklevel=3)
        return mask


_BLACK_AND_WHITE = (
    "the mask holds only 0 and 255, and 255 is void, not an object; if 255 is your object, write a"
    ' classes.json beside the folders: {"names": ["background", "object"], "values": [0, 255]}'
)


def _numbered(values: set[int], folder: Path) -> Classes:
    """Classes for the values 0, 1, 2, ... of mask files."""
    count = max(values - {VOID}, default=-1) + 1
    if values == {0, VOID}:
        raise ValueError(f"{folder}: in every mask, {_BLACK_AND_WHITE}")
    if 2 * len(values - {VOID}) < count or not 0 < count <= VOID:
        shown = ", ".join(map(str, sorted(values)[:20]))
        raise ValueError(
            f"{folder}: the masks hold the values {shown}, which are no class indices 0, 1, 2, ...; write a"
            ' classes.json beside the folders: {"names": [...], "values": [...]} with one value for each name'
        )
    return Classes.of(*(f"class {k}" for k in range(count)))


def _pair_folders(path: Path) -> dict[str, tuple[Path, Path]]:
    """Split -> folders of its pictures and masks; the split is "" where the folder is not divided."""
    folders = {}
    for split, names in splits.FOLDERS.items():
        for name in names:
            for images, masks in (
                (path / "images" / name, path / "masks" / name),
                (path / name / "images", path / name / "masks"),
                (path / name, path / f"{name}annot"),
            ):
                if images.is_dir() and masks.is_dir():
                    folders[split] = (images, masks)
    if not folders and (path / "images").is_dir() and (path / "masks").is_dir():
        folders[""] = (path / "images", path / "masks")
    return folders


def _pairs(
    path: Path, split: str, folders: dict[str, tuple[Path, Path]], classes: ClassList | None
) -> PairFolder:
    """The pictures of one split, by the folders' own division or by the hash of the names."""
    chosen = _chosen(path, split, folders)
    samples = pair(*folders[chosen])
    if not chosen:
        named = {sample.id: sample for sample in samples}
        samples = [named[stem] for stem in splits.by_name(named)[split]]
    return PairFolder(path.name, split, samples, classes, [masks for _, masks in folders.values()])


def _chosen(path: Path, split: str, there: Mapping[str, object]) -> str:
    """The split where the folder is divided into splits, "" where it is not."""
    if split not in there and "" not in there:
        raise splits.SplitError(
            f"{path}: there is no split '{split}'; there is {', '.join(map(repr, there))}"
        )
    return "" if "" in there else split


def _seen(path: Path) -> str:
    """What lies in a folder, in a few words."""
    if not path.is_dir():
        return "this is neither a folder nor a .json file"
    names = sorted(entry.name + "/" * entry.is_dir() for entry in path.iterdir())
    return f"found {', '.join(names[:8])}{' ...' * (len(names) > 8)}" if names else "the folder is empty"
