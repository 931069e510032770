"""What only the notebooks show: a cat as a classifier sees it, regions as a mosaic, boxes, a probe."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import numpy as np
import skimage.data
import torch
from matplotlib.figure import Figure
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn
from torch.nn.functional import interpolate, one_hot, pad
from torchvision.models import ResNet18_Weights
from torchvision.ops import box_convert
from torchvision.utils import draw_bounding_boxes

from seglib.backbones import Backbone
from seglib.data.dataset import Instances, SegmentationDataset
from seglib.draw import edges, show
from seglib.fcn import FCN, FCNSegmenter
from seglib.fcn.net import GREY, pad_to_stride
from seglib.labels import VOID, Classes
from seglib.regions.features import RegionExtractor, resize_mask, shrink_to
from seglib.regions.grouping import bins_of_pixels, describe
from seglib.regions.proposals import Proposals, oracle_paste, true_regions
from seglib.regions.superpixels import as_rgb, in_space, superpixels
from seglib.weak.boxes import BoxAnnotations

STRIDE = 32
LARGEST = 2000  # places that the probe learns from
NEVER = -1e4  # the score of a class without a place to learn from

#: What the 1000 outputs of an ImageNet classifier stand for.
WORDS: list[str] = ResNet18_Weights.DEFAULT.meta["categories"]
CATS = ("tabby", "tiger cat", "Persian cat", "Siamese cat", "Egyptian cat")
CAT_WORDS = [WORDS.index(word) for word in CATS]


def cat() -> Tensor:
    """Chelsea the cat, (3, 300, 451) uint8, photographed by Stéfan van der Walt (CC0), from scikit-image."""
    return torch.from_numpy(skimage.data.chelsea().copy()).permute(2, 0, 1)


def cup_and_cat() -> Tensor:
    """A cup of coffee and Chelsea, next to each other, (3, 300, 901) uint8; both photographs are CC0."""
    coffee = torch.from_numpy(skimage.data.coffee().copy()).permute(2, 0, 1)  # by Rachel Michetti
    small = interpolate(coffee[None].float(), size=(300, 450), mode="bilinear", antialias=True)[0]
    return torch.cat([small.round().byte(), cat()], 2)


def the_users(net: nn.Module) -> nn.Module:
    """A copy of a net as somebody has it who trained it a moment ago: in training mode."""
    return copy.deepcopy(net).train()


def on_grey(photo: Tensor) -> Tensor:
    """A photograph in the middle of grey, so that the windows of a classifier also fit around its edge.

    Args:
        photo: (3, H, W) uint8.

    Returns:
        (1, 3, 32 m + 1, 32 n + 1) float32. After the surgery, the map of a classifier for 224 x 224 pixels
        whose cells are not `centred` has the place (r, c) on the pixel (32 r, 32 c) of the photograph.
    """
    around = 3 * STRIDE  # a window is a mean over 7 x 7 cells
    bottom, right = (around - (side - 1) % STRIDE for side in photo.shape[1:])
    return pad(photo[None].float(), (around, right, around, bottom), value=GREY)


def heat(photo: Tensor, maps: Mapping[str, Tensor]) -> None:
    """Show a photograph under maps of probabilities, one below the other.

    Args:
        photo: (3, H, W) uint8.
        maps: what it is the probability of -> (h, w) in 0..1; the place (r, c) is centred on the pixel
            (32 r, 32 c).
    """
    figure, (height, width) = Figure(figsize=(8, 2.5 * len(maps)), layout="constrained"), photo.shape[1:]
    axes, alt = figure.subplots(len(maps), 1, squeeze=False)[:, 0], []
    for axis, (name, where) in zip(axes, maps.items()):
        bottom, right = (STRIDE * places - STRIDE // 2 for places in where.shape)
        axis.imshow(photo.permute(1, 2, 0).numpy(), extent=(0, width, height, 0))
        extent, look = (-STRIDE // 2, right, bottom, -STRIDE // 2), {"cmap": "cividis", "alpha": 0.72}
        seen = axis.imshow(where.numpy(), extent=extent, vmin=0, vmax=1, interpolation="nearest", **look)
        places = f"{where.shape[0]} x {where.shape[1]} places"
        axis.set(xlim=(0, width), ylim=(height, 0), title=f"probability of a {name}, {places}")
        axis.set_axis_off()
        row, column = divmod(int(where.argmax()), where.shape[1])
        alt.append(f"{name}: up to {float(where.max()):.2f}, in row {row}, column {column}")
    figure.colorbar(seen, ax=axes, shrink=0.85)
    show(figure, alt=f"The photograph under a map of probabilities. {'; '.join(alt)}.")


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


def first_regions(image: Tensor, scale: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The superpixels of an image, as they are before the first of them are merged.

    Args:
        image: (3, H, W) uint8.
        scale: of the superpixels.

    Returns:
        Their labels (H, W) int64, 0..S-1; colour histograms (S, 75) float32, each sums to 1; sizes (S,)
        float32; and (P, 2) int64, the pairs that touch.
    """
    labels = superpixels(image, scale=scale)
    found = describe(labels.numpy(), *bins_of_pixels(in_space(as_rgb(image), "lab")))
    touching = [(one, other) for one, near in enumerate(found.neighbours) for other in sorted(near)]
    pairs = [(one, other) for one, other in touching if one < other]
    sizes = torch.from_numpy(found.sizes).float()
    return labels, torch.from_numpy(found.colour), sizes, torch.tensor(pairs)


def searched_by_opencv(proposals: Proposals) -> Tensor:
    """(R, 4) int64: the boxes of regions as OpenCV's selective search returns them: x, y, width, height."""
    return box_convert(proposals.boxes, "xyxy", "xywh")


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

    An object is a connected piece of a class in the mask; one that is hidden in part may be several. Other
    regions may give a higher mean IoU, see `oracle_paste`.

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


def linear_probe(backbone: Backbone, data: SegmentationDataset, *, seed: int = 0) -> FCNSegmenter:
    """An FCN-32s of which only the score layer has learned, by logistic regression on places of its map.

    A place learns the class of the pixel it is centred on: `FCN` pads an image to 32 n + 1 pixels, so that
    place i is centred on pixel 32 i, and enlarges the scores from there. Its features are those of a region:
    what the classifier computes before its last layer, but without the average over all places.

    Args:
        backbone: is copied; its cells must not be `centred`.
        data: images with masks to learn from.
        seed: which places, where there are more than 2000.
    """
    net, rows, names = FCN(backbone, len(data.classes)).eval(), [], []
    for index in range(len(data)):
        image, mask = (tensor.as_subclass(Tensor) for tensor in data[index])
        with torch.inference_mode():
            features = net.hidden(net.backbone(pad_to_stride(image[None], backbone.centred))[STRIDE])[0]
        truth = pad(mask, (0, STRIDE, 0, STRIDE), value=VOID)[::STRIDE, ::STRIDE]
        rows.append(features.flatten(1).T)
        names.append(truth[: features.shape[1], : features.shape[2]].flatten().long())
    features, truth = torch.cat(rows), torch.cat(names)
    known = (truth != VOID).nonzero()[:, 0]
    some = known[torch.randperm(len(known), generator=torch.Generator().manual_seed(seed))[:LARGEST]]
    linear = LogisticRegression(C=0.01, max_iter=500).fit(features[some].numpy(), truth[some].numpy())
    # of two classes there is one row, for the second; the first has the score 0
    weights, bias = linear.coef_, linear.intercept_
    if len(linear.classes_) == 2:
        weights, bias = np.concatenate([0 * weights, weights]), np.concatenate([0 * bias, bias])
    score = {"weight": torch.zeros_like(net.score.weight), "bias": torch.full((len(data.classes),), NEVER)}
    score["weight"][linear.classes_] = torch.from_numpy(weights).float()[:, :, None, None]
    score["bias"][linear.classes_] = torch.from_numpy(bias).float()
    net.score.load_state_dict(score)
    return FCNSegmenter(net, data.classes, name="linear probe")
