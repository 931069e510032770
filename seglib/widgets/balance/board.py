"""The class-balance board: bars, images and weights of every class, linked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import traitlets
from torch import Tensor

from seglib.data.balance import Counts
from seglib.data.dataset import SegmentationDataset
from seglib.widgets.balance import reading, still
from seglib.widgets.balance.cuts import cuts, nearest
from seglib.widgets.balance.packing import packed
from seglib.widgets.balance.schemes import BETAS, SCHEMES, UNITS, Option, weigh
from seglib.widgets.balance.survey import survey
from seglib.widgets.balance.thumbs import thumbs
from seglib.widgets.shell import STYLE, RefusedError, Shell, module

if TYPE_CHECKING:
    from seglib.data.quality import Sharpness

FILES = (
    "paint.js",
    "controls.js",
    "balance/thumbs.js",
    "balance/bars.js",
    "balance/dials.js",
    "balance/board.js",
)


class BalanceBoard(Shell):
    """How much there is of each class, what weights make of it, and what a cut for blur takes away.

    Bars of pixels, images and objects, of the weight that a scheme gives each class and of its part of the
    loss; choose a class to see images of it, its edge, and what is seen beside it. Scenes have a dial that
    makes one class rarer. Everything is counted once, here: the browser needs no kernel, in exported HTML
    neither, and every number shown was counted on images that were drawn or read.

    Of each class up to six images are shown (fewer where there are more than 66 classes), at every stop of
    the dial, and three on each side of up to 21 cuts: at most about 500 thumbnails of 160 pixels, 2 to 4 MB.

    Args:
        dataset: any data set that `load` opens.
        sharpness: its `seglib.data.quality.Sharpness`, or True to measure it; without it there is no cut. One
            with scores of your own, as minus the variance of the Laplacian, shows what that one would drop.
        frequencies: the stops of the dial on scenes, as `Dials.frequency`; [] for no dial. All images are
            drawn at each stop; counts are kept on disk, so that this takes long only once.
        **state: traits to begin with, as in `scheme="enet"`.

    Attributes:
        view: "classes" or "blur".
        axis: "linear" or "log".
        selected: name of the class that is looked at; at first the rare class of scenes, else the rarest.
        scheme: "none", "inverse frequency", "median frequency", "enet" or "effective number".
        unit: what the effective number counts: "pixels", "images" or "objects".
        beta: of the effective number, one of 0, .9, .99 ... .9999999.
        frequency: of the rare class, one of the stops; of no use where there is no dial.
        cut: how many of the most blurred images are dropped, one of the stops of its slider.
        hatch: whether bars are hatched as their classes are elsewhere.

    Raises:
        ValueError: the data set is empty, or an argument does not fit; the sentence says which.

    Example:
        >>> from seglib.scenes import Scenes
        >>> board = BalanceBoard(Scenes(3, size=(64, 64)), frequencies=[], scheme="median frequency")
        >>> board.counts.total("images")[0], board.weights.shape
        (tensor(3), torch.Size([10]))
    """

    _esm = module(*FILES)
    _css = STYLE + module("balance/board.css")
    view = traitlets.Enum(reading.VIEWS, "classes").tag(sync=True)
    axis = traitlets.Enum(reading.AXES, "linear").tag(sync=True)
    selected = traitlets.Unicode().tag(sync=True)
    scheme = traitlets.Enum(tuple(SCHEMES), "none").tag(sync=True)
    unit = traitlets.Enum(UNITS, "images").tag(sync=True)
    beta = traitlets.Float(0.999).tag(sync=True)
    frequency = traitlets.Float(1.0).tag(sync=True)
    cut = traitlets.Int(0).tag(sync=True)
    hatch = traitlets.Bool(True).tag(sync=True)

    def __init__(
        self,
        dataset: SegmentationDataset,
        *,
        sharpness: Sharpness | bool | None = None,
        frequencies: Sequence[float] | None = None,
        **state: Any,
    ) -> None:
        known = survey(dataset, False if sharpness is None else sharpness, frequencies)
        where = tuple(cuts(known.sharpness, known.counts)) if known.sharpness else ()
        self._board = reading.Board(known, thumbs(known, where), where)
        begin: dict[str, Any] = {"selected": known.rare or _rarest(known.counts)}
        if known.rare:
            begin["frequency"] = known.settings[known.start].frequency
        super().__init__(data=packed(self._board), **begin | state)

    @property
    def state(self) -> reading.State:
        """What is on show now."""
        known = self._board.survey
        return reading.State(
            self._board,
            self.view,
            self.axis,
            known.counts.classes.index(self.selected),
            Option(self.scheme, self.unit, self.beta),
            known.frequencies.index(self.frequency) if known.rare else 0,
            nearest(self._board.cuts, self.cut) if self._board.cuts else 0,
        )

    @property
    def counts(self) -> Counts:
        """The counts on show: of the images that are drawn with `frequency`."""
        return self._board.survey.settings[self.state.setting].counts

    @property
    def weights(self) -> Tensor:
        """The weights on show, (K,) float32, as `F.cross_entropy(..., weight=board.weights)` takes them."""
        return weigh(self.counts, self.state.option)

    @property
    def dropped(self) -> list[int]:
        """Indices of the images that the cut drops, the most blurred first."""
        sharpness = self._board.survey.sharpness
        return sharpness.blurred(1.0)[: self.cut] if sharpness else []

    def columns(self) -> list[reading.Column]:
        """The bars and numbers on show."""
        return reading.columns(self.state)

    def says(self) -> str:
        """The sentences below the bars."""
        return reading.says(self.state)

    def description(self) -> str:
        """The board in words: where it is from, every class, and what is looked at."""
        return still.description(self.state)

    def still(self) -> bytes:
        """The bars as a PNG."""
        return still.image(self.state)

    @traitlets.validate("selected", "view", "unit", "beta", "frequency", "cut")
    def _is_there(self, proposal: Any) -> Any:
        try:
            self._check(proposal.trait.name, proposal.value)
        except ValueError as error:
            raise RefusedError(str(error)) from None
        return proposal.value

    def _check(self, name: str, value: Any) -> None:
        """Say in one sentence what is wrong with a new value, if something is."""
        known = self._board
        if name == "selected":
            known.survey.counts.classes.index(value)  # says which classes there are
        elif name == "unit":
            known.survey.counts.of(value)  # says that objects are not known
        elif name == "view":
            if value == "blur" and not known.cuts:
                raise ValueError("the blur of these images is not known; make the board with sharpness=True")
        elif value not in (stops := self._stops(name)):
            there = ", ".join(f"{stop:.7g}" for stop in stops) or "none here"
            raise ValueError(f"{name}={value:g} is no stop of its slider; there are {there}")

    def _stops(self, name: str) -> Sequence[float]:
        stops: dict[str, Sequence[float]] = {
            "beta": BETAS,
            "frequency": self._board.survey.frequencies,
            "cut": [cut.dropped for cut in self._board.cuts],
        }
        return stops[name]


def _rarest(counts: Counts) -> str:
    """The class with the fewest pixels of those that occur."""
    total = counts.total()
    return counts.classes.names[int(total.where(total > 0, total.max() + 1).argmin())]
