"""The class-balance board: bars, images and weights of every class, linked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import traitlets
from matplotlib.figure import Figure

from seglib.data.balance import Counts
from seglib.data.dataset import SegmentationDataset
from seglib.draw import HATCHES, figure_bytes
from seglib.widgets.balance.frames import frames
from seglib.widgets.balance.survey import SCHEMES, survey
from seglib.widgets.shell import STYLE, RefusedError, Shell, module

if TYPE_CHECKING:
    from seglib.data.quality import Sharpness

FILES = ("paint.js", "controls.js", "list.js", "bars.js", "thumbs.js", "balance/board.js")


class BalanceBoard(Shell):
    """How common each class is, what weights do to the loss, and what dropping blurred images takes away.

    Bars of pixels, images and objects, of the weight that a scheme gives each class, and of its share of the
    loss; choose a class to see images of it. Scenes have a dial that makes one class rarer. Everything is
    counted once, in Python, on images that were drawn or read; the exported HTML needs no kernel.

    Up to six images of each class are shown (fewer where there are more than 66 classes), at every stop of
    the dial, and three on each side of up to 21 cuts: at most about 500 thumbnails, 2 to 5 MB.

    Args:
        dataset: any data set that `load` opens.
        sharpness: its `seglib.data.quality.sharpness(dataset)`; without it there is no cut. With scores of
            your own, such as minus the variance of the Laplacian, shows what they would drop.
        **state: traits to begin with, as in `scheme="enet"`.

    Attributes:
        view: "classes" or "blur".
        selected: name of the selected class; at first the rare class of scenes, else the rarest.
        scheme: "none", "inverse frequency", "median frequency", "enet" or "effective number" (of images).
        frequency: of the rare class of scenes, one of the stops of the dial; 1 for other data sets.
        cut: how many of the most blurred images are dropped, one of the stops of its slider.
        hatch: whether bars are hatched as their classes are elsewhere.

    Raises:
        ValueError: the data set is empty, or an argument does not fit; the sentence says which.

    Example:
        >>> from seglib.scenes import Scenes
        >>> board = BalanceBoard(Scenes(3, size=(64, 64)), scheme="median frequency")
        >>> board.columns()[3]["title"]
        'Weight'
    """

    _esm = module(*FILES)
    _css = STYLE + module("parts.css", "balance/balance.css")
    view = traitlets.Enum(("classes", "blur"), "classes").tag(sync=True)
    selected = traitlets.Unicode().tag(sync=True)
    scheme = traitlets.Enum(tuple(SCHEMES), "none").tag(sync=True)
    frequency = traitlets.Float(1.0).tag(sync=True)
    cut = traitlets.Int(0).tag(sync=True)
    hatch = traitlets.Bool(True).tag(sync=True)

    def __init__(
        self, dataset: SegmentationDataset, *, sharpness: Sharpness | None = None, **state: Any
    ) -> None:
        known = survey(dataset, sharpness)
        self._rare, self._classes = known.rare, dataset.classes
        begin = {"selected": known.rare or _rarest(known.own.counts), "frequency": known.own.frequency}
        super().__init__(data=frames(known), **begin | state)

    def columns(self) -> list[dict[str, Any]]:
        """The columns of bars on show, as `chart.column` makes them."""
        columns = self._shown()["columns"]
        return columns if self.view == "blur" else columns[self.scheme]

    def words(self) -> str:
        """The sentences below the bars."""
        words = self._shown()["words"]
        return words if self.view == "blur" else words[self.scheme][self._classes.index(self.selected)]

    def description(self) -> str:
        """The board in words: the data set, every class, and what is looked at."""
        shown, rare = self.columns(), self._rare
        often = f", {rare} drawn {self.frequency:g} times as often as any other class" if rare else ""
        lines = [
            f"{name}: " + ", ".join(f"{one['title'].lower()} {one['texts'][place]}" for one in shown)
            for place, name in enumerate(self._classes)
        ]
        return "\n".join([f"Class balance of {self.data['source']}{often}.", *lines, self.words()])

    def still(self) -> bytes:
        """The bars as a PNG: a panel for each column, a bar for each class with its number."""
        classes, shown = self._classes, self.columns()
        figure = Figure(figsize=(2.0 + 1.5 * len(shown), 0.7 + 0.27 * len(classes)), layout="constrained")
        panels = figure.subplots(1, len(shown), sharey=True)
        colors = [[channel / 255 for channel in color] for color in classes.colors]
        places = range(len(classes))
        hatches = [HATCHES[place % len(HATCHES)] for place in places]
        for panel, column in zip(panels, shown):
            bars = panel.barh(places, column["lengths"], 0.7, color=colors, edgecolor="grey", hatch=hatches)
            panel.bar_label(bars, column["texts"], padding=3, fontsize=8)
            panel.set_title(column["title"], fontsize=9)
            panel.set(xlim=(0, 1.6), xticks=[])  # room for the numbers
            panel.spines[["top", "right", "bottom"]].set_visible(False)
        panels[0].set_yticks(places, list(classes), fontsize=9)
        panels[0].invert_yaxis()
        return figure_bytes(figure)

    def _shown(self) -> dict[str, Any]:
        """What is sent for the stop that is on show."""
        kind, at = ("cuts", self.cut) if self.view == "blur" else ("settings", self.frequency)
        return next(one for one in self.data[kind] if one["stop"][0] == at)

    @traitlets.validate("selected", "view", "frequency", "cut")
    def _is_there(self, proposal: Any) -> Any:
        """Refuse in one sentence what the board does not have."""
        name, value = proposal.trait.name, proposal.value
        stops = [one["stop"][0] for one in self.data["cuts" if name == "cut" else "settings"]] or [0]
        try:
            if name == "selected":
                self._classes.index(value)  # says which classes there are
            elif value == "blur" and not self.data["cuts"]:
                raise ValueError("the blur of these images is not known; pass sharpness=sharpness(dataset)")
            elif name in ("frequency", "cut") and value not in stops:
                there = ", ".join(f"{stop:g}" for stop in stops)
                raise ValueError(f"{name} must be one of {there}, got {value:g}")
        except ValueError as error:
            raise RefusedError(str(error)) from None
        return value


def _rarest(counts: Counts) -> str:
    """The class with the fewest pixels of those that occur."""
    total = counts.total()
    return counts.classes.names[int(total.where(total > 0, total.max() + 1).argmin())]
