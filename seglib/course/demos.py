"""What only the notebooks show: a cat as a classifier sees it, regions as a mosaic, boxes, a probe."""

from __future__ import annotations

import numpy as np
import skimage.data
import torch
from matplotlib.figure import Figure
from sklearn.linear_model import LogisticRegression
from torch import Tensor
from torch.nn.functional import interpolate, one_hot
from torchvision.models import ResNet18_Weights
from torchvision.utils import draw_bounding_boxes

from seglib.backbones import Backbone
from seglib.data.dataset import Instances, SegmentationDataset
from seglib.draw import edges, show
from seglib.labels import VOID, Classes
from seglib.regions.extractor import RegionExtractor, resize_mask, shrink_to
from seglib.regions.recall import oracle_paste, true_regions
from seglib.weak.boxes import BoxAnnotations

STRIDE = 32
LARGEST = 2000  # places that the probe learns from

#: What the 1000 outputs of an ImageNet classifier stand for.
WORDS: list[str] = ResNet18_Weights.DEFAULT.meta["categories"]
CAT_WORDS = [
    WORDS.index(word) for word in ("tabby", "tiger cat", "Persian cat", "Siamese cat", "Egyptian cat")
]
STEP = 16  # pixels of the photograph from one window to the next
MARGIN = (112 - STEP) // 2  # from the edge of the photograph to where the first window is drawn


def cat() -> Tensor:
    """Chelsea the cat, (3, 300, 451) uint8, photographed by Stéfan van der Walt (CC0), from scikit-image."""
    return torch.from_numpy(skimage.data.chelsea().copy()).permute(2, 0, 1)


def heat_figure(photo: Tensor, where: Tensor) -> Figure:
    """The photograph, and next to it the same under a map of probabilities.

    Args:
        photo: (3, H, W) uint8.
        where: (h, w) in 0..1, for windows of 112 pixels of the photograph (224 of one twice as large). The
            first is at the corner, and each next one 16 pixels further.
    """
    figure = Figure(figsize=(9, 3.1), layout="constrained")
    left, right = figure.subplots(1, 2)
    (height, width), (bottom, end) = photo.shape[1:], (MARGIN + STEP * places for places in where.shape)
    # A place is drawn where the middle of its window is.
    seen = right.imshow(
        where.numpy(), extent=(MARGIN, end, bottom, MARGIN), cmap="cividis", alpha=0.72, vmin=0, vmax=1,
        interpolation="nearest", zorder=1,
    )  # fmt: skip
    for axis in (left, right):
        axis.imshow(photo.permute(1, 2, 0).numpy(), extent=(0, width, height, 0), zorder=0)
        axis.set(xlim=(0, width), ylim=(height, 0))
        axis.set_axis_off()
    left.set_title("the photograph")
    right.set_title(f"probability of a cat at {where.shape[0]} x {where.shape[1]} places")
    figure.colorbar(seen, ax=right, shrink=0.85)
    return figure


def heat(photo: Tensor, where: Tensor) -> None:
    """Show `heat_figure` with its description."""
    row, column = divmod(int(where.argmax()), where.shape[1])
    alt = (
        f"Probability of a cat at {where.shape[0]} x {where.shape[1]} places: from {float(where.min()):.2f} "
        f"to {float(where.max()):.2f}, highest in row {row + 1}, column {column + 1}."
    )
    show(heat_figure(photo, where), alt=alt)


def mosaic(image: Tensor, labels: Tensor) -> Tensor:
    """An image with every region in its mean colour, and dark lines between them.

    Args:
        image: (3, H, W) uint8.
        labels: (H, W) int64 regions, 0..R-1.

    Returns:
        (3, H, W) uint8.
    """
    flat, pixels = labels.flatten(), image.as_subclass(Tensor).flatten(1)
    sums = torch.stack([flat.bincount(channel.double()) for channel in pixels])
    flats = (sums / flat.bincount()).round().float()[:, labels]
    return torch.where(edges(labels), flats / 3, flats).byte()


def boxed(image: Tensor, one: BoxAnnotations, classes: Classes) -> Tensor:
    """An image with its boxes in the colours of their classes, with a white line that shows on any ground.

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


def convinced(mask: Tensor, num_classes: int) -> Tensor:
    """Logits of a net that is sure of a mask.

    Args:
        mask: (H, W) classes, no void.
        num_classes: K.

    Returns:
        (1, K, H, W) float32.

    Example:
        >>> convinced(torch.tensor([[0, 1]]), 2)[0, :, 0].tolist()
        [[10.0, 0.0], [0.0, 10.0]]
    """
    return 10 * one_hot(mask.long(), num_classes).permute(2, 0, 1)[None].float()


class BestRegions:
    """Sees the truth: pastes for each object the one region of a segmenter's own that fits it best.

    Args:
        extractor: how that segmenter makes regions of an image.
    """

    name, sees_truth = "best regions", True

    def __init__(self, extractor: RegionExtractor) -> None:
        self.extractor = extractor

    def predict(self, image: Tensor, mask: Tensor) -> Tensor:
        """(3, H, W) uint8 and its truth (H, W) -> (H, W) int64."""
        small = shrink_to(image)
        truth = resize_mask(mask, (small.shape[1], small.shape[2]))
        shapes, classes = true_regions(truth)
        objects = Instances(shapes.masks(), classes, shapes.boxes)
        pasted = oracle_paste(self.extractor.propose(small), objects, void=truth == VOID)
        return resize_mask(pasted, (mask.shape[0], mask.shape[1])).long()


class Probe:
    """Logistic regression on a classifier's map at stride 32, place by place; the net stays as it is.

    Args:
        backbone: in evaluation mode.
        data: images with masks to learn from; the class of a place is that of the pixel in its middle.
        seed: which places, where there are more than 2000.
    """

    name = "linear probe"

    def __init__(self, backbone: Backbone, data: SegmentationDataset, *, seed: int = 0) -> None:
        self.backbone, self.num_classes = backbone, len(data.classes)
        rows, names = zip(*(self._places(*data[index]) for index in range(len(data))))
        features, truth = torch.cat(rows), torch.cat(names)
        known = (truth != VOID).nonzero()[:, 0]
        some = known[torch.randperm(len(known), generator=torch.Generator().manual_seed(seed))[:LARGEST]]
        self.linear = LogisticRegression(C=0.01, max_iter=500)
        self.linear.fit(features[some].numpy(), truth[some].numpy())

    def predict(self, image: Tensor) -> Tensor:
        """(3, H, W) uint8 -> (H, W) int64: scores at each place, enlarged bilinearly, and the best."""
        features = self._map(image)
        scores = torch.full((self.num_classes, *features.shape[1:]), -1e4)
        logits = self.linear.decision_function(features.flatten(1).T.numpy())
        if logits.ndim == 1:  # two classes: one column, for the second
            logits = np.stack([-logits, logits], axis=1)
        scores[self.linear.classes_] = torch.from_numpy(logits).float().T.unflatten(1, features.shape[1:])
        return interpolate(scores[None], size=image.shape[1:], mode="bilinear")[0].argmax(0)

    def _map(self, image: Tensor) -> Tensor:
        with torch.inference_mode():
            return self.backbone(image.as_subclass(Tensor)[None])[STRIDE][0].clone()

    def _places(self, image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        features = self._map(image)
        height, width = features.shape[1:]
        truth = interpolate(
            mask.as_subclass(Tensor)[None, None].float(), (height, width), mode="nearest-exact"
        )
        return features.flatten(1).T, truth.flatten().long()
