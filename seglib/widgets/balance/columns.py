"""The board's bars and sentences for each setting, scheme and cut."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from seglib.data.balance import Counts, Unit
from seglib.labels import percent
from seglib.widgets.balance.cuts import Cut
from seglib.widgets.balance.survey import SCHEMES, Survey, loss_shares, weigh
from seglib.widgets.chart import Axis, column, share_tick, significant

AXES = ("linear", "log")


# A column of bars at each stop of the dial, on either axis.
Stops = list[dict[str, dict[str, Any]]]


def stops(
    title: str, values: Tensor, text: Callable[[float], str], tick: Callable[[float], str], hint: str = ""
) -> Stops:
    """The columns of (S, K) values; all stops share an axis, so that a bar that shrinks is seen to shrink."""
    axes = [Axis.of(values.flatten().tolist(), log) for log in (False, True)]
    return [
        {name: column(title, row, axis, text, tick, hint) for name, axis in zip(AXES, axes)}
        for row in values.tolist()
    ]


def counted(survey: Survey) -> list[Stops]:
    """Pixels, images and objects of each class, at each stop of the dial."""
    counts = [setting.counts for setting in survey.settings]
    units: list[tuple[Unit, str]] = [("images", "Images")]
    if counts[0].objects is not None:
        units.append(("objects", "Objects"))
    return [
        stops("Pixels", torch.stack([one.shares() for one in counts]), share_text, share_tick),
        *(
            stops(title, torch.stack([one.total(unit) for one in counts]), "{:,.0f}".format, tick_text)
            for unit, title in units
        ),
    ]


def weighed(survey: Survey, scheme: str) -> list[Stops]:
    """The weight of each class, and its share of the loss, at each stop of the dial."""
    weights = [weigh(setting.counts, scheme) for setting in survey.settings]
    parts = [loss_shares(setting.counts, each) for setting, each in zip(survey.settings, weights)]
    values = torch.stack(weights).double()
    values = values.where(values > 0, torch.nan)  # a class that does not occur has no weight
    hint = "The class's share of a weighted loss, if the loss is the same in every pixel"
    return [
        stops("Weight", values, significant, tick_text),
        stops("Of the loss", torch.stack(parts), share_text, share_tick, hint),
    ]


def lost(cuts: Sequence[Cut]) -> list[dict[str, Any]]:
    """What each cut takes of each class, and what chance would; the axis is linear, since values may be 0."""
    most = min(max((cut.chance.nan_to_num().max().item() for cut in cuts), default=0.0), 1.0)
    axis = Axis.of([most, *(value for cut in cuts for value in cut.lost.tolist())])
    packed = []
    for cut in cuts:
        packed.append(column("Lost by the cut", cut.lost.tolist(), axis, share_text, share_tick))
        if cut.dropped:
            bands = [[axis.length(end) for end in ends] for ends in cut.chance.tolist()]
            packed[-1] |= {"bands": bands, "part": axis.length(cut.part), "much": cut.much.tolist()}
    return packed


def class_words(survey: Survey, setting: int, place: int, scheme: str) -> str:
    """How much there is of one class at one stop of the dial, and its weight in the loss."""
    counts = survey.settings[setting].counts
    name, images = counts.classes.names[place], counts.total("images")[place].item()
    if not images:
        return f"{name}: in none of the {len(counts)} images."
    parts = [
        f"{share_text(counts.shares()[place].item())} of the pixels",
        f"in {images:,} of {len(counts):,} images",
    ]
    if counts.objects is not None and (objects := counts.total("objects")[place].item()):
        parts.append(f"{objects:,} object{'s' * (objects > 1)}")
    around = counts.total()[place].item() / counts.pixels_around[place].item()
    weights = weigh(counts, scheme)
    weight, part = weights[place].item(), loss_shares(counts, weights)[place].item()
    title = "Unweighted" if scheme == "none" else SCHEMES[scheme][0]
    return (
        f"{name}: {', '.join(parts)}. Where it occurs, it fills {share_text(around)} of the image."
        f" {title}: weight {significant(weight)}, {share_text(part)} of the loss."
    )


def cut_words(counts: Counts, cut: Cut) -> str:
    """How much one cut drops, and which classes lose much more than by chance."""
    if not cut.dropped:
        return f"Drops none of the {len(counts):,} images."
    first = (
        f"Drops {cut.dropped:,} of {len(counts):,} images ({share_text(cut.part)}), with a blur of "
        f"{significant(cut.threshold)} or more."
    )
    hit = [
        f"{name} ({share_text(lost)})"
        for name, lost, much in zip(counts.classes, cut.lost.tolist(), cut.much.tolist())
        if much
    ]
    if not hit:
        return f"{first} No class loses much more than a random cut would take."
    return f"{first} Losing much more than in a random cut: {', '.join(hit)}."


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
