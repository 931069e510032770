"""One step: how a net's answer becomes the next label, at every stop of the dial for the reset."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from seglib.labels import VOID, Classes
from seglib.weak.boxes import BoxAnnotations
from seglib.weak.cleaning import after_each_rule, box_fill_rates, reset_outliers
from seglib.weak.labels import Quality, image_quality

DIAL = 100  # stops of the dial between 0 and 1


@dataclass(frozen=True, eq=False)
class Shot:
    """A label (H, W) uint8, 255 for ignored, and how good it is; None where the truth is not known."""

    label: Tensor
    quality: Quality | None


@dataclass(frozen=True, eq=False)
class Step:
    """How the net of one round becomes the label of the next.

    Attributes:
        before: what the rules made one after the other, up to where a box may be reset; see `stages`.
        fills: what share of each box is then filled.
        outcomes: every label that resetting can lead to, few boxes filled first.
        low: for each of them the numbers of the boxes that were filled again.
        chosen: for each stop of the dial the place of its outcome.
    """

    before: dict[str, Shot]
    fills: tuple[float, ...]
    outcomes: tuple[Shot, ...]
    low: tuple[tuple[int, ...], ...]
    chosen: tuple[int, ...]

    def chain(self, stop: int) -> dict[str, Shot]:
        """All labels of the step in their order, at a stop of the dial."""
        return self.before | {"reset": self.outcomes[self.chosen[stop]]}


def judge(label: Tensor, truth: Tensor, classes: Classes) -> Shot:
    """A label with its measures, if anything of the truth (H, W) is known."""
    return Shot(label, image_quality(label, truth, classes) if bool((truth != VOID).any()) else None)


def take_step(
    image: Tensor,
    net: Tensor,
    one: BoxAnnotations,
    usual: Tensor,
    thresholds: Sequence[float],
    judged: Callable[[Tensor], Shot],
    smoothing: bool,
    background: int,
) -> Step:
    """What the rules make of the probabilities (K, H, W) of one net, at every stop of the dial."""
    made = after_each_rule(image, net, one, smoothing=smoothing, background=background)
    inside = made["inside"]
    low, chosen = outcomes(inside, one, usual, thresholds)
    ends = [reset_outliers(inside, one, usual, threshold=thresholds[place])[0] for place in low.values()]
    return Step(
        {name: judged(label) for name, label in made.items()},
        tuple(box_fill_rates(inside, one)),
        tuple(judged(label) for label in ends),
        tuple(low),
        chosen,
    )


def stops(threshold: float) -> tuple[float, ...]:
    """The dial from 0 to 1, in hundredths; the threshold that is given is one of its stops.

    Example:
        >>> len(stops(0.5)), stops(0.333)[33:35]
        (101, (0.33, 0.333))
    """
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold {threshold} must be 0..1, a share of the usual; 0 resets no box")
    return tuple(sorted({*(step / DIAL for step in range(DIAL + 1)), float(threshold)}))


def outcomes(
    inside: Tensor, one: BoxAnnotations, usual: Tensor, thresholds: Sequence[float]
) -> tuple[dict[tuple[int, ...], int], tuple[int, ...]]:
    """Which boxes are filled again at each threshold: a higher one fills the same and perhaps more.

    Args:
        inside: (H, W) what is left in the boxes.
        one: the boxes.
        usual: (K,) see `fill_rates`.
        thresholds: T of them, ascending.

    Returns:
        The distinct sets of boxes, each with the place of the first threshold that leads to it; and for each
        threshold the place of its set.

    Example:
        >>> import torch
        >>> boxes = BoxAnnotations(torch.tensor([[0, 0, 4, 1]]), torch.tensor([1]))
        >>> outcomes(torch.tensor([[1, 0, 0, 0]]), boxes, torch.ones(2), (0, 0.25, 0.5))
        ({(): 0, (0,): 2}, (0, 0, 1))
    """
    rates, kinds = box_fill_rates(inside, one), one.classes.tolist()  # compared as `reset_outliers` does
    first: dict[tuple[int, ...], int] = {}
    chosen = []
    for place, threshold in enumerate(thresholds):
        low = tuple(box for box, kind in enumerate(kinds) if rates[box] < threshold * float(usual[kind]))
        first.setdefault(low, place)
        chosen.append(list(first).index(low))
    return first, tuple(chosen)
