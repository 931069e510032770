"""The same images with other masks: labels that were made, not drawn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
import torch
from torch import Tensor
from torchvision.tv_tensors import Image, Mask

from seglib.data.dataset import SegmentationDataset
from seglib.weak.given import Given


class Labelled(SegmentationDataset):
    """A data set whose masks were made from boxes.

    Masks are held in memory, packed as PNG: some 2 kB for a photograph.

    Args:
        truth: the data set that the images come from. Its masks are kept out of sight of a training, and
            are there to measure the labels against.
        boxes: one `Given` an image.
        masks: one an image, (H, W) uint8 with 255 for ignored, or packed by `pack`.
        name: what the labels are called.

    Raises:
        ValueError: there is not one mask and one `Given` for each image.

    Example:
        >>> from seglib.scenes import Scenes
        >>> from seglib.weak.given import given
        >>> scenes = Scenes(length=2, size=(32, 32))
        >>> labels = Labelled(scenes, given(scenes), [mask for _, mask in scenes], name="truth")
        >>> labels.name, bool((labels.mask(1) == scenes[1][1]).all())
        ('scenes, truth', True)
    """

    def __init__(
        self, truth: SegmentationDataset, boxes: Sequence[Given], masks: Iterable[Tensor], *, name: str
    ) -> None:
        self.truth, self.boxes, self.scheme = truth, list(boxes), name
        self.packed = [mask if mask.ndim == 1 else pack(mask) for mask in masks]
        if not len(self.packed) == len(self.boxes) == len(truth):
            raise ValueError(
                f"{len(truth)} images, {len(self.packed)} masks and {len(self.boxes)} entries of boxes; "
                "each image needs one of both"
            )
        self.name, self.split, self.classes = f"{truth.name}, {name}", truth.split, truth.classes

    def __len__(self) -> int:
        return len(self.packed)

    def __getitem__(self, index: int) -> tuple[Image, Mask]:
        return self.truth[index][0], Mask(self.mask(index))

    def mask(self, index: int) -> Tensor:
        """(H, W) uint8: the mask alone, without reading the image."""
        return unpack(self.packed[index])

    def sample_id(self, index: int) -> str:
        """The name that the image has in the data set it comes from."""
        return self.truth.sample_id(index)

    def subset(self, indices: Iterable[int]) -> Labelled:
        """Only the images `indices`, in that order, with their labels and boxes."""
        chosen = list(indices)
        boxes, masks = [self.boxes[i] for i in chosen], [self.packed[i] for i in chosen]
        return Labelled(self.truth.subset(chosen), boxes, masks, name=self.scheme)

    def relabelled(self, masks: Iterable[Tensor], name: str) -> Labelled:
        """The same images and boxes with other masks."""
        return Labelled(self.truth, self.boxes, masks, name=name)


def pack(mask: Tensor) -> Tensor:
    """(H, W) uint8 -> (bytes,) uint8, without loss."""
    return torch.from_numpy(cv2.imencode(".png", mask.as_subclass(Tensor).cpu().numpy())[1])


def unpack(packed: Tensor) -> Tensor:
    """What `pack` packed: (H, W) uint8.

    Raises:
        ValueError: these bytes are damaged.
    """
    mask = cv2.imdecode(packed.numpy(), cv2.IMREAD_UNCHANGED)
    if mask is None or mask.dtype != np.uint8:
        raise ValueError("these bytes hold no mask; make the labels again")
    return torch.from_numpy(mask)
