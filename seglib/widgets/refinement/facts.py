"""Everything the refinement explorer can show, found out once: every label, and every outcome of the dial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from seglib.labels import VOID, Classes
from seglib.weak.cleaning import fills, reset_outliers, stages
from seglib.weak.given import Given, background_of
from seglib.weak.quality import Quality, picture_quality
from seglib.widgets.refinement import given
from seglib.words import numbered

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


@dataclass(frozen=True, eq=False)
class Facts:
    """What is known of one picture with M boxes.

    Attributes:
        image: (3, H, W) uint8.
        truth: (H, W) uint8, 255 for void.
        one: the boxes.
        classes: names and colours.
        names: what the boxes are called.
        usual: what share of each box its class usually fills.
        schemes: labels made from the boxes alone.
        first: the one that round 0 was trained on.
        steps: one for each round that is given.
        thresholds: the stops of the dial.
        begin: the stop that the nets were trained with.
        qualities: of the labels of whole rounds, as far as they are given.
    """

    image: Tensor
    truth: Tensor
    one: Given
    classes: Classes
    names: tuple[str, ...]
    usual: tuple[float, ...]
    schemes: dict[str, Shot]
    first: str
    steps: tuple[Step, ...]
    thresholds: tuple[float, ...]
    begin: int
    qualities: tuple[Quality | None, ...]

    @cached_property
    def rounds(self) -> list[Shot]:
        """The labels that the rounds trained on, and that of the next; one more than there are steps."""
        return [self.schemes[self.first], *(step.chain(self.begin)["reset"] for step in self.steps)]

    @cached_property
    def stages(self) -> tuple[str, ...]:
        """The names of the labels in a step."""
        return (*self.steps[0].before, "reset") if self.steps else ("reset",)


def gather(
    image: Tensor,
    truth: Tensor,
    one: Given,
    classes: Classes,
    schemes: Mapping[str, Tensor],
    rounds: Sequence[Tensor],
    *,
    first: str | None,
    usual: Tensor | Sequence[float] | None,
    threshold: float,
    smoothing: bool,
    qualities: Sequence[Quality | None],
) -> Facts:
    """Find out everything; arguments as those of `RefinementExplorer`."""
    image, truth, one, labels = given.fitted(image, truth, one, classes, schemes)
    first = given.first_scheme(first, labels)
    says, rates = given.probabilities(rounds, classes, truth.shape), given.usual_rates(usual, classes)
    qualities, thresholds = given.whole(qualities, len(says) + 1), stops(threshold)
    background = background_of(classes)

    def judged(label: Tensor) -> Shot:
        known = bool((truth != VOID).any())
        return Shot(label, picture_quality(label, truth, classes) if known else None)

    def stepped(net: Tensor) -> Step:
        made = stages(image, net, one, smoothing=smoothing, background=background)
        low, chosen = outcomes(made["inside"], one, rates, thresholds)
        ends = [reset_outliers(made["inside"], one, rates, threshold=thresholds[k])[0] for k in low.values()]
        return Step(
            {name: judged(label) for name, label in made.items()},
            tuple(fills(made["inside"], one)),
            tuple(judged(label) for label in ends),
            tuple(low),
            chosen,
        )

    return Facts(
        image=image,
        truth=truth,
        one=one,
        classes=classes,
        names=numbered([classes.names[kind] for kind in one.classes.tolist()]),
        usual=tuple(rates[one.classes].tolist()),
        schemes={name: judged(label) for name, label in labels.items()},
        first=first,
        steps=tuple(stepped(net) for net in says),
        thresholds=thresholds,
        begin=thresholds.index(threshold),
        qualities=qualities,
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
    inside: Tensor, one: Given, usual: Tensor, thresholds: Sequence[float]
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
        >>> boxes = Given(torch.tensor([[0, 0, 4, 1]]), torch.tensor([1]))
        >>> outcomes(torch.tensor([[1, 0, 0, 0]]), boxes, torch.ones(2), (0, 0.25, 0.5))
        ({(): 0, (0,): 2}, (0, 0, 1))
    """
    rates, kinds = fills(inside, one), one.classes.tolist()  # compared as `reset_outliers` does
    first: dict[tuple[int, ...], int] = {}
    chosen = []
    for place, threshold in enumerate(thresholds):
        low = tuple(box for box, kind in enumerate(kinds) if rates[box] < threshold * float(usual[kind]))
        first.setdefault(low, place)
        chosen.append(list(first).index(low))
    return first, tuple(chosen)
