"""The refinement explorer: labels from boxes, and what becomes of them round by round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import traitlets
from torch import Tensor

from seglib.labels import Classes
from seglib.widgets.shell import STYLE, RefusedError, module
from seglib.widgets.stage import Stage

if TYPE_CHECKING:
    from seglib.weak.boxes import BoxAnnotations
    from seglib.weak.labels import Quality
    from seglib.widgets.refinement.reading import State

VIEWS = ("schemes", "rounds", "rules")
FILES = (
    "paint.js",
    "controls.js",
    "stage.js",
    "legend.js",
    "strip.js",
    "curve.js",
    "picks.js",
    "refinement/scene.js",
    "refinement/layers.js",
    "refinement/shown.js",
    "refinement/lists.js",
    "refinement/explorer.js",
)


class RefinementExplorer(Stage):
    """Labels that were made from boxes, beside the truth: every scheme, every round, every cleaning rule.

    Three views of one image. Schemes: each label that was made from the boxes alone. Rounds: the label that
    each round trains on, with its measures. Rules: how a net's answer becomes the next label; pixels are
    marked by the rule that changed them last, and a dial says how little of a box may be left before it is
    filled again. All is computed once, here: the browser needs no kernel, in exported HTML neither.

    Args:
        image: (3, H, W) uint8.
        truth: (H, W) true classes, or 255 for void.
        one: the boxes of the image, as `given(dataset)[index]`; (0, 4) boxes where there are none.
        classes: names and colours; one is called "background".
        schemes: labels (H, W) by name, 255 where they are ignored; by default the naive rectangles.
        rounds: for each round the probabilities (K, H, W) that its net gives, of which the rules make the
            label of the next round.
        first: the scheme that round 0 was trained on; by default the first.
        usual: (K,) what share of its box each class fills, see `seglib.weak.cleaning.fill_rates`; by default
            1, the paper's rule.
        threshold: the share of the usual below which a box was filled again in the rounds.
        smoothing: whether the rules smooth.
        qualities: of the labels of whole rounds, as `Round.quality`, from round 0 on.
        **state: traits to begin with, as in `view="rules"`.

    Attributes:
        view: "schemes", "rounds" or "rules".
        scheme: the name of the label in the first view.
        round: the number of the round whose label is on show, 0 to the number of rounds given.
        stage: how far its rules have gone: "net", "possible", "smooth", "inside" or "reset".
        threshold: the dial of the third view, in hundredths of 0..1; at first the one of the training.
        difference: whether the label's wrong pixels are marked.
        boxes: whether boxes are drawn.
        hatch: whether classes are hatched.

    Raises:
        ValueError: a size, type or value does not fit; the sentence says which.

    Reference:
        Khoreva, Benenson, Hosang, Hein, Schiele, "Simple Does It", 2017, section 3.1: the rules.

    Example:
        >>> import torch
        >>> from seglib.weak.boxes import BoxAnnotations
        >>> image, truth = torch.zeros(3, 2, 4, dtype=torch.uint8), torch.tensor([[0, 1, 1, 0], [0, 0, 0, 0]])
        >>> one = BoxAnnotations(torch.tensor([[0, 0, 4, 1]]), torch.tensor([1]))
        >>> explorer = RefinementExplorer(image, truth, one, Classes.of("background", "fish"))
        >>> explorer.scheme, explorer.label.tolist(), explorer.quality.filled.pixel_accuracy
        ('rectangles', [[1, 1, 1, 1], [0, 0, 0, 0]], 0.75)
    """

    _esm = module(*FILES)
    _css = STYLE + module("explore.css", "strip.css", "refinement/explorer.css")
    view = traitlets.Enum(VIEWS, "schemes").tag(sync=True)
    scheme = traitlets.Unicode().tag(sync=True)
    round = traitlets.Int(0).tag(sync=True)
    stage = traitlets.Unicode("reset").tag(sync=True)
    threshold = traitlets.Float(0.5).tag(sync=True)
    difference = traitlets.Bool(False).tag(sync=True)
    boxes = traitlets.Bool(True).tag(sync=True)
    hatch = traitlets.Bool(False).tag(sync=True)

    def __init__(
        self,
        image: Tensor,
        truth: Tensor,
        one: BoxAnnotations,
        classes: Classes,
        *,
        schemes: Mapping[str, Tensor] = {},
        rounds: Sequence[Tensor] = (),
        first: str | None = None,
        usual: Tensor | Sequence[float] | None = None,
        threshold: float = 0.5,
        smoothing: bool = True,
        qualities: Sequence[Quality | None] = (),
        **state: Any,
    ) -> None:
        from seglib.widgets.refinement.facts import gather
        from seglib.widgets.refinement.packing import packed

        self._facts = gather(
            image, truth, one, classes, schemes, rounds,
            first=first, usual=usual, threshold=threshold, smoothing=smoothing, qualities=qualities,
        )  # fmt: skip
        begin = {
            "scheme": self._facts.first,
            "round": min(1, len(self._facts.steps)),
            "threshold": float(threshold),
        }
        super().__init__(data=packed(self._facts), **begin | state)

    @property
    def state(self) -> State:
        """What is on show now."""
        from seglib.widgets.refinement.reading import State

        return State(
            self._facts,
            self.view,
            self.scheme,
            self.round,
            self.stage,
            self._facts.thresholds.index(self.threshold),
            self.difference,
            self.boxes,
            self.opacity,
            self.hatch,
            None,
        )

    @property
    def label(self) -> Tensor:
        """(H, W) uint8, the label on show; 255 is ignored."""
        return self.state.shot.label

    @property
    def quality(self) -> Quality | None:
        """How good the label on show is on this image; None where all of the truth is void."""
        return self.state.shot.quality

    @property
    def changes(self) -> dict[str, int]:
        """How many pixels each rule changes in the step on show; {} where none is."""
        from seglib.widgets.refinement.words import counts

        state = self.state
        return {} if state.step is None else counts(state.step, state.stop)

    @property
    def reset(self) -> tuple[int, ...]:
        """Numbers of the boxes that are filled again on show."""
        return self.state.low

    def compose(self) -> Tensor:
        """The two images on show side by side, (3, H, 2 W) uint8."""
        from seglib.widgets.refinement.painting import compose

        return compose(self.state)

    def says(self) -> str:
        """The sentences beside the images."""
        from seglib.widgets.refinement.reading import says

        return says(self.state)

    def read_out(self) -> str:
        """What is at the cursor, as the widget says it."""
        from seglib.widgets.refinement.reading import read_out

        return read_out(self.state)

    def description(self) -> str:
        """The explorer in words: the boxes, every scheme and round with its measures, and what is on show."""
        from seglib.widgets.refinement.still import description

        return description(self.state)

    def still(self) -> bytes:
        """The images on show as a PNG."""
        from seglib.widgets.refinement.still import image

        return image(self.state)

    @traitlets.validate("scheme", "round", "stage", "threshold")
    def _is_there(self, proposal: Any) -> Any:
        name, value, facts = proposal.trait.name, proposal.value, self._facts
        there = {
            "scheme": tuple(facts.schemes),
            "round": range(len(facts.rounds)),
            "stage": facts.stages,
            "threshold": facts.thresholds,
        }[name]
        if value not in there:
            listed = "hundredths of 0..1" if name == "threshold" else ", ".join(map(str, there))
            raise RefusedError(f"{name}={value!r} is not there; there are {listed}")
        return value
