"""What notebook 07 holds beside the library: boxes drawn on their image, and regions kept on disk."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor
from torchvision.utils import draw_bounding_boxes

from seglib.labels import Classes
from seglib.regions import Proposals, kept, propose
from seglib.weak.given import Given


def boxed(image: Tensor, one: Given, classes: Classes) -> Tensor:
    """An image with its boxes in the colours of their classes, edged in white, to be seen on any ground.

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
    """What notebook 04 proposes for an image, kept on disk, since more than one method asks for it."""
    return kept.proposals(image, "2000 regions", partial(propose, image))
