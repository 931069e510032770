"""The columns of bars that the board has: a number for each class, at every stop of a dial."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from seglib.data.balance import Unit
from seglib.widgets.balance import scale
from seglib.widgets.balance.cuts import Cut
from seglib.widgets.balance.schemes import Option, loss_shares, weigh
from seglib.widgets.balance.survey import Survey


@dataclass(frozen=True)
class Quantity:
    """A number for each class, at every stop of a dial: what one column of bars shows.

    Attributes:
        title: above the column.
        values: (S, K) float64; NaN where there is nothing to say.
        text: how a number is written.
        tick: how a tick of the axis is written.
        sign: of the unit, after the last tick.
        whole: the value at full length of the linear axis, where it is not the largest one.
        log: whether it has a logarithmic axis.
    """

    title: str
    values: Tensor
    text: scale.Text
    tick: scale.Text
    sign: str = ""
    whole: float | None = None
    log: bool = True

    @cached_property
    def axes(self) -> dict[str, scale.Axis]:
        """One axis for all stops, so that a bar that shrinks is seen to shrink."""
        known = [value for value in self.values.flatten().tolist() if not math.isnan(value)]
        linear = scale.linear([*known, *([self.whole] if self.whole else [])])
        return {"linear": linear, "log": scale.logarithmic(known) if self.log else linear}

    def ticks(self, name: str) -> list[tuple[float, str]]:
        """Where the ticks of an axis are, 0..1, and what is written there."""
        axis = self.axes[name]
        signs = ["" for _ in axis.ticks[1:]] + [self.sign]
        return [(axis.place(tick), self.tick(tick) + sign) for tick, sign in zip(axis.ticks, signs)]


def quantities(survey: Survey, ways: Iterable[Option], cuts: Sequence[Cut]) -> dict[str, Quantity]:
    """Every column by its key: "pixels", "weight enet", "beside 3", "lost" ..."""
    return dict(_counted(survey)) | dict(_weighed(survey, ways)) | _cut(cuts)


def _counted(survey: Survey) -> Iterable[tuple[str, Quantity]]:
    """What was counted, at every stop of the dial, and beside each class the others."""
    counts = [setting.counts for setting in survey.settings]
    known: list[tuple[Unit, str]] = [("images", "Images")]
    if counts[0].objects is not None:
        known.append(("objects", "Objects"))
    yield "pixels", _shares("Pixels", torch.stack([one.shares() for one in counts]))
    for unit, title in known:
        yield unit, _numbers(title, torch.stack([one.total(unit) for one in counts]))
    for place, name in enumerate(survey.counts.classes):
        together = torch.stack([one.together[place] for one in counts]).double()  # (S, K)
        values = together / together[:, place, None]  # NaN where the class does not occur
        yield f"beside {place}", _shares(f"With {name}", values, whole=1.0)
    yield "pixels before", _shares("Pixels", survey.counts.shares()[None])
    yield "images before", _numbers(known[0][1], survey.counts.total("images")[None])


def _weighed(survey: Survey, ways: Iterable[Option]) -> Iterable[tuple[str, Quantity]]:
    """What every way to weigh makes of the counts."""
    for option in ways:
        weights = [weigh(setting.counts, option) for setting in survey.settings]
        parts = [loss_shares(setting.counts, each) for setting, each in zip(survey.settings, weights)]
        values = torch.stack(weights).double()
        yield f"weight {option.key}", Quantity("Weight", values, scale.weight_text, scale.tick_text)
        yield f"loss {option.key}", _shares("Of the loss", torch.stack(parts))


def _cut(cuts: Sequence[Cut]) -> dict[str, Quantity]:
    """What every cut for blur takes of the classes; on a linear axis only, since nothing may be lost."""
    if not cuts:
        return {}
    most = min(max(cut.chance.nan_to_num().max().item() for cut in cuts), 1.0)
    lost = torch.stack([cut.lost for cut in cuts])
    return {
        "lost": Quantity("Lost by the cut", lost, scale.share_text, scale.share_tick, " %", most, log=False)
    }


def _shares(title: str, values: Tensor, whole: float | None = None) -> Quantity:
    return Quantity(title, values, scale.share_text, scale.share_tick, " %", whole)


def _numbers(title: str, values: Tensor) -> Quantity:
    return Quantity(title, values.double(), scale.count_text, scale.tick_text)
