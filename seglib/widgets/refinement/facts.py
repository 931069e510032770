"""Everything the refinement explorer can show, found out once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

from torch import Tensor

from seglib.labels import Classes, numbered
from seglib.weak.boxes import BoxAnnotations, background_of
from seglib.weak.labels import Quality
from seglib.widgets.refinement import given
from seglib.widgets.refinement.steps import Shot, Step, judge, stops, take_step


@dataclass(frozen=True, eq=False)
class Facts:
    """What is known of one image with M boxes.

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
    one: BoxAnnotations
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
    one: BoxAnnotations,
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
    judged = partial(judge, truth=truth, classes=classes)

    return Facts(
        image=image,
        truth=truth,
        one=one,
        classes=classes,
        names=numbered([classes.names[kind] for kind in one.classes.tolist()]),
        usual=tuple(rates[one.classes].tolist()),
        schemes={name: judged(label) for name, label in labels.items()},
        first=first,
        steps=tuple(
            take_step(image, net, one, rates, thresholds, judged, smoothing, background_of(classes))
            for net in says
        ),
        thresholds=thresholds,
        begin=thresholds.index(threshold),
        qualities=qualities,
    )
