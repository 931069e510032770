"""Pseudo-labels: images with masks made from boxes, and how good these masks are."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import cv2
import torch
from torch import Tensor
from torchvision.tv_tensors import Image, Mask

from seglib.data.dataset import SegmentationDataset
from seglib.evaluate import Scores
from seglib.labels import VOID, Classes
from seglib.metrics import boundary_counts, confusion_matrix, nearest_known
from seglib.progress import tracked
from seglib.tables import Table, Tabled
from seglib.weak.boxes import BoxAnnotations


class PseudoLabels(SegmentationDataset):
    """A data set whose masks were made from boxes.

    Masks are held in memory, packed as PNG: about 2 kB for a photograph.

    Args:
        truth: the data set that the images come from. Its masks are never trained on; they only serve to
            measure the pseudo-labels.
        boxes: one `BoxAnnotations` per image.
        masks: one per image, (H, W) uint8 with 255 for ignored, or packed by `pack`.
        name: of the scheme that made them.
        make: makes labels of another data set in the same way, as `pseudo_labels` with its settings; None:
            unknown.

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
        name: str,
        make: Callable[[SegmentationDataset], Self] | None = None,
    ) -> None:
        self.truth, self.boxes, self.scheme, self.make = truth, list(boxes), name, make
        self.packed = [mask if mask.ndim == 1 else pack(mask) for mask in masks]
        if not len(self.packed) == len(self.boxes) == len(truth):
            raise ValueError(
                f"{len(truth)} images, {len(self.packed)} masks and {len(self.boxes)} BoxAnnotations; each "
                "image needs one mask and one BoxAnnotations"
            )
        self.name, self.split, self.classes = f"{truth.name}, {name}", truth.split, truth.classes

    def __len__(self) -> int:
        return len(self.packed)

    def __getitem__(self, index: int) -> tuple[Image, Mask]:
        return self.truth[index][0], Mask(self.mask(index))

    def mask(self, index: int) -> Tensor:
        """(H, W) uint8: the mask alone, without reading the image."""
        return torch.from_numpy(cv2.imdecode(self.packed[index].numpy(), cv2.IMREAD_UNCHANGED))

    def sample_id(self, index: int) -> str:
        """The image's name in the data set that it comes from."""
        return self.truth.sample_id(index)

    def subset(self, indices: Iterable[int]) -> Self:
        """Only the images `indices`, in that order, with their masks and boxes."""
        chosen = list(indices)
        boxes, masks = [self.boxes[i] for i in chosen], [self.packed[i] for i in chosen]
        return type(self)(self.truth.subset(chosen), boxes, masks, self.scheme, self.make)

    def relabelled(self, masks: Iterable[Tensor], name: str) -> Self:
        """The same images and boxes with other masks."""
        return type(self)(self.truth, self.boxes, masks, name, self.make)


def pack(mask: Tensor) -> Tensor:
    """(H, W) uint8 -> (bytes,) uint8, without loss."""
    return torch.from_numpy(cv2.imencode(".png", mask.as_subclass(Tensor).cpu().numpy())[1])


@dataclass(frozen=True, eq=False, repr=False)
class Quality(Tabled):
    """Pseudo-labels compared with the truth; void pixels of the truth do not count.

    A scheme that ignores uncertain pixels scores well on the rest. So there are two scores: of the labelled
    pixels alone, and of all pixels, where an ignored one takes the nearest label.

    Attributes:
        labelled: scores of the pixels that have a label, without a boundary measure: what is ignored lies
            along the boundary.
        filled: scores of all pixels, with Boundary IoU.
        ignored: share of all pixels that have no label, 0..1.
    """

    labelled: Scores
    filled: Scores
    ignored: float

    @property
    def table(self) -> Table:
        """One row, and the baseline."""
        return compare({self.filled.name: self})


def quality(labels: PseudoLabels) -> Quality:
    """Measure pseudo-labels against the masks of the data set that their images come from.

    Args:
        labels: masks that were made from boxes.

    Returns:
        Quality; print it. Counts are added up over all images and divided once, as by `evaluate`.

    Raises:
        ValueError: there is no image, or truth and mask differ in size or classes.

    Example:
        >>> from seglib.scenes import Scenes
        >>> from seglib.weak.schemes import pseudo_labels
        >>> found = quality(pseudo_labels(Scenes(length=4), "rectangles"))
        >>> found.ignored, found.filled.mean_iou == found.labelled.mean_iou
        (0.0, True)
    """
    if not isinstance(labels, PseudoLabels):
        raise ValueError(f"labels must be what pseudo_labels returns, not {labels!r:.60}")
    if not len(labels):
        raise ValueError(f"{labels.name} {labels.split} has no images; there is nothing to measure")
    pairs = ((labels.mask(i), labels.truth[i][1].as_subclass(Tensor)) for i in range(len(labels)))
    shown = tracked(pairs, len(labels), f"measuring {labels.name}")
    return _quality(shown, labels.classes, labels.scheme, f"{labels.truth.name} {labels.split}")


def image_quality(mask: Tensor, truth: Tensor, classes: Classes) -> Quality:
    """Measure the mask of one image.

    Args:
        mask: (H, W) classes, or 255 for ignored.
        truth: (H, W) true classes, or 255 for void.
        classes: K classes.

    Example:
        >>> truth = torch.tensor([[0, 0, 1, 1]])
        >>> found = image_quality(torch.tensor([[0, 1, 1, 255]]), truth, Classes.of("background", "fish"))
        >>> found.labelled.mean_iou, found.filled.pixel_accuracy, found.ignored
        (0.5, 0.75, 0.25)
    """
    return _quality([(mask, truth)], classes, "label", "one image")


def _quality(pairs: Iterable[tuple[Tensor, Tensor]], classes: Classes, name: str, data: str) -> Quality:
    """The quality of masks, each with its truth."""
    count = len(classes)
    labelled, every = torch.zeros(count, count).long(), torch.zeros(count, count).long()
    rims = torch.zeros(count, 2).long()
    images = ignored = pixels = 0
    for mask, truth in pairs:
        full, known = filled(mask, classes.background or 0), mask != VOID
        labelled += confusion_matrix(full[known], truth[known], count)
        every += confusion_matrix(full, truth, count)
        rims += boundary_counts(full, truth, count)
        images, ignored, pixels = images + 1, ignored + int((~known).sum()), pixels + mask.numel()
    return Quality(
        Scores(name, data, classes, labelled, images, 0.0),
        Scores(name, data, classes, every, images, 0.0, rims),
        ignored / pixels,
    )


def filled(mask: Tensor, background: int = 0) -> Tensor:
    """A mask (H, W) with every ignored pixel as the nearest labelled one; background if all are ignored.

    Example:
        >>> filled(torch.tensor([[1, 255, 255, 255, 0]]))
        tensor([[1, 1, 1, 0, 0]])
    """
    if (mask == VOID).all():
        return torch.full_like(mask, background)
    return mask[nearest_known(mask)] if (mask == VOID).any() else mask


def compare(measured: Mapping[str, Quality]) -> Table:
    """Schemes side by side, in per cent, and the baseline below; ValueError if there are none."""
    if not measured or not all(isinstance(one, Quality) for one in measured.values()):
        raise ValueError("there is nothing to compare; give {name: quality(labels), ...}")
    first = next(iter(measured.values())).filled
    base = first.baseline
    rows = [
        [one.labelled.mean_iou, one.ignored, one.filled.mean_iou, one.filled.mean_boundary_iou,
         one.filled.pixel_accuracy]
        for one in measured.values()
    ] + [[base.mean_iou, 0.0, base.mean_iou, None, base.pixel_accuracy]]  # fmt: skip
    return Table(
        f"Labels of {first.data}, {first.images} images, against the truth",
        ["%", "mIoU labelled", "ignored", "mIoU filled", "Boundary IoU", "pixel accuracy"],
        [
            [name, *("" if share is None else f"{100 * share:.1f}" for share in row)]
            for name, row in zip([*measured, base.name], rows)
        ],
        f"filled: an ignored pixel takes the nearest label; {first.policy}",
    )
