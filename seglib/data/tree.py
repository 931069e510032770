"""What is in a folder: its files without clutter, and which folders hold images and which hold masks."""

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from seglib.data.dataset import FOLDERS
from seglib.data.files import SUFFIXES

WAY_OUT = "say which belong together: seglib.data.folders.pairs(images, masks, classes)"
DEEPEST = 8  # folders below the data set's that are looked into
SPLIT_OF = {name: split for split, names in FOLDERS.items() for name in names} | {"tr": "train", "ts": "test"}
IMAGE_WORDS = frozenset({
    "image", "images", "img", "imgs", "photo", "photos", "picture", "pictures", "original", "originals",
    "input", "inputs", "rgb", "sat",
})  # fmt: skip
MASK_WORDS = frozenset({
    "mask", "masks", "label", "labels", "annot", "annots", "annotation", "annotations", "ann", "anns", "seg",
    "segs", "segmentation", "segmentations", "gt", "gts", "groundtruth", "truth", "target", "targets",
    "manual", "trimaps", "matte", "lbl", "lbls",
})  # fmt: skip
# Of masks painted in colours, for people to look at.
COLORED = frozenset({"color", "colors", "colored", "colour", "colormap", "colormaps", "human", "vis"})


def is_clutter(name: str) -> bool:
    """Whether a file or folder is one that systems and editors leave behind: hidden, thumbnails."""
    return name.startswith((".", "__")) or name.lower() in (
        "thumbs.db",
        "desktop.ini",
        "@eadir",
        "ehthumbs.db",
    )


def images_in(folder: Path) -> dict[str, str]:
    """The image files of a folder by stem, sorted; nothing is opened, hidden files are ignored.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: two images have the same stem.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder")
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if is_image(entry.name) and not entry.is_dir()]
    return by_stem(str(folder), names)


def is_image(name: str) -> bool:
    """Whether a file's name is one of an image."""
    return not is_clutter(name) and f".{name.rpartition('.')[2].lower()}" in SUFFIXES


def by_stem(folder: str, names: Iterable[str]) -> dict[str, str]:
    """Stem -> path, sorted; a ValueError names two files of one stem."""
    found: dict[str, str] = {}
    for name in sorted(names):
        # macOS writes letters and their accents apart
        if (stem := unicodedata.normalize("NFC", name.rpartition(".")[0])) in found:
            twins = f"{Path(found[stem]).name} and {name}"
            raise ValueError(f"{folder}: {twins} have the same stem; rename one of them, or {WAY_OUT}")
        found[stem] = f"{folder}{os.sep}{name}"
    return dict(sorted(found.items()))


def ends_of(file: Path) -> bytes:
    """The beginning and the end of a file, where tools leave their marks; files may be large."""
    with file.open("rb") as opened:
        beginning = opened.read(65536)
        opened.seek(max(0, file.stat().st_size - 65536))
        return beginning + opened.read()


# What a folder holds.


@dataclass
class Tree:
    """A folder and everything in it but clutter, read once.

    Attributes:
        path: the folder, or a file.
        folders: folder relative to it, as ("images", "train") -> the names of the files in it, sorted.
        left_out: folders that are taken for something else.
    """

    path: Path
    folders: dict[tuple[str, ...], list[str]] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, path: Path) -> "Tree":
        """Read a folder's names; no file is opened."""
        folders: dict[tuple[str, ...], list[str]] = {}
        for place, below, names in os.walk(path, followlinks=True):
            parts = Path(place).relative_to(path).parts
            below[:] = [] if len(parts) >= DEEPEST else sorted(name for name in below if not is_clutter(name))
            folders[parts] = sorted(name for name in names if not is_clutter(name))
        return cls(path, folders)

    def folder(self, *names: str) -> Path | None:
        """The folder of these names, in large or small letters; None if there is none."""
        wanted = tuple(name.lower() for name in names)
        found = [parts for parts in self.folders if tuple(part.lower() for part in parts) == wanted]
        return self.path.joinpath(*found[0]) if found else None

    def files(self, *suffixes: str) -> Iterator[Path]:
        """The files whose names end so, in large or small letters."""
        for parts, names in self.folders.items():
            yield from (self.path.joinpath(*parts, n) for n in names if n.lower().endswith(suffixes))


# Folders' roles.


Files = dict[tuple[str, str], str]  # (subfolder, stem) -> path


class Group(NamedTuple):
    """The image files and the mask files of one split."""

    images: Files
    masks: Files


def words(name: str) -> list[str]:
    """The words in a folder's name, in small letters.

    Example:
        >>> words("JPEGImages"), words("train2017"), words("trainannot"), words("ISIC2018_Training_Input")
        (['jpeg', 'images'], ['train', '2017'], ['train', 'annot'], ['isic', '2018', 'training', 'input'])
    """
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)
    return [word for part in parts for word in _halves(part.lower())]


def _halves(word: str) -> list[str]:
    """The two words in "trainannot"."""
    for split in SPLIT_OF:
        if word.startswith(split) and word.removeprefix(split) in MASK_WORDS | IMAGE_WORDS:
            return [split, word.removeprefix(split)]
    return [word]


def role(parts: Sequence[str]) -> tuple[str, str, str]:
    """Split, "image", "mask" or "", and the rest of a folder's path.

    Example:
        >>> role(("leftImg8bit", "train", "aachen")), role(("Val", "masks_png"))
        (('train', 'image', 'aachen'), ('val', 'mask', ''))
    """
    split, kind, rest = "", "", []
    for part in parts:
        found = words(part)
        named = next((SPLIT_OF[word] for word in found if word in SPLIT_OF), "")
        what = "mask" if MASK_WORDS & {*found} else "image" if IMAGE_WORDS & {*found} else ""
        split, kind = split or named, what or kind
        if not (named or what):
            rest.append(part)
    return split, kind, "/".join(rest)


def groups(
    tree: Tree, wanted: Callable[[str], bool] = is_image, ignored: Sequence[str] = ()
) -> dict[str, Group]:
    """Split -> its images and masks; the split is "" where the folder is not divided.

    Args:
        tree: the folder.
        wanted: which file names count.
        ignored: folders that are neither, in small letters.
    """
    folders = {
        parts: some
        for parts, names in tree.folders.items()
        if not {part.lower() for part in parts} & {*ignored} and (some := [n for n in names if wanted(n)])
    }
    here = {role(parts)[1] for parts in folders if not _above(parts)}
    if {"image", "mask"} <= here and (others := {_above(parts) for parts in folders} - {""}):
        tree.left_out += [f"folder {name}/, a data set of its own" for name in sorted(others)]
        folders = {parts: names for parts, names in folders.items() if not _above(parts)}
    painted = {p for p in folders if role(p)[1] == "mask" and COLORED & {*words("/".join(p))}}
    if any(role(p)[1] == "mask" for p in folders if p not in painted):
        tree.left_out += [f"folder {'/'.join(p)}/, masks painted in colours" for p in sorted(painted)]
        folders = {p: names for p, names in folders.items() if p not in painted}
    mixed = not any(role(parts)[1] == "mask" for parts in folders)
    found: dict[str, dict[str, Files]] = {kind: defaultdict(dict) for kind in ("image", "mask", "")}
    for parts, names in folders.items():
        split, kind, rest = role(parts)
        folder = str(tree.path.joinpath(*parts))
        for which, some in (_mixed(names) if mixed else {"": names}).items():
            place = found[which or kind][split]
            for stem, path in by_stem(folder, some).items():
                if (rest, stem) in place:
                    raise ValueError(f"{path} and {place[rest, stem]} have the same stem; {WAY_OUT}")
                place[rest, stem] = path
    masks = found["mask"]
    images = found["image"] or found[""]
    splits = {*masks, *images} - {""} or {""}
    both = {
        split: Group(images.get(split) or images.get("", {}), masks.get(split) or masks.get("", {}))
        for split in [*FOLDERS, ""] if split in splits
    }  # fmt: skip
    return {split: group for split, group in both.items() if group.images and group.masks}


def _above(parts: Sequence[str]) -> str:
    """The folders before the first one that says what it holds; "" if it is the first."""
    for number in range(len(parts)):
        if any(role(parts[number : number + 1])[:2]):
            return "/".join(parts[:number])
    return "/".join(parts)


_MASK_NAME = re.compile(rf"(?:.*[_\-. ])?(?:{'|'.join(sorted(MASK_WORDS))})(?:[_\-. ]?\d+)?|"
                        rf"(?:{'|'.join(sorted(MASK_WORDS))})[_\-. ].*", re.IGNORECASE)  # fmt: skip
_LOSSY = (".jpg", ".jpeg")


def _mixed(names: Sequence[str]) -> dict[str, list[str]]:
    """The files of one folder by role: masks are those called so, or the PNG files if each has a JPEG."""
    called = {name for name in names if _MASK_NAME.fullmatch(name.rpartition(".")[0])}
    photos = {name.rpartition(".")[0] for name in names if name.lower().endswith(_LOSSY)}
    others = {name for name in names if not name.lower().endswith(_LOSSY)}
    if not called and photos and photos == {name.rpartition(".")[0] for name in others}:
        called = others
    if len(called) == len(names):
        return {"": [*names]}
    return {"": [name for name in names if name not in called], "mask": [n for n in names if n in called]}
