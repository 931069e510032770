"""The class-balance board: bars, images and weights of every class, linked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import traitlets
from matplotlib.figure import Figure
from torch import Tensor

from seglib.data.balance import Counts
from seglib.data.dataset import SegmentationDataset
from seglib.draw import HATCHES, figure_bytes
from seglib.widgets import pack
from seglib.widgets.balance import columns
from seglib.widgets.balance.columns import AXES, share_text
from seglib.widgets.balance.cuts import Cut, cuts
from seglib.widgets.balance.survey import SCHEMES, survey, weigh
from seglib.widgets.balance.thumbs import thumbs
from seglib.widgets.chart import significant
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
        sharpness: its `seglib.data.quality.Sharpness`, or True to measure it; without it there is no cut. One
            with scores of your own, such as minus the variance of the Laplacian, shows what they would drop.
        **state: traits to begin with, as in `scheme="enet"`.

    Attributes:
        view: "classes" or "blur".
        axis: "linear" or "log".
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
        >>> board.weights.shape, board.dropped
        (torch.Size([10]), [])
    """

    _esm = module(*FILES)
    _css = STYLE + module("parts.css", "balance/balance.css")
    view = traitlets.Enum(("classes", "blur"), "classes").tag(sync=True)
    axis = traitlets.Enum(AXES, "linear").tag(sync=True)
    selected = traitlets.Unicode().tag(sync=True)
    scheme = traitlets.Enum(tuple(SCHEMES), "none").tag(sync=True)
    frequency = traitlets.Float(1.0).tag(sync=True)
    cut = traitlets.Int(0).tag(sync=True)
    hatch = traitlets.Bool(True).tag(sync=True)

    def __init__(
        self, dataset: SegmentationDataset, *, sharpness: Sharpness | bool = False, **state: Any
    ) -> None:
        known = self._survey = survey(dataset, sharpness)
        self._cuts = cuts(known.sharpness, known.counts) if known.sharpness else []
        self._thumbs = thumbs(known, self._cuts)
        begin = {
            "selected": known.rare or _rarest(known.counts),
            "frequency": known.settings[known.start].frequency,
        }
        super().__init__(data=self._data(), **begin | state)

    @property
    def weights(self) -> Tensor:
        """The weights on show, (K,) float32, as `F.cross_entropy(..., weight=board.weights)` takes them."""
        setting = self._survey.settings[self._stops("frequency").index(self.frequency)]
        return weigh(setting.counts, self.scheme)

    @property
    def dropped(self) -> list[int]:
        """Indices of the images that the cut drops, the most blurred first."""
        sharpness = self._survey.sharpness
        return sharpness.blurred(1.0)[: self.cut] if sharpness else []

    def columns(self) -> list[dict[str, Any]]:
        """The columns of bars on show, as `chart.column` makes them."""
        shown = self._shown()
        if self.view == "blur":
            return shown["columns"][self.axis]
        return [*shown["counted"][self.axis], *shown["weighed"][self.scheme][self.axis]]

    def words(self) -> str:
        """The sentences below the bars."""
        words = self._shown()["words"]
        classes = self._survey.counts.classes
        return words if self.view == "blur" else words[self.scheme][classes.index(self.selected)]

    def description(self) -> str:
        """The board in words: the data set, every class, and what is looked at."""
        shown, rare = self.columns(), self._survey.rare
        often = f", {rare} drawn {self.frequency:g} times as often as any other class" if rare else ""
        lines = [
            f"{name}: " + ", ".join(f"{one['title'].lower()} {one['texts'][place]}" for one in shown)
            for place, name in enumerate(self._survey.counts.classes)
        ]
        return "\n".join([f"Class balance of {self.data['source']}{often}.", *lines, self.words()])

    def still(self) -> bytes:
        """The bars as a PNG: a panel for each column, a bar for each class with its number."""
        classes, shown = self._survey.counts.classes, self.columns()
        figure = Figure(figsize=(2.0 + 1.5 * len(shown), 0.7 + 0.27 * len(classes)), layout="constrained")
        panels = figure.subplots(1, len(shown), sharey=True)
        colors = [[channel / 255 for channel in color] for color in classes.colors]
        places = range(len(classes))
        for panel, column in zip(panels, shown):
            bars = panel.barh(places, column["lengths"], color=colors, edgecolor="grey", height=0.7)
            for place, bar in enumerate(bars):
                bar.set_hatch(HATCHES[place % len(HATCHES)])
            panel.bar_label(bars, column["texts"], padding=3, fontsize=8)
            panel.set_title(column["title"], fontsize=9)
            panel.set_xlim(0, 1.6)  # room for the numbers
            panel.set_xticks([])
            panel.spines[["top", "right", "bottom"]].set_visible(False)
        panels[0].set_yticks(places, list(classes), fontsize=9)
        panels[0].invert_yaxis()
        return figure_bytes(figure)

    def _shown(self) -> dict[str, Any]:
        """What is sent for the stop that is on show."""
        if self.view == "blur":
            return self.data["cuts"][self._stops("cut").index(self.cut)]
        return self.data["settings"][self._stops("frequency").index(self.frequency)]

    def _stops(self, name: str) -> list[Any]:
        """The values that a slider can have."""
        if name == "cut":
            return [cut.dropped for cut in self._cuts] or [0]
        return [setting.frequency for setting in self._survey.settings]

    @traitlets.validate("selected", "view", "frequency", "cut")
    def _is_there(self, proposal: Any) -> Any:
        """Refuse in one sentence what the board does not have."""
        name, value = proposal.trait.name, proposal.value
        try:
            if name == "selected":
                self._survey.counts.classes.index(value)  # says which classes there are
            elif name == "view":
                if value == "blur" and not self._cuts:
                    raise ValueError(
                        "the blur of these images is not known; pass sharpness=True to the board"
                    )
            elif value not in (stops := self._stops(name)):
                there = ", ".join(f"{stop:g}" for stop in stops)
                raise ValueError(f"{name} must be one of {there}, got {value:g}")
        except ValueError as error:
            raise RefusedError(str(error)) from None
        return value

    def _data(self) -> dict[str, Any]:
        """Everything that the browser shows, for every state of the controls."""
        known, counts = self._survey, self._survey.counts
        number = len(counts)
        before, lost = _at(columns.counted(known)[:2], known.start), columns.lost(self._cuts)
        return {
            "source": f"{known.dataset.name} {known.dataset.split}, {number:,} image{'s' * (number != 1)}",
            "classes": pack.names_and_colors(counts.classes),
            "note": "" if counts.objects is not None else "This data set has no instance annotations.",
            "schemes": [[name, title, formula] for name, (title, formula, _) in SCHEMES.items()],
            "dial": f"How often a {known.rare} is drawn" if known.rare else "",
            "settings": [self._packed_setting(place) for place in range(len(known.settings))],
            "cuts": [
                self._packed_cut(cut) | {"columns": {axis: [*bars, column] for axis, bars in before.items()}}
                for cut, column in zip(self._cuts, lost)
            ],
            "thumbs": self._thumbs.sheet,
        }

    def _packed_setting(self, place: int) -> dict[str, Any]:
        """One stop of the dial: bars and sentences by scheme, and each class's images."""
        known, setting = self._survey, self._survey.settings[place]
        pixels = setting.counts.pixels[:, :-1].double()
        shares = pixels / pixels.sum(dim=1, keepdim=True).clamp(min=1)
        names = setting.counts.classes.names
        images = [
            [
                self._thumb(place, i, setting.dataset, share_text(shares[i, k].item()), f"{name} ")
                for i in self._thumbs.shown[place][k]
            ]
            for k, name in enumerate(names)
        ]
        return {
            "stop": [setting.frequency, _often(setting.frequency)],
            "counted": _at(columns.counted(known), place),
            "weighed": {scheme: _at(columns.weighed(known, scheme), place) for scheme in SCHEMES},
            "words": {
                scheme: [columns.class_words(known, place, k, scheme) for k in range(len(names))]
                for scheme in SCHEMES
            },
            "images": images,
        }

    def _packed_cut(self, cut: Cut) -> dict[str, Any]:
        """One cut: its place on the slider, its sentence, and the images on both sides."""
        known = self._survey
        scores = known.sharpness.scores if known.sharpness else ()

        def crops(indices: tuple[int, ...]) -> list[dict[str, Any]]:
            return [self._thumb("blur", i, known.dataset, f"blur {significant(scores[i])}") for i in indices]

        blur = f", blur ≥ {significant(cut.threshold)}" if cut.dropped else ""
        return {
            "stop": [cut.dropped, f"{cut.dropped:,} of {len(known.counts):,}{blur}"],
            "words": columns.cut_words(known.counts, cut),
            "stays": crops(cut.stays),
            "goes": crops(cut.goes),
        }

    def _thumb(
        self, where: int | str, index: int, dataset: SegmentationDataset, caption: str, name: str = ""
    ) -> dict[str, Any]:
        title = f"image {dataset.sample_id(index)}: {name}{caption}"
        return {"thumb": self._thumbs.number[where, index], "caption": caption, "title": title}


def _at(quantities: list[columns.Stops], place: int) -> dict[str, list[dict[str, Any]]]:
    """The columns at one stop, by axis."""
    return {axis: [quantity[place][axis] for quantity in quantities] for axis in AXES}


def _often(frequency: float) -> str:
    """How often the rare class is drawn, compared with any other."""
    return "as often as any other" if frequency == 1 else f"{frequency:g} × as often"


def _rarest(counts: Counts) -> str:
    """The class with the fewest pixels of those that occur."""
    total = counts.total()
    return counts.classes.names[int(total.where(total > 0, total.max() + 1).argmin())]
