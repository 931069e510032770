"""The board's bars and sentences, all of them, for each of its settings, schemes and cuts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from seglib.data.balance import Counts, Unit
from seglib.labels import percent
from seglib.widgets.balance.cuts import Cut
from seglib.widgets.balance.survey import SCHEMES, Survey, loss_shares, weigh
from seglib.widgets.chart import Axis, Column, significant

AXES = ("linear", "log")


@dataclass(frozen=True)
class Quantity:
    """A number for each class at each of several stops: what one column of bars shows.

    Attributes:
        title: above the column.
        values: (S, K) float64; NaN where there is nothing to say.
        text: how a number is written.
        tick: how a tick of the axis is written.
        hint: what the number is, in a sentence.
        whole: the value at full length of the linear axis, if it is not the largest one.
        log: whether it has a logarithmic axis.
    """

    title: str
    values: Tensor
    text: Callable[[float], str]
    tick: Callable[[float], str]
    hint: str = ""
    whole: float | None = None
    log: bool = True

    @cached_property
    def axes(self) -> dict[str, Axis]:
        """One axis for all stops, so that a bar that shrinks is seen to shrink."""
        known = [value for value in self.values.flatten().tolist() if not math.isnan(value)]
        linear = Axis.of([*known, *([self.whole] if self.whole else [])])
        return {"linear": linear, "log": Axis.of(known, log=True) if self.log else linear}

    def column(self, stop: int, name: str) -> Column:
        """The bars at one stop, on the axis `name`."""
        row, axis = self.values[stop].tolist(), self.axes[name]
        ticks = tuple((axis.length(tick), self.tick(tick)) for tick in axis.ticks)
        return Column(self.title, tuple(map(self.text, row)), tuple(map(axis.length, row)), ticks, self.hint)


def shares(title: str, values: Tensor, **options: Any) -> Quantity:
    """A quantity of shares, 0..1."""
    return Quantity(title, values, share_text, lambda tick: f"{100 * tick:g} %", **options)


def counted(survey: Survey) -> list[Quantity]:
    """Pixels, images and objects of each class, at each stop of the dial."""
    counts = [setting.counts for setting in survey.settings]
    units: list[tuple[Unit, str]] = [("images", "Images")]
    if counts[0].objects is not None:
        units.append(("objects", "Objects"))
    return [
        shares("Pixels", torch.stack([one.shares() for one in counts])),
        *(
            Quantity(title, torch.stack([one.total(unit) for one in counts]).double(), count_text, tick_text)
            for unit, title in units
        ),
    ]


def weighed(survey: Survey, scheme: str) -> list[Quantity]:
    """The weight of each class, and its part of the loss, at each stop of the dial."""
    weights = [weigh(setting.counts, scheme) for setting in survey.settings]
    parts = [loss_shares(setting.counts, each) for setting, each in zip(survey.settings, weights)]
    values = torch.stack(weights).double()
    values = values.where(values > 0, torch.nan)  # a class that does not occur has no weight
    hint = "The part of a weighted loss that the class makes, if the loss is the same in every pixel"
    return [
        Quantity("Weight", values, significant, tick_text),
        shares("Of the loss", torch.stack(parts), hint=hint),
    ]


def lost(cuts: Sequence[Cut]) -> Quantity:
    """What each cut for blur takes of each class; on a linear axis only, since nothing may be lost."""
    most = min(max(cut.chance.nan_to_num().max().item() for cut in cuts), 1.0)
    return shares("Lost by the cut", torch.stack([cut.lost for cut in cuts]), whole=most or None, log=False)


def class_words(survey: Survey, setting: int, place: int, scheme: str) -> str:
    """How much there is of one class at one stop of the dial, and what the weights make of it."""
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
        f"{name}: {', '.join(parts)}. Where it is, it fills {share_text(around)} of the image."
        f" {title}: weight {significant(weight)}, {share_text(part)} of the loss."
    )


def cut_words(counts: Counts, cut: Cut) -> str:
    """What one cut drops, and which classes it hits."""
    if not cut.dropped:
        return f"Nothing is dropped of {len(counts):,} images."
    first = (
        f"{cut.dropped:,} of {len(counts):,} images go ({share_text(cut.part)}), with a blur of "
        f"{significant(cut.threshold)} or more."
    )
    hit = [
        f"{name} ({share_text(lost)})"
        for name, lost, much in zip(counts.classes, cut.lost.tolist(), cut.much.tolist())
        if much
    ]
    if not hit:
        return f"{first} No class loses much more than chance would take."
    return f"{first} Hit much harder than by chance: {', '.join(hit)}."


def share_text(value: float) -> str:
    """A share of 0..1 in percent with two digits that count, however rare the class.

    Example:
        >>> share_text(0.8127), share_text(0.0024), share_text(0.00017), share_text(0.000002), share_text(0)
        ('81 %', '0.24 %', '0.017 %', 'under 0.01 %', '0 %')
    """
    digits = sum(0 < value < bound for bound in (0.0995, 0.00995, 0.000995))
    return percent(value, 2 if 0 < value < 1e-4 else digits)


def count_text(number: float) -> str:
    """A whole number with commas."""
    return f"{number:,.0f}"


def tick_text(value: float) -> str:
    """A tick of numbers, short.

    Example:
        >>> tick_text(0.1), tick_text(20000.0), tick_text(2e6)
        ('0.1', '20,000', '2e+06')
    """
    return f"{value:,.0f}" if 1 <= value < 1e5 else f"{value:g}"
