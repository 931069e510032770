"""What notebook 07 holds beside the library: boxes drawn on their picture, and labels after one rule more."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor
from torchvision.utils import draw_bounding_boxes

from seglib.labels import Classes
from seglib.regions import Proposals, kept, propose
from seglib.weak.given import Given
from seglib.weak.labelled import Labelled
from seglib.weak.one_round import Round
from seglib.weak.relabel import Relabel


def boxed(image: Tensor, one: Given, classes: Classes) -> Tensor:
    """A picture with its boxes in the colours of their classes, edged in white, to be seen on any ground.

    Args:
        image: (3, H, W) uint8.
        one: its boxes.
        classes: names and colours.

    Returns:
        (3, H, W) uint8, a new tensor.
    """
    width = max(1, round(max(image.shape[1:]) / 150))
    edge = one.boxes - torch.tensor([0, 0, 1, 1])  # the last pixel that is inside
    colors = [classes.colors[index] for index in one.classes.tolist()]
    drawn = draw_bounding_boxes(image.as_subclass(Tensor), edge, colors=colors, width=2 * width + 1)
    return draw_bounding_boxes(drawn, edge, colors="white", width=width)


def regions_of(image: Tensor) -> Proposals:
    """What notebook 04 proposes for a picture, kept on disk, since more than one method asks for it."""
    return kept.proposals(image, "2000 regions", partial(propose, image))


class NextLabels:
    """What a round's net says of its first pictures, kept, so that one way after the other can clean it.

    Args:
        one: a round.
        number: of pictures.

    Attributes:
        labels: what the net was trained on.
    """

    def __init__(self, one: Round, number: int) -> None:
        self.labels = one.labels.subset(range(min(number, len(one.labels))))
        self.says = [one.segmenter.probabilities(image) for image, _ in self.labels]

    def by(self, relabel: Relabel, name: str) -> Labelled:
        """The labels that the next round would learn from."""
        parts = zip(self.labels, self.says, self.labels.boxes)
        masks = [relabel(image.as_subclass(Tensor), says, one, 1) for (image, _), says, one in parts]
        return self.labels.relabelled(masks, name)
