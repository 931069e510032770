"""What is in a folder: which files are images and which are masks, and which of them belong together.

Masks belong to images by equal names, or by a common prefix or suffix of their names.
"""

import os
import re
import unicodedata
from bisect import bisect
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations, takewhile
from pathlib import Path
from typing import NamedTuple

from seglib.data.dataset import FOLDERS
from seglib.data.files import SUFFIXES, Sample
from seglib.files import listed, naming

WAY_OUT = "say which belong together: seglib.data.folders.pairs(images, masks, classes)"
SEVERAL = f"if each holds one class, put them together as in docs/bring-your-data.md; else {WAY_OUT}"
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
CLUTTER = frozenset({"thumbs.db", "desktop.ini", "@eadir", "ehthumbs.db"})


def is_clutter(name: str) -> bool:
    """Whether a file or folder is one that systems and editors leave behind: hidden, thumbnails."""
    return name.startswith((".", "__")) or name.lower() in CLUTTER


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


@dataclass
class Tree:
    """A folder, or a file, and everything in it but clutter, read once."""

    path: Path
    # Folder relative to it, as ("images", "train") -> the names of the files in it, sorted.
    folders: dict[tuple[str, ...], list[str]] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)  # folders that are taken for something else

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

    @cached_property
    def names(self) -> set[str]:
        """The names of all folders, in small letters."""
        return {part.lower() for parts in self.folders for part in parts}

    def has(self, pattern: str) -> bool:
        """Whether a file's whole name matches a regular expression, in large or small letters."""
        matches = re.compile(pattern, re.IGNORECASE).fullmatch
        return any(any(map(matches, names)) for names in self.folders.values())

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
    masks_in = {parts for parts in folders if role(parts)[1] == "mask"}
    painted = {parts for parts in masks_in if COLORED & {*words("/".join(parts))}}
    if painted < masks_in:
        tree.left_out += [f"folder {'/'.join(p)}/, masks painted in colours" for p in sorted(painted)]
        folders = {parts: names for parts, names in folders.items() if parts not in painted}
    found: dict[str, dict[str, Files]] = {kind: defaultdict(dict) for kind in ("image", "mask", "")}
    same = ""
    for parts, names in folders.items():
        split, kind, rest = role(parts)
        for which, some in ({"": names} if masks_in else _mixed(names)).items():
            place = found[which or kind][split]
            for stem, path in by_stem(str(tree.path.joinpath(*parts)), some).items():
                if (other := place.setdefault((rest, stem), path)) != path:
                    same = same or f"{path} and {other} have the same stem; {WAY_OUT}"
    masks, images = found["mask"], found["image"] or found[""]
    if same and any(masks.values()):  # which image belongs to which mask matters only where there are masks
        raise ValueError(same)
    splits = {*masks, *images} - {""} or {""}
    both = {
        split: Group(images.get(split) or images.get("", {}), masks.get(split) or masks.get("", {}))
        for split in [*FOLDERS, ""] if split in splits
    }  # fmt: skip
    return {split: group for split, group in both.items() if group.images and group.masks}


def _above(parts: Sequence[str]) -> str:
    """The folders before the first one that says what it holds; "" if it is the first."""
    return "/".join(takewhile(lambda part: not any(role([part])[:2]), parts))


MASK_WORD = f"(?:{'|'.join(sorted(MASK_WORDS))})"
_MASK_NAME = re.compile(rf"(?:.*[_\-. ])?{MASK_WORD}(?:[_\-. ]?\d+)?|{MASK_WORD}[_\-. ].*", re.IGNORECASE)
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


def pair(images: Path, masks: Path, stems: Sequence[str] | None = None) -> list[Sample]:
    """Every image of one folder with the mask of the same stem in another.

    Args:
        images: the folder of images.
        masks: the folder of masks.
        stems: only these, in this order; by default all, and then each needs both files.

    Raises:
        FileNotFoundError: one of the folders is missing.
        ValueError: a folder holds no image, or an image or mask has no partner; the stems are named.
    """
    photos, labels = images_in(images), images_in(masks)
    for folder, found in ((images, photos), (masks, labels)):
        if not found:
            raise ValueError(f"{folder}: no image in this folder; expected {', '.join(sorted(SUFFIXES))}")
    stems = [*(photos | labels)] if stems is None else stems
    problems = [
        f"{len(absent)} without {what} in {folder} ({listed(absent)})"
        for folder, found, what in ((images, photos, "an image"), (masks, labels, "a mask"))
        if (absent := [stem for stem in stems if stem not in found])
    ]
    if problems:
        raise ValueError(f"images and masks do not match: {'; '.join(problems)}; each needs both files")
    return [Sample(stem, photos[stem], labels[stem]) for stem in stems]


class Match(NamedTuple):
    """Images with their masks, and what was left out."""

    samples: dict[str, Sample]  # by stem, with its subfolder if there is one
    rule: str  # how the names belong together, for people
    left_out: tuple[str, ...]  # what has no partner, for people


def match(place: Path | str, group: Group) -> Match:
    """Find the mask of every image: of the same stem, or of one that differs by a common prefix or suffix.

    Raises:
        ValueError: fewer than half of the images or of the masks have a partner; the names are shown.
    """
    images, masks = group
    if not {rest for rest, _ in images} & {rest for rest, _ in masks}:
        images, masks = _flat(place, images), _flat(place, masks)
    fewest = min(len(images), len(masks))
    with naming(place):
        rule, found = _pairs(images, masks)
        if 2 * len(found) < fewest:
            images, masks = _small_letters(images), _small_letters(masks)
            rule, found = _pairs(images, masks)
    if rule is None or 2 * len(found) < fewest:
        names = [
            f"{len(files)} {what} ({listed([stem for _, stem in sorted(files)], 3)})"
            for files, what in ((images, "images"), (masks, "masks"))
        ]
        both = " and ".join(names)
        raise ValueError(f"{place}: the names of {both} do not match; name them alike, or {WAY_OUT}")
    used = {*found.values()}
    left_out = counted(
        ("images without a mask", [key[1] for key in images if key not in found]),
        ("masks without an image", [key[1] for key, path in masks.items() if path not in used]),
    )
    samples = {
        "/".join(filter(None, key)): Sample(stem_of(images[key]), images[key], mask)
        for key, mask in sorted(found.items())
    }
    how = "of the same name" if rule == Rule() else "by a common part of their names"
    example = next(iter(samples.values()))
    both = f"{Path(example.image).name} with {Path(example.mask).name}"
    return Match(samples, f"{len(samples)}, {how}: {both}", left_out)


def counted(*found: tuple[str, Sequence[str]]) -> tuple[str, ...]:
    """What was left out, for people: of each kind that is not empty how many, and the first names."""
    return tuple(f"{what}: {len(names)} ({listed(names)})" for what, names in found if names)


def stem_of(path: str) -> str:
    """As `Path(path).stem`, which would take seconds for 100 000 files."""
    return path.rpartition(os.sep)[2].rpartition(".")[0]


def _pairs(images: Files, masks: Files) -> tuple["Rule | None", Files]:
    """The rule, and the mask of each image that has one by it."""
    stems, labels = {stem for _, stem in images}, sorted({stem for _, stem in masks})
    equal = 2 * len(stems & {*labels}) >= min(len(stems), len(labels))
    if not (rule := Rule() if equal else find_rule(stems, labels)):
        return None, {}
    partners = {key: (key[0], rule.mask(key[1])) for key in images}
    return rule, {key: masks[mask] for key, mask in partners.items() if mask in masks}


def _small_letters(files: Files) -> Files:
    """Names in small letters, where these differ too."""
    small = {(rest.lower(), stem.lower()): path for (rest, stem), path in files.items()}
    return small if len(small) == len(files) else files


def _flat(place: Path | str, files: Files) -> Files:
    """Without subfolders, if no stem occurs twice."""
    flat = {("", stem): path for (_, stem), path in files.items()}
    if len(flat) < len(files):
        twice = Counter(stem for _, stem in files).most_common(1)[0][0]
        raise ValueError(f"{place}: '{twice}' is in several subfolders; {SEVERAL}")
    return flat


class Rule(NamedTuple):
    """What is before and after the common part of an image's stem, and of its mask's."""

    before: str = ""
    after: str = ""
    mask_before: str = ""
    mask_after: str = ""

    def mask(self, stem: str) -> str:
        """The stem of an image's mask; "" if the rule does not fit the image."""
        core = stem[len(self.before) : len(stem) - len(self.after)]
        fits = core and stem.startswith(self.before) and stem.endswith(self.after)
        return f"{self.mask_before}{core}{self.mask_after}" if fits else ""

    def backwards(self) -> "Rule":
        """The rule for names that are written backwards."""
        return Rule(*(part[::-1] for part in (self.after, self.before, self.mask_after, self.mask_before)))

    def evidence(self) -> tuple[bool, bool]:
        """Whether a word says mask and none says colours; whether the image's whole name is in the mask's."""
        found = {*words(self.mask_before), *words(self.mask_after)}
        return bool(found & MASK_WORDS) and not found & COLORED, not any(self[:2])


def find_rule(images: set[str], masks: Sequence[str]) -> Rule | None:
    """The rule by which most masks have an image; None if there is none that can be trusted.

    A rule never cuts a number in two, and one that is seen once counts only for a single image or mask, if
    a word in it says "mask".

    Raises:
        ValueError: another rule is as good: which mask is meant is not known.

    Example:
        >>> find_rule({"1_sat", "2_sat", "3_sat"}, ["1_mask", "2_mask"])
        Rule(before='', after='sat', mask_before='', mask_after='mask')
    """
    ordered, backwards = sorted(images), sorted(stem[::-1] for stem in images)
    votes: Counter[Rule] = Counter()
    for mask in masks[:: max(1, len(masks) // 100)]:
        found = _inside(images, mask) | _by_beginnings(ordered, mask)
        found |= {rule.backwards() for rule in _by_beginnings(backwards, mask[::-1])}
        votes.update(rule for rule in found if not _cuts(rule, mask))
    if (stripped := _stripped(images, masks)) != Rule():
        votes[stripped] += 1
    known = {*masks}
    likely = sorted(votes, key=lambda rule: (-votes[rule], rule))[:20]
    reach = {rule: sum(rule.mask(image) in known for image in images) for rule in likely}
    if not reach:
        return None
    best = max(reach, key=lambda rule: (reach[rule], rule.evidence(), -sum(map(len, rule))))
    if reach[best] < 2 and not (reach[best] and best.evidence()[0] and 1 in (len(images), len(masks))):
        return None
    _check_alone(best, reach, ordered, known)
    return best


def _check_alone(best: Rule, rules: Iterable[Rule], images: Sequence[str], known: set[str]) -> None:
    """Raise a ValueError if another rule is as good: images have several masks, or masks several images."""
    taken = {best.mask(image): image for image in images if best.mask(image) in known}
    for rule in rules:
        # such as "cat" of "catfish_mask"
        cuts_a_word = rule.mask_after[:1].isalnum() and not rule.after[:1].isalnum()
        if cuts_a_word or rule.evidence() < best.evidence():
            continue
        found = sorted((rule.mask(image), image) for image in images if rule.mask(image) in known)
        photos = [(taken[mask], image, mask) for mask, image in found if taken.get(mask, image) != image]
        masks = [(best.mask(image), mask, image) for mask, image in found if mask not in taken]
        clashes = [one for one in masks if one[0] in taken]
        if not clashes and 2 * len(photos) >= len(taken):
            clashes = photos
        if clashes:
            one, other, of = clashes[0]
            raise ValueError(f"both {one} and {other} fit {of}; {SEVERAL}")


def _inside(images: set[str], mask: str) -> set[Rule]:
    """The rules by which a mask's name holds the whole name of an image; in long names only at one end."""
    end = len(mask)
    spans = ((i, j) for i, j in combinations(range(end + 1), 2) if end <= 60 or i == 0 or j == end)
    return {Rule("", "", mask[:i], mask[j:]) for i, j in spans if mask[i:j] in images}


def _by_beginnings(ordered: Sequence[str], mask: str) -> set[Rule]:
    """The rules by which only the ends of a mask's name and of those that begin most alike differ."""
    place = bisect(ordered, mask)
    near = ordered[max(0, place - 2) : place + 2]
    shared = [(image, len(_common([image, mask]))) for image in near]
    return {Rule("", image[number:], "", mask[number:]) for image, number in shared if number}


def _common(names: Iterable[str]) -> str:
    """What all names begin with."""
    return os.path.commonprefix([*names])  # noqa: RUF071


def _stripped(images: Iterable[str], masks: Iterable[str]) -> Rule:
    """The rule of "img_001_rgb" and "lbl_001_seg": letters that all have in common, at both ends."""
    ends = []
    for names in (images, masks):
        first, last = _common(names), _common(name[::-1] for name in names)
        ends += [re.split(r"\d", first)[0], re.split(r"\d", last)[0][::-1]]
    return Rule(*ends)


def _cuts(rule: Rule, mask: str) -> bool:
    """Whether the rule ends within a number."""
    core = mask[len(rule.mask_before) : len(mask) - len(rule.mask_after)]
    borders = [before[-1:] + core[:1] for before in (rule.before, rule.mask_before)]
    borders += [core[-1:] + after[:1] for after in (rule.after, rule.mask_after)]
    return not core or any(re.fullmatch(r"\d\d", border) for border in borders)
