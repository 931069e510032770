"""Everything the board shows, for every state of its controls: bars, sentences, and small images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2.functional import center_crop, resize

from seglib.data.balance import Counts, Unit
from seglib.data.dataset import SegmentationDataset
from seglib.labels import percent
from seglib.progress import tracked
from seglib.widgets import pack
from seglib.widgets.balance.survey import SCHEMES, TITLES, Cut, Setting, Survey, cuts, loss_shares, weigh
from seglib.widgets.chart import Axis, column, share_tick, significant

LONGEST = 224  # pixels of a thumbnail's longer side
CROP = 96  # of a crop: three fit next to three others without being shrunk
EACH, ALL = 6, 400  # thumbnails of each class, and of all classes together at one stop of the dial

Column = dict[str, Any]  # as `chart.column` makes it
Places = dict[tuple[int | str, int], int]  # (stop or "blur", image) -> the place of its thumbnail


def frames(survey: Survey) -> dict[str, Any]:
    """What is sent to the browser, once.

    Images are chosen in one shuffled order, the same for all classes and stops: none is picked for its
    looks, and few images serve many classes.
    """
    counts, dataset = survey.own.counts, survey.own.dataset
    order = np.random.default_rng(0).permutation(len(counts)).tolist()
    shown = [choose(setting.counts, order) for setting in survey.settings]
    made = cuts(survey.sharpness, counts) if survey.sharpness else []
    sheet, number = thumbs(survey, shown, made)
    counted = _counted(survey)
    columns = {scheme: list(zip(*counted, *_weighed(survey, scheme))) for scheme in SCHEMES}
    start = survey.settings.index(survey.own)
    return {
        "source": f"{dataset.name} {dataset.split}, {_plural(len(counts), 'image')}",
        "classes": pack.names_and_colors(counts.classes),
        "note": "" if counts.objects is not None else "This data set has no instance annotations.",
        "crop": f"The middle {CROP} × {CROP} pixels of each image: an image that is shrunk looks sharp.",
        "schemes": [[name, TITLES[name], formula] for name, (formula, _) in SCHEMES.items()],
        "dial": f"How often a {survey.rare} is drawn" if survey.rare else "",
        "settings": [
            {
                "stop": [setting.frequency, _often(setting.frequency)],
                "columns": {scheme: columns[scheme][at] for scheme in SCHEMES},
                "words": {scheme: _class_words(setting.counts, scheme) for scheme in SCHEMES},
                "images": _examples(setting, shown[at], at, number),
            }
            for at, setting in enumerate(survey.settings)
        ],
        "cuts": [
            _packed_cut(survey, cut, number) | {"columns": [*(one[start] for one in counted[:2]), lost]}
            for cut, lost in zip(made, _lost(made))
        ],
        "thumbs": sheet,
    }


def _examples(
    setting: Setting, shown: list[list[int]], at: int, number: Places
) -> list[list[dict[str, Any]]]:
    """For each class the thumbnails of images that contain it, with its share of each."""
    pixels = setting.counts.pixels[:, :-1].double()
    shares = pixels / pixels.sum(dim=1, keepdim=True).clamp(min=1)

    def thumb(index: int, k: int, name: str) -> dict[str, Any]:
        title = f"image {setting.dataset.sample_id(index)}: {name} "
        return _thumb(number[at, index], share_text(shares[index, k].item()), title)

    names = setting.counts.classes
    return [[thumb(i, k, name) for i in images] for k, (name, images) in enumerate(zip(names, shown))]


def _packed_cut(survey: Survey, cut: Cut, number: Places) -> dict[str, Any]:
    """One cut: its place on the slider, its sentence, and the images on both sides."""
    scores = survey.sharpness.scores if survey.sharpness else ()

    def crops(indices: tuple[int, ...]) -> list[dict[str, Any]]:
        titles = [f"image {survey.own.dataset.sample_id(i)}: " for i in indices]
        blurs = [f"blur {significant(scores[i])}" for i in indices]
        return [_thumb(number["blur", i], *words) for i, *words in zip(indices, blurs, titles)]

    blur = f", blur ≥ {significant(cut.threshold)}" if cut.dropped else ""
    return {
        "stop": [cut.dropped, f"{cut.dropped:,} of {len(survey.own.counts):,}{blur}"],
        "words": _cut_words(survey.own.counts, cut),
        "stays": crops(cut.stays),
        "goes": crops(cut.goes),
    }


def _thumb(place: int, caption: str, title: str) -> dict[str, Any]:
    return {"thumb": place, "caption": caption, "title": f"{title}{caption}"}


# Bars. At all stops of the dial they share an axis, so that a bar that shrinks is seen to shrink.


def _stops(
    title: str, values: Tensor, text: Callable[[float], str], tick: Callable[[float], str], hint: str = ""
) -> list[Column]:
    """The columns of (S, K) values, one for each stop."""
    axis = Axis.of(values.flatten().tolist())
    return [column(title, row, axis, text, tick, hint) for row in values.tolist()]


def _counted(survey: Survey) -> list[list[Column]]:
    """Pixels, images and objects of each class, at each stop of the dial."""
    counts = [setting.counts for setting in survey.settings]
    units: tuple[Unit, ...] = ("images",) if counts[0].objects is None else ("images", "objects")
    totals = [(unit, torch.stack([one.total(unit) for one in counts])) for unit in units]
    return [
        _stops("Pixels", torch.stack([one.shares() for one in counts]), share_text, share_tick),
        *(_stops(unit.capitalize(), total, "{:,.0f}".format, tick_text) for unit, total in totals),
    ]


def _weighed(survey: Survey, scheme: str) -> list[list[Column]]:
    """The weight of each class, and its share of the loss, at each stop of the dial."""
    weights = [weigh(setting.counts, scheme) for setting in survey.settings]
    parts = [loss_shares(setting.counts, each) for setting, each in zip(survey.settings, weights)]
    values = torch.stack(weights).double()
    values = values.where(values > 0, torch.nan)  # a class that does not occur has no weight
    hint = "The class's share of a weighted loss, if the loss is the same in every pixel"
    return [
        _stops("Weight", values, significant, tick_text),
        _stops("Of the loss", torch.stack(parts), share_text, share_tick, hint),
    ]


def _lost(cuts: Sequence[Cut]) -> list[Column]:
    """What each cut takes of each class, and what chance would."""
    most = min(max((cut.chance.nan_to_num().max().item() for cut in cuts), default=0.0), 1.0)
    axis = Axis.of([most, *(value for cut in cuts for value in cut.lost.tolist())])
    packed = []
    for cut in cuts:
        packed.append(column("Lost by the cut", cut.lost.tolist(), axis, share_text, share_tick))
        if cut.dropped:
            bands = [[axis.length(end) for end in ends] for ends in cut.chance.tolist()]
            packed[-1] |= {"bands": bands, "part": axis.length(cut.part), "much": cut.much.tolist()}
    return packed


# Sentences.


def _class_words(counts: Counts, scheme: str) -> list[str]:
    """For each class, how much there is of it and its weight in the loss."""
    weights = weigh(counts, scheme)
    parts, title = loss_shares(counts, weights), "Unweighted" if scheme == "none" else TITLES[scheme]
    around = counts.total() / counts.pixels_around
    objects = counts.total("objects").tolist() if counts.objects is not None else [0] * len(parts)
    words = []
    for k, (name, images) in enumerate(zip(counts.classes, counts.total("images").tolist())):
        held = [f"{share_text(counts.shares()[k].item())} of the pixels"]
        held.append(f"in {images:,} of {len(counts):,} images")
        held += [_plural(objects[k], "object")] if objects[k] else []
        words.append(
            f"{name}: {', '.join(held)}. Where it occurs, it fills {share_text(around[k].item())} of the "
            f"image. {title}: weight {significant(weights[k].item())}, {share_text(parts[k].item())} of the "
            "loss."
            if images
            else f"{name}: in none of the {len(counts)} images."
        )
    return words


def _cut_words(counts: Counts, cut: Cut) -> str:
    """How much one cut drops, and which classes lose much more than by chance."""
    if not cut.dropped:
        return f"Drops none of the {len(counts):,} images."
    first = (
        f"Drops {cut.dropped:,} of {len(counts):,} images ({share_text(cut.part)}), with a blur of "
        f"{significant(cut.threshold)} or more."
    )
    lost = zip(counts.classes, cut.lost.tolist(), cut.much.tolist())
    if hit := [f"{name} ({share_text(part)})" for name, part, much in lost if much]:
        return f"{first} Losing much more than in a random cut: {', '.join(hit)}."
    return f"{first} No class loses much more than a random cut would take."


def share_text(value: float) -> str:
    """A share of 0..1 in percent with two digits that count, however rare the class.

    Example:
        >>> share_text(0.8127), share_text(0.0024), share_text(0.00017), share_text(0.000002), share_text(0)
        ('81 %', '0.24 %', '0.017 %', 'under 0.01 %', '0 %')
    """
    digits = sum(0 < value < bound for bound in (0.0995, 0.00995, 0.000995))
    return percent(value, 2 if 0 < value < 1e-4 else digits)


def tick_text(value: float) -> str:
    """A tick of numbers, short.

    Example:
        >>> tick_text(0.1), tick_text(20000.0), tick_text(2e6)
        ('0.1', '20,000', '2e+06')
    """
    return f"{value:,.0f}" if 1 <= value < 1e5 else f"{value:g}"


def _often(frequency: float) -> str:
    """How often the rare class is drawn, compared with any other."""
    return "as often as any other" if frequency == 1 else f"{frequency:g} × as often"


def _plural(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"


# Small images: whole ones with labels for the classes, crops at full size for the blur.


def choose(counts: Counts, order: Sequence[int]) -> list[list[int]]:
    """For each class the images that are shown for it: the first in `order` that contain it.

    Example:
        >>> from seglib.labels import Classes
        >>> counts = Counts(Classes.of("sea", "fish"), torch.tensor([[9, 0, 0], [8, 1, 0], [5, 4, 0]]))
        >>> choose(counts, [2, 0, 1])
        [[2, 0, 1], [2, 1]]
    """
    each = min(EACH, max(1, ALL // len(counts.classes)))
    present = counts.of("images").bool()[list(order)].T  # (K, N), in that order
    return [[order[row] for row in where.nonzero()[:each, 0].tolist()] for where in present]


def thumbs(
    survey: Survey, shown: list[list[list[int]]], cuts: Sequence[Cut]
) -> tuple[list[dict[str, Any]], Places]:
    """Read, shrink and pack every image that the board can show, with a progress bar.

    Args:
        survey: the data set at each stop of its dial.
        shown: of each stop, for each class, the images that are shown for it.
        cuts: whose images on both sides are shown, too.

    Returns:
        The thumbnails, each once, and (stop or "blur", image) -> its place among them.
    """
    jobs: dict[tuple[int | str, int], SegmentationDataset] = {}
    for place, setting in enumerate(survey.settings):
        needed = {index for images in shown[place] for index in images}
        jobs |= {(place, index): setting.dataset for index in sorted(needed)}
    jobs |= {("blur", index): survey.own.dataset for cut in cuts for index in (*cut.stays, *cut.goes)}
    number, sheet = {}, dict[bytes, tuple[int, dict[str, Any]]]()  # by content: what is equal is sent once
    label = f"Making thumbnails of {survey.own.dataset.name}"
    for (where, index), dataset in tracked(jobs.items(), len(jobs), label):
        image, mask = dataset[index]
        thumb = _crop(image) if where == "blur" else _whole(image, torch.as_tensor(mask))
        content = thumb["image"] + (thumb["labels"] or b"")
        number[where, index] = sheet.setdefault(content, (len(sheet), thumb))[0]
    return [thumb for _, thumb in sheet.values()], number


def _whole(image: Tensor, mask: Tensor) -> dict[str, Any]:
    """The whole image, small, with its labels; of these pixels are left out, so that none are mixed."""
    scale = min(LONGEST / max(mask.shape), 1)
    size = [max(round(side * scale), 1) for side in mask.shape]
    small = torch.as_tensor(resize(image, size, antialias=True))
    return pack.thumbnail(small, resize(mask[None], size, InterpolationMode.NEAREST_EXACT)[0])


def _crop(image: Tensor) -> dict[str, Any]:
    """The middle of the image at full size: shrinking would hide the blur."""
    height, width = image.shape[1:]
    return pack.thumbnail(torch.as_tensor(center_crop(image, [min(height, CROP), min(width, CROP)])))
