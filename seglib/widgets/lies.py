"""The metric lie detector: drag a lie, and see which score notices."""

from __future__ import annotations

import math
from typing import Any

import traitlets
from torch import Tensor

from seglib import draw
from seglib.labels import Classes, describe, shares
from seglib.widgets import pack
from seglib.widgets.shell import module
from seglib.widgets.stage import Stage
from seglib.widgets.telling import LIES, Step, all_lies, judge, tell

__all__ = ["LieDetector", "judge", "tell"]

# Pixels of the longer side. Of a larger image every second pixel is left out until it fits: lies need time.
LARGEST = 512
SCRIPT = module("paint.js", "controls.js", "stage.js", "lies.js")


class LieDetector(Stage):
    """A true mask, a lie told to it, and five scores of the result beside each other.

    Every lie in every size is told and judged once, here; dragging then needs no kernel, in exported
    HTML neither.
    With `hidden=True` the scores wait for a button, so that a student guesses first.

    Args:
        image: (3, H, W) uint8.
        mask: (H, W) class indices, or 255 for void: the truth.
        classes: names and colours.
        background: the class that objects shrink and grow into; without it the one called "background", or
            else the largest class of the mask.
        **state: traits to begin with, as in `lie="shift"`.

    Attributes:
        lie: which lie; see `seglib.widgets.telling.LIES`.
        step: how large it is, 0 for the truth.
        mode: "overlay" or "difference".
        hidden: whether the scores still wait for the button.

    Raises:
        ValueError: a size, type or value does not fit; the sentence says which.

    Example:
        >>> import torch
        >>> mask = torch.zeros(8, 8, dtype=torch.uint8)
        >>> mask[2:6, 2:6] = 1
        >>> classes = Classes.of("background", "fish")
        >>> detector = LieDetector(torch.zeros(3, 8, 8, dtype=torch.uint8), mask, classes)
        >>> detector.lie, detector.step = "shift", 1
        >>> detector.scores["pixel accuracy"]
        0.875
    """

    _esm = SCRIPT
    lie = traitlets.Enum(tuple(LIES), "erode").tag(sync=True)
    step = traitlets.Int(0, min=0).tag(sync=True)
    mode = traitlets.Enum(("overlay", "difference"), "overlay").tag(sync=True)
    hidden = traitlets.Bool(False).tag(sync=True)

    def __init__(
        self, image: Tensor, mask: Tensor, classes: Classes, *, background: int | None = None, **state: Any
    ) -> None:
        pack.check(image, {"truth": mask}, classes)
        stride = 1
        while max(mask.shape) > stride * LARGEST:
            stride *= 2
        self._image = image[:, ::stride, ::stride].contiguous()
        self._truth = mask[::stride, ::stride].contiguous()
        self._classes = classes
        if background is None:
            background = classes.background
        if background is None:
            background = int(shares(mask, classes)[:-1].argmax())
        self._lies = all_lies(self._truth, classes, background=background)
        data = pack.pack(self._image, {"truth": self._truth}, classes)
        data |= {"lies": _packed(self._lies), "scores": list(self._lies["erode"][0].scores), "stride": stride}
        super().__init__(data=data, **state)

    @property
    def told(self) -> Step:
        """The lie on show: its words, mask and scores."""
        return self._lies[self.lie][self.step]

    @property
    def mask(self) -> Tensor:
        """(H, W) uint8, the mask on show."""
        return self.told.mask

    @property
    def scores(self) -> dict[str, float]:
        """The scores of the mask on show."""
        return self.told.scores

    def compose(self) -> Tensor:
        """The image on show, (3, H, W) uint8."""
        if self.mode == "difference":
            return draw.difference(self._image, self.mask, self._truth)
        return draw.overlay(self._image, self.mask, self._classes, opacity=self.opacity)

    def description(self) -> str:
        """The lie and its scores in words."""
        scores = ", ".join(f"{name} {100 * score:.1f} %" for name, score in self.scores.items())
        lie = f"{self.lie}, {self.told.words}" if self.step else "no lie"
        truth = describe(self._truth, self._classes)
        return f"truth: {truth}\n{lie}: {'scores hidden' if self.hidden else scores}"

    def still(self) -> bytes:
        """The image on show as a PNG or JPEG."""
        return pack.encode(self.compose())

    @traitlets.observe("lie")
    def _back_to_a_step_there_is(self, change: Any) -> None:
        if self.step >= len(self._lies[self.lie]):
            self.step = 0

    @traitlets.validate("step")
    def _step_of_the_lie(self, proposal: Any) -> int:
        last = len(self._lies[self.lie]) - 1
        if proposal.value > last:
            raise ValueError(f"the lie {self.lie!r} has the steps 0..{last} here, not {proposal.value}")
        return int(proposal.value)


def _packed(lies: dict[str, list[Step]]) -> list[dict[str, Any]]:
    """The lies as lies.js unpacks them; a score that is not there (NaN) travels as None."""

    def packed(step: Step) -> dict[str, Any]:
        scores = [None if math.isnan(score) else score for score in step.scores.values()]
        return {"words": step.words, "labels": pack.deflate(step.mask), "scores": scores}

    return [
        {"name": name, "says": LIES[name], "steps": [packed(step) for step in steps]}
        for name, steps in lies.items()
    ]
