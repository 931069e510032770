"""The same images with other masks: labels that were made, not drawn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor
from torchvision.tv_tensors import Image, Mask

from seglib.data.dataset import SegmentationDataset
from seglib.evaluate import Scores
from seglib.labels import VOID, Classes, nearest_known
from seglib.metrics import boundary_counts, confusion_matrix
from seglib.progress import tracked
from seglib.tables import Table
from seglib.weak.boxes import BoxAnnotations


class PseudoLabels(SegmentationDataset):
    """A data set whose masks were made from boxes.

    Masks are held in memory, packed as PNG: some 2 kB for a photograph.

    Args:
        truth: the data set that the images come from. Its masks are kept out of sight of a training, and
            are there to measure the labels against.
        boxes: one `BoxAnnotations` an image.
        masks: one an image, (H, W) uint8 with 255 for ignored, or packed by `pack`.
        name: what the labels are called.

    Raises:
        ValueError: there is not one mask and one `BoxAnnotations` for each image.

    Example:
        >>> from seglib.scenes import Scenes
        >>> from seglib.weak.boxes import load_boxes
        >>> scenes = Scenes(length=2, size=(32, 32))
        >>> labels = PseudoLabels(scenes, load_boxes(scenes), [mask for _, mask in scenes], name="truth")
        >>> labels.name, bool((labels.mask(1) == scenes[1][1]).all())
        ('scenes, truth', True)
    """

    def __init__(
        self,
        truth: SegmentationDataset,
        boxes: Sequence[BoxAnnotations],
        masks: Iterable[Tensor],
        *,
        name: str,
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

    def subset(self, indices: Iterable[int]) -> PseudoLabels:
        """Only the images `indices`, in that order, with their labels and boxes."""
        chosen = list(indices)
        boxes, masks = [self.boxes[i] for i in chosen], [self.packed[i] for i in chosen]
        return PseudoLabels(self.truth.subset(chosen), boxes, masks, name=self.scheme)

    def relabelled(self, masks: Iterable[Tensor], name: str) -> PseudoLabels:
        """The same images and boxes with other masks."""
        return PseudoLabels(self.truth, self.boxes, masks, name=name)


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


# How good labels are, before anything is trained on them.


@dataclass(frozen=True, eq=False, repr=False)
class Quality:
    """Labels against the truth; void pixels of the truth are not judged.

    A scheme that ignores what it is not sure of looks good on what is left. So there are two scores: beside
    the labelled pixels alone, all pixels, where an ignored one is taken as the nearest label says.

    Attributes:
        labelled: scores of the pixels that have a label; without a boundary measure, since what is ignored
            lies along the boundary.
        filled: scores of all pixels, with Boundary IoU.
        ignored: share of all pixels that have no label, 0..1.
    """

    labelled: Scores
    filled: Scores
    ignored: float

    def cells(self) -> list[str]:
        """Per cent, in the order of `compare`'s columns."""
        shares = (
            self.labelled.mean_iou, self.ignored, self.filled.mean_iou, self.filled.mean_boundary_iou,
            self.filled.pixel_accuracy,
        )  # fmt: skip
        return [f"{100 * share:.1f}" for share in shares]

    def __str__(self) -> str:
        """A table of one row."""
        return str(compare({self.filled.name: self}))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """The table for a notebook."""
        return compare({self.filled.name: self})._repr_html_()


def quality(labels: PseudoLabels) -> Quality:
    """Measure labels against the masks of the data set that their images come from.

    Args:
        labels: masks that were made from boxes.

    Returns:
        Quality; print it. Counts are added up over all images and divided once, as by `evaluate`.

    Raises:
        ValueError: there is no image, or truth and label differ in size or classes.

    Example:
        >>> from seglib.scenes import Scenes
        >>> from seglib.weak.schemes import pseudo_labels
        >>> found = quality(pseudo_labels(Scenes(length=4), "rectangles"))
        >>> found.ignored, found.filled.mean_iou == found.labelled.mean_iou
        (0.0, True)
    """
    if not len(labels):
        raise ValueError(f"{labels.name} {labels.split} has no images; there is nothing to measure")
    count = len(labels.classes)
    sure, all_of_it = torch.zeros(count, count).long(), torch.zeros(count, count).long()
    rims = torch.zeros(count, 2).long()
    ignored = pixels = 0
    for index in tracked(range(len(labels)), len(labels), f"measuring {labels.name}"):
        label, true = labels.mask(index), labels.truth[index][1].as_subclass(Tensor)
        one = image_quality(label, true, labels.classes)
        sure += one.labelled.confusion
        all_of_it += one.filled.confusion
        assert one.filled.boundary is not None  # it is always measured there
        rims += one.filled.boundary
        ignored, pixels = ignored + int((label == VOID).sum()), pixels + label.numel()
    name, where = labels.scheme, f"{labels.truth.name} {labels.split}"
    return Quality(
        Scores(name, where, labels.classes, sure, None, None, len(labels), 0.0),
        Scores(name, where, labels.classes, all_of_it, rims, None, len(labels), 0.0),
        ignored / pixels,
    )


def image_quality(label: Tensor, truth: Tensor, classes: Classes, name: str = "label") -> Quality:
    """Measure one label against the truth.

    Args:
        label: (H, W) classes, or 255 for ignored.
        truth: (H, W) true classes, or 255 for void.
        classes: K classes.
        name: what the label is called.

    Example:
        >>> mask = torch.tensor([[0, 0, 1, 1]])
        >>> found = image_quality(torch.tensor([[0, 1, 1, 255]]), mask, Classes.of("background", "fish"))
        >>> found.labelled.mean_iou, found.filled.pixel_accuracy, found.ignored
        (0.5, 0.75, 0.25)
    """
    whole, known, count = filled(label, classes.background or 0), label != VOID, len(classes)
    sure = confusion_matrix(whole[known], truth[known], count)
    rims = boundary_counts(whole, truth, count)
    return Quality(
        Scores(name, "one image", classes, sure, None, None, 1, 0.0),
        Scores(name, "one image", classes, confusion_matrix(whole, truth, count), rims, None, 1, 0.0),
        float((~known).double().mean()),
    )


def filled(label: Tensor, background: int = 0) -> Tensor:
    """A label (H, W) with every ignored pixel as the nearest labelled one; background where nothing is.

    Example:
        >>> filled(torch.tensor([[1, 255, 255, 255, 0]]))
        tensor([[1, 1, 1, 0, 0]])
    """
    if (label == VOID).all():
        return torch.full_like(label, background)
    return label[nearest_known(label)] if (label == VOID).any() else label


def compare(measured: Mapping[str, Quality]) -> Table:
    """Schemes side by side, in per cent."""
    first = next(iter(measured.values())).filled
    rows = [[name, *one.cells()] for name, one in measured.items()]
    base = first.baseline
    rows.append(
        [base.name, f"{100 * base.mean_iou:.1f}", "0.0", f"{100 * base.mean_iou:.1f}", "",
         f"{100 * base.pixel_accuracy:.1f}"]
    )  # fmt: skip
    return Table(
        f"Labels of {first.data}, {first.images} images, against the truth",
        ["%", "mIoU labelled", "ignored", "mIoU filled", "Boundary IoU", "pixel accuracy"],
        rows,
        f"filled: an ignored pixel is taken as the nearest label says; {first.policy}",
    )
