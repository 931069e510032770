"""The proposal explorer: from superpixels to regions, from regions to a mask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import traitlets
from torch import Tensor

from seglib.data.dataset import Instances
from seglib.labels import Classes
from seglib.widgets.shell import STYLE, RefusedError, module
from seglib.widgets.stage import Stage

if TYPE_CHECKING:
    from seglib.regions.grouping import Hierarchy
    from seglib.regions.proposals import Proposals
    from seglib.widgets.proposals.reading import State

VIEWS = ("grouping", "proposals", "paste")
FILES = (
    "paint.js",
    "controls.js",
    "stage.js",
    "curve.js",
    "picks.js",
    "proposals/scene.js",
    "proposals/layers.js",
    "proposals/plate.js",
    "proposals/crops.js",
    "proposals/lists.js",
    "proposals/explorer.js",
)


class ProposalExplorer(Stage):
    """Region proposals of one image: how they grow, how many are needed, what the net sees of them.

    Three views of the same image. Grouping: the two most similar neighbours become one, from superpixels to
    the whole image. Proposals: the best region for an object among the first N, the recall curve, and the
    two crops that go into the net. Paste: regions painted in ascending order of their SVMs' scores.
    Everything is computed once, here: the browser needs no kernel, in exported HTML neither.

    Args:
        image: (3, H, W) uint8, or a larger copy of the image that the proposals were made of.
        proposals: its regions, best first; by default `propose(image)`.
        instances: its objects; without them there is no overlap and no recall.
        classes: names and colours; wanted by `scores`.
        hierarchy: the grouping of the first view; by default `hierarchy(image, scale=50)`.
        scores: (R, K) what the SVM of each class says to each region; without them nothing is pasted.
        threshold: what a region must score to be pasted; 0 is where an SVM says yes.
        rest: the class of pixels in no pasted region, by default "background".
        side: pixels of a side of the crops that go into the net.
        **state: traits to begin with, as in `view="paste"`.

    Attributes:
        view: "grouping", "proposals" or "paste".
        left: how many regions are left in the grouping, one of the stops of its slider.
        number: how many of the first proposals are looked at, one of the stops of its slider.
        selected: index of the object that is looked at; -1 shows the last of the first `number` regions.
        painted: how many regions are pasted.
        hatch: whether pasted classes are hatched.

    Raises:
        ValueError: a size, type or value does not fit; the sentence says which.

    Example:
        >>> import torch
        >>> image = torch.zeros(3, 40, 60, dtype=torch.uint8)
        >>> image[:, 10:30, 20:40] = 255
        >>> fish = (image[:1] > 0)
        >>> objects = Instances(fish, torch.tensor([1]), torch.tensor([[20, 10, 40, 30]]))
        >>> explorer = ProposalExplorer(image, instances=objects, classes=Classes.of("background", "fish"))
        >>> explorer.view, explorer.overlap
        ('grouping', 1.0)
    """

    _esm = module(*FILES)
    _css = STYLE + module("explore.css", "proposals/explorer.css")
    view = traitlets.Enum(VIEWS, "grouping").tag(sync=True)
    left = traitlets.Int(1).tag(sync=True)
    number = traitlets.Int(1).tag(sync=True)
    selected = traitlets.Int(-1).tag(sync=True)
    painted = traitlets.Int(0).tag(sync=True)
    hatch = traitlets.Bool(False).tag(sync=True)

    def __init__(
        self,
        image: Tensor,
        proposals: Proposals | None = None,
        instances: Instances | None = None,
        classes: Classes | None = None,
        hierarchy: Hierarchy | None = None,
        scores: Tensor | None = None,
        *,
        threshold: float = 0.0,
        rest: int | None = None,
        side: int = 96,
        **state: Any,
    ) -> None:
        from seglib.widgets.proposals.facts import gather
        from seglib.widgets.proposals.packing import packed

        self._facts = gather(
            image, proposals, instances, classes, hierarchy, scores,
            threshold=threshold, rest=rest, side=side,
        )  # fmt: skip
        begin = {
            "left": self._facts.counts[0],
            "number": self._facts.numbers[-1],
            "selected": 0 if self._facts.names else -1,
            "painted": len(self._facts.picked),
        }
        super().__init__(data=packed(self._facts), **begin | state)

    @property
    def state(self) -> State:
        """What is on show now."""
        from seglib.widgets.proposals.reading import State

        return State(
            self._facts,
            self.view,
            self.left,
            self._facts.numbers.index(self.number),
            self.selected,
            self.painted,
            self.opacity,
            self.hatch,
            None,
        )

    @property
    def region(self) -> int | None:
        """The region on show, an index of the proposals; None in the grouping and before any is pasted."""
        place = self.state.region
        return None if place < 0 else int(self._facts.ranks[place])

    @property
    def overlap(self) -> float | None:
        """The best overlap of the chosen object with the first `number` proposals; None without an object."""
        state = self.state
        return None if self.selected < 0 else float(self._facts.overlaps[state.stop, self.selected])

    @property
    def crops(self) -> tuple[Tensor, Tensor] | None:
        """What the net is shown of that region: full and foreground, (3, side, side) float32 each."""
        from seglib.widgets.proposals.still import cropped

        return cropped(self.state)

    @property
    def mask(self) -> Tensor:
        """(H, W) int64, the mask as far as it is pasted."""
        return self._facts.pasted(self.painted)

    def compose(self) -> Tensor:
        """The image on show, (3, H, W) uint8."""
        from seglib.widgets.proposals.painting import compose

        return compose(self.state)

    def says(self) -> str:
        """The sentences beside the image."""
        from seglib.widgets.proposals.reading import says

        return says(self.state)

    def read_out(self) -> str:
        """What is at the cursor, as the widget says it."""
        from seglib.widgets.proposals.reading import read_out

        return read_out(self.state)

    def description(self) -> str:
        """The explorer in words: the proposals, every object, and what is looked at."""
        from seglib.widgets.proposals.still import description

        return description(self.state)

    def still(self) -> bytes:
        """The image on show and the crops as a PNG."""
        from seglib.widgets.proposals.still import image

        return image(self.state)

    @traitlets.validate("left", "number", "selected", "painted")
    def _is_there(self, proposal: Any) -> int:
        name, value = proposal.trait.name, int(proposal.value)
        facts = self._facts
        there = {
            "left": facts.counts,
            "number": facts.numbers,
            "selected": range(-1, len(facts.names)),
            "painted": range(len(facts.picked) + 1),
        }[name]
        if value not in there:
            listed = f"{there[0]} to {there[-1]}" if len(there) > 12 else ", ".join(map(str, there))
            raise RefusedError(f"{name}={value} is not there; there are {listed}")
        return value
