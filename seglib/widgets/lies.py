"""The metric lie detector: drag a lie, and see which score notices."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from seglib.labels import Classes, describe, shares
from seglib.widgets import pack
from seglib.widgets.corruptions import LIES, Step, all_lies, corrupt, judge
from seglib.widgets.film import Film, Frame, Labels, Palette, Panel, Reel, Row, View, script

__all__ = ["LieDetector", "corrupt", "judge"]

# Pixels of the longer side. Of a larger image every second pixel is left out until it fits: lies need time.
LARGEST = 512
NAMES = {"erode": "Erode", "dilate": "Dilate", "shift": "Shift"} | {
    "blur": "Blur", "drop": "Drop a class", "swap": "Swap two"
}  # fmt: skip


class LieDetector(Film):
    """A true mask, a lie that is told about it, and five scores of the result.

    Every lie in every size is made and scored once, here: dragging needs no kernel, in exported HTML neither.

    Args:
        image: (3, H, W) uint8.
        mask: (H, W) class indices, or 255 for void: the truth.
        classes: names and colours.
        background: the class that objects shrink and grow into; by default the one called "background", or
            else the largest class of the mask.
        **state: traits to begin with, as in `reel=2` (the lies in their order: erode, dilate, shift, blur,
            drop, swap) or `at=3` (the fourth step; the first is the truth).

    Raises:
        ValueError: a size, type or value does not fit; the message says which.

    Example:
        >>> import torch
        >>> mask = torch.zeros(8, 8, dtype=torch.uint8)
        >>> mask[2:6, 2:6] = 1
        >>> classes = Classes.of("background", "fish")
        >>> detector = LieDetector(torch.zeros(3, 8, 8, dtype=torch.uint8), mask, classes, reel=2, at=1)
        >>> detector.frame.numbers[0].texts
        ('87.5', '−12.5')
    """

    _esm = script("Metric lie detector")

    def __init__(
        self, image: Tensor, mask: Tensor, classes: Classes, *, background: int | None = None, **state: Any
    ) -> None:
        pack.check(image, {"truth": mask}, classes)
        stride = 1
        while max(mask.shape) > stride * LARGEST:
            stride *= 2
        image, mask = (whole[..., ::stride, ::stride].contiguous() for whole in (image, mask))
        if background is None:
            background = classes.background
        if background is None:
            background = int(shares(mask, classes)[:-1].argmax())
        palette = Palette.of(classes)
        truth = Panel("truth", Labels(mask), palette)

        def frame(lie: str, step: Step) -> Frame:
            words = f"the lie {lie}, {step.words}; the truth is {describe(mask, classes)}"
            panel = Panel("prediction", Labels(step.mask), palette, words, truth=mask)
            said = f"{LIES[lie]} {_verdict(step.scores, honest.scores)}{note}"
            return Frame(said, (panel,), (truth, panel), numbers=_rows(step.scores, honest.scores))

        note = f" Shown is 1 of every {stride} pixels across and down." if stride > 1 else ""
        lies = all_lies(mask, classes, background=background)
        honest = lies["erode"][0]
        reels = [
            Reel(NAMES[lie], tuple(step.words for step in steps), tuple(frame(lie, step) for step in steps))
            for lie, steps in lies.items()
        ]
        view = View("lies", tuple(reels), "Lie", "How much", table="Scores", heads=("Score", "%", "Change"))
        super().__init__(image, [view], [f"truth: {describe(mask, classes)}"], **state)

    def description(self) -> str:
        """The truth, the lie and its scores in words."""
        scores = ", ".join(f"{row.name} {row.texts[0]} %" for row in self.frame.numbers)
        reel = self._views[self.view].reels[self.reel]
        lie = f"{reel.name}, {reel.stops[self.at]}" if self.at else "no lie"
        return f"{self._facts[0]}\n{lie}: {scores}"


def _rows(scores: dict[str, float], honest: dict[str, float]) -> tuple[Row, ...]:
    """The scores in per cent, and how far each is from that of the truth; "–" where there is no score."""
    return tuple(
        Row(name, ("–", "–"), (0, 0))
        if math.isnan(score)
        else Row(name, (f"{100 * score:.1f}", _signed(score - honest[name])), (0, round(score, 4)))
        for name, score in scores.items()
    )


def _verdict(scores: dict[str, float], honest: dict[str, float]) -> str:
    """Which score notices most, and which least."""
    falls = {name: honest[name] - score for name, score in scores.items() if not math.isnan(score)}
    if max(falls.values()) <= 0.0005:
        return "No score has noticed anything."
    most, least = max(falls, key=lambda name: falls[name]), min(falls, key=lambda name: falls[name])
    return f"{most} notices most ({_signed(-falls[most])}), {least} least ({_signed(-falls[least])})."


def _signed(share: float) -> str:
    """A change in points of a hundred.

    Example:
        >>> _signed(-0.125), _signed(0.0001)
        ('−12.5', '0.0')
    """
    return "0.0" if abs(share) < 0.0005 else f"{100 * share:+.1f}".replace("-", "−")
