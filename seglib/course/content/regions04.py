"""What notebook 04 holds beside the pipeline: regions as a mosaic, their ceiling, a probe at every place."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor
from torch.nn.functional import interpolate

from seglib.backbones import Backbone
from seglib.data.dataset import Instances, SegmentationDataset
from seglib.draw import edges
from seglib.labels import VOID
from seglib.regions.examples import Looker, resized
from seglib.regions.recall import oracle_paste, true_regions
from seglib.widgets.proposals.painting import mean_colours

STRIDE = 32
LARGEST = 2000  # places that the probe learns from


def evenly(dataset: SegmentationDataset, number: int) -> SegmentationDataset:
    """So many images, evenly spread over the data set, so that no class is left out with the end."""
    picked = np.linspace(0, len(dataset) - 1, min(number, len(dataset))).round().astype(int)
    return dataset.subset(picked.tolist())


def mosaic(image: Tensor, labels: Tensor) -> Tensor:
    """An image with every region in its mean colour, and dark lines between them.

    Args:
        image: (3, H, W) uint8.
        labels: (H, W) int64 regions, 0..R-1.

    Returns:
        (3, H, W) uint8.
    """
    flats = mean_colours(image.as_subclass(Tensor), labels)
    return torch.where(edges(labels), flats / 3, flats).byte()


class BestRegions:
    """Sees the truth: pastes for each object the one region of a segmenter's own that fits it best.

    Args:
        looker: how that segmenter makes regions of an image.
    """

    name, sees_truth = "best regions", True

    def __init__(self, looker: Looker) -> None:
        self.looker = looker

    def predict(self, image: Tensor, mask: Tensor) -> Tensor:
        """(3, H, W) uint8 and its truth (H, W) -> (H, W) int64."""
        small = self.looker.shrunk(image)
        truth = resized(mask, (small.shape[1], small.shape[2]))
        shapes, classes = true_regions(truth)
        objects = Instances(shapes.masks(), classes, shapes.boxes)
        pasted = oracle_paste(self.looker.propose(small), objects, void=truth == VOID)
        return resized(pasted, (mask.shape[0], mask.shape[1])).long()


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
