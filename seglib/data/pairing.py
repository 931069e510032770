"""Which mask belongs to which image: by equal names, or by a common prefix or suffix of their names."""

import os
import re
from bisect import bisect
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from seglib.data.files import SUFFIXES, Sample, listed
from seglib.data.tree import COLORED, MASK_WORDS, WAY_OUT, Files, Group, images_in, words
from seglib.files import naming

SEVERAL = f"if each holds one class, put them together as in docs/bring-your-data.md; else {WAY_OUT}"


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


# Names that belong together.


class Match(NamedTuple):
    """Images with their masks, and what was left out.

    Attributes:
        samples: by key, which is the stem, with its subfolder if there is one.
        rule: how the names belong together, for people.
        left_out: what has no partner, for people.
    """

    samples: dict[str, Sample]
    rule: str
    left_out: tuple[str, ...]


def match(place: Path | str, group: Group) -> Match:
    """Find the mask of every image: of the same stem, or of one that differs by a common prefix or suffix.

    Raises:
        ValueError: fewer than half of the images or of the masks have a partner; the names are shown.
    """
    images, masks = group
    if not {rest for rest, _ in images} & {rest for rest, _ in masks}:
        images, masks = _flat(place, images), _flat(place, masks)
    with naming(place):
        rule, found = _pairs(images, masks)
        if 2 * len(found) < min(len(images), len(masks)):
            images, masks = _small_letters(images), _small_letters(masks)
            rule, found = _pairs(images, masks)
    if not rule or not found or 2 * len(found) < min(len(images), len(masks)):
        names = [
            f"{len(files)} {what} ({listed([stem for _, stem in sorted(files)], 3)})"
            for files, what in ((images, "images"), (masks, "masks"))
        ]
        raise ValueError(
            f"{place}: the names of {' and '.join(names)} do not match; name them alike, or {WAY_OUT}"
        )
    used = {*found.values()}
    left_out = [
        f"{what}: {len(some)} ({listed(some)})"
        for some, what in (
            ([key[1] for key in images if key not in found], "images without a mask"),
            ([key[1] for key, path in masks.items() if path not in used], "masks without an image"),
        )
        if some
    ]
    samples = {
        "/".join(filter(None, key)): Sample(stem_of(images[key]), images[key], mask)
        for key, mask in sorted(found.items())
    }
    example = next(iter(samples.values()))
    both = f"{Path(example.image).name} with {Path(example.mask).name}"
    return Match(samples, f"{len(samples)}, {rule.words()}: {both}", tuple(left_out))


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
    return rule, {
        key: masks[rest, stem]
        for key, (rest, stem) in partners.items()
        if stem is not None and (rest, stem) in masks
    }


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

    def mask(self, stem: str) -> str | None:
        """The stem of an image's mask; None if the rule does not fit the image."""
        if not (stem.startswith(self.before) and stem.endswith(self.after)):
            return None
        core = stem[len(self.before) : len(stem) - len(self.after)]
        return f"{self.mask_before}{core}{self.mask_after}" if core else None

    def evidence(self) -> tuple[bool, bool]:
        """Whether a word says mask and none says colours; whether the image's whole name is in the mask's."""
        found = {*words(self.mask_before), *words(self.mask_after)}
        return bool(found & MASK_WORDS) and not found & COLORED, not any(self[:2])

    def words(self) -> str:
        """The rule for people."""
        if self == Rule():
            return "of the same name"
        return "by a common part of their names"


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
    some = masks[:: max(1, len(masks) // 100)]
    ordered = sorted(images)
    backwards = sorted(stem[::-1] for stem in images)
    votes: Counter[Rule] = Counter()
    for mask in some:
        found = {Rule("", "", mask[:i], mask[j:]) for i, j in _spans(len(mask)) if mask[i:j] in images}
        found |= {rule for image in _near(ordered, mask) if (rule := _exchange(image, mask))}
        for image in _near(backwards, mask[::-1]):
            if rule := _exchange(image, mask[::-1]):
                found.add(Rule(rule.after[::-1], "", rule.mask_after[::-1], ""))
        votes.update(rule for rule in found if not _cuts(rule, mask))
    both = _stripped(images, masks)
    if both:
        votes[both] += 1
    known = {*masks}
    reach = {rule: sum(rule.mask(image) in known for image in images) for rule, _ in votes.most_common(20)}
    if not reach:
        return None
    best = max(reach, key=lambda rule: (reach[rule], rule.evidence(), -sum(map(len, rule))))
    if reach[best] < 2 and not (reach[best] and best.evidence()[0] and 1 in (len(images), len(masks))):
        return None
    _check_alone(best, reach, images, known)
    return best


def _check_alone(best: Rule, rules: Iterable[Rule], images: set[str], known: set[str]) -> None:
    """Raise a ValueError if another rule is as good: images have several masks, or masks several images."""
    taken = {str(best.mask(image)): image for image in images if best.mask(image) in known}
    for rule in rules:
        # such as "cat" of "catfish_mask"
        cuts_a_word = rule.mask_after[:1].isalnum() and not rule.after[:1].isalnum()
        if cuts_a_word or rule.evidence() < best.evidence():
            continue
        found = sorted((str(rule.mask(image)), image) for image in images if rule.mask(image) in known)
        photos = [(taken[mask], image, mask) for mask, image in found if taken.get(mask, image) != image]
        masks = [(str(best.mask(image)), mask, image) for mask, image in found if mask not in taken]
        clashes = [one for one in masks if one[0] in taken]
        if not clashes and 2 * len(photos) >= len(taken):
            clashes = photos
        if clashes:
            one, other, of = clashes[0]
            raise ValueError(f"both {one} and {other} fit {of}; {SEVERAL}")


def _spans(length: int) -> Iterator[tuple[int, int]]:
    """Where a part of a text can begin and end; of long names only parts at one end."""
    for i in range(length):
        for j in range(i + 1, length + 1):
            if length <= 60 or i == 0 or j == length:
                yield i, j


def _near(ordered: Sequence[str], name: str) -> Sequence[str]:
    """The names that begin most alike."""
    place = bisect(ordered, name)
    return ordered[max(0, place - 2) : place + 2]


def _exchange(image: str, mask: str) -> Rule | None:
    """The rule by which only the ends differ."""
    common = len(_common([image, mask]))
    return Rule("", image[common:], "", mask[common:]) if common else None


def _common(names: Sequence[str]) -> str:
    """What all names begin with."""
    first, last = min(names), max(names)
    return first[
        : next((k for k, (a, b) in enumerate(zip(first, last)) if a != b), min(len(first), len(last)))
    ]


def _stripped(images: set[str], masks: Sequence[str]) -> Rule | None:
    """The rule of "img_001_rgb" and "lbl_001_seg": letters that all have in common, at both ends."""
    ends = []
    for names in (sorted(images), masks):
        first = re.match(r"\D*", _common(names))
        last = re.match(r"\D*", _common([name[::-1] for name in names]))
        ends += [first[0] if first else "", last[0][::-1] if last else ""]
    return Rule(*ends) if any(ends) else None


def _cuts(rule: Rule, mask: str) -> bool:
    """Whether the rule ends within a number."""
    core = mask[len(rule.mask_before) : len(mask) - len(rule.mask_after)]
    if not core:
        return True
    ends = [(rule.before[-1:], core[0]), (rule.mask_before[-1:], core[0])]
    ends += [(core[-1], rule.after[:1]), (core[-1], rule.mask_after[:1])]
    return any(one.isdigit() and other.isdigit() for one, other in ends)


# Several masks for one image, one for each object.


_NUMBERED = re.compile(
    rf"(.+?)(?:[_\-. ](?:{'|'.join(sorted(MASK_WORDS))}|obj|object|cell|nucleus|instance))?[_\-. ]+\d+"
)


def object_files(group: Group) -> dict[str, tuple[str, list[str]]] | None:
    """Key -> an image and the masks of its objects; None unless every mask is one object of one image.

    The masks are next to their only image (as in `ID/images/ID.png`, `ID/masks/...`), in a folder that is
    called as the image, or called as the image with a number at the end.
    """
    images, masks = group
    rests = Counter(rest for rest, _ in images)
    alone = {rest: stem for rest, stem in images if rest and rests[rest] == 1}
    by_stems = {stem: rest for rest, stem in images}
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for (rest, stem), path in sorted(masks.items()):
        before, _, last = rest.rpartition("/")
        core = _NUMBERED.fullmatch(stem)
        if rest in alone:
            key = rest, alone[rest]
        elif (before, last) in images:
            key = before, last
        elif last in by_stems:
            key = by_stems[last], last
        elif core and (rest, core[1]) in images:
            key = rest, core[1]
        else:
            return None
        found[key].append(path)
    if max(map(len, found.values()), default=0) < 2 or 2 * len(found) < len(images):
        return None
    return {"/".join(filter(None, key)): (images[key], paths) for key, paths in sorted(found.items())}
