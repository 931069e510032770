"""The region pipeline as a segmenter: propose, extract features, score by linear SVMs, suppress, paste."""

import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor

from seglib import backbones, files, segmenters
from seglib.data.balance import count
from seglib.data.dataset import SegmentationDataset
from seglib.data.in_memory import checked_mask
from seglib.labels import Classes, check_classes
from seglib.metrics import confusion_matrix, mean_iou
from seglib.progress import tracked
from seglib.regions.features import Kind, RegionExtractor, RegionFeatures, pathways, resize_mask, timed
from seglib.regions.proposals import Proposals
from seglib.regions.svm import HardNegatives, LinearSVMs, hard_negatives, train_svms
from seglib.training.checks import check_data

STAGES = ("proposals", "crops", "net", "svm", "paste")
THRESHOLDS = (-math.inf, *(step / 10 for step in range(-15, 16)))

Paste = Callable[[Tensor, Tensor, Tensor, float], Tensor]  # masks, classes, scores, threshold; see `paste`


def paste(masks: Tensor, classes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    """Paint regions in ascending order of score, so that the best is in front.

    Args:
        masks: (M, H, W) bool.
        classes: (M,) int64, the class of each.
        scores: (M,) float32.
        threshold: regions whose score is not above it are not painted.

    Returns:
        (H, W) int64, 0 where nothing was painted.

    Reference:
        Carreira et al., "Semantic Segmentation with Second-Order Pooling", 2012; R-CNN and SDS paste with its
        code. They raise the threshold until an image has two segments on average.

    Example:
        >>> masks = torch.tensor([[[1, 1, 0]], [[0, 1, 1]]]).bool()
        >>> paste(masks, torch.tensor([5, 6]), torch.tensor([0.9, 0.5]), 0.0)
        tensor([[5, 5, 6]])
    """
    painted = torch.zeros(masks.shape[1:], dtype=torch.long, device=masks.device)
    for region in scores.argsort(stable=True).tolist():
        if scores[region] > threshold:
            painted[masks[region]] = classes[region]
    return painted


class RegionSegmenter:
    """Region proposals, features of a classification net, linear SVMs, and regions pasted into a mask.

    Args:
        classes: K names and colours; all but "background" are learned.
        features: computes the features; by default lite0 on crops of 96 pixels.
        kind: "full" box, "foreground" of the region, or "joined".
        number: regions of an image at most; time grows with it.
        seed: of the proposals' ranking and the SVMs' first negatives.
        hard_negatives, paste: what to use in place of the library's, such as a student's own. `save` keeps
            neither them nor the `mask_out` of `features`: what `load` returns has the library's.

    Attributes:
        name: what a table calls it.
        extractor: makes regions and features of an image.
        svms: K linear SVMs; None before `fit`.
        threshold: the score above which a region is pasted.
        fill_class: the class of pixels in no region: background, or the most frequent class if there is none.

    Reference:
        Hariharan, Arbelaez, Girshick, Malik, "Simultaneous Detection and Segmentation", 2014 (SVMs, region
        NMS, paste); Girshick et al., "Rich Feature Hierarchies", 2014, section 5 (full, fg, full + fg).
        Departures: 250 regions of selective search, where the former have 2000 of MCG and the latter 150 of
        CPMC, both better and slower; SVMs as in the former, where the latter score by support vector
        regression on overlaps, as O2P does; masks are not refined as in the former; and the threshold is
        chosen by mean IoU (see `paste`).
    """

    def __init__(
        self, classes: Classes, *, features: RegionFeatures | None = None, kind: Kind = "joined",
        number: int = 250, seed: int = 0, hard_negatives: HardNegatives = hard_negatives,
        paste: Paste = paste,
    ) -> None:  # fmt: skip
        self.hard_negatives, self.paste = hard_negatives, paste
        check_classes(classes)
        pathways(kind)  # raises if there is no such kind
        self.classes, self.name = classes, f"regions, {kind}"
        self.extractor = RegionExtractor(features or RegionFeatures(), kind, number, seed)
        self.svms: LinearSVMs | None = None
        self.threshold, self.fill_class = -math.inf, classes.background or 0
        self._seconds, self._images = dict.fromkeys(STAGES, 0.0), 0

    def fit(self, train: SegmentationDataset, val: SegmentationDataset, *, jobs: int | None = None) -> Self:
        """Train the SVMs, and choose the threshold.

        Proposals and features are kept on disk, by content (see `seglib.cache`): what was computed before, by
        this or another segmenter or before a kill, is not computed again.

        Args:
            train: images with masks, and objects if the data set knows them.
            val: chooses the threshold, by mean IoU. Never the split that you evaluate on.
            jobs: processes that compute features; see `seglib.cache.each`.

        Returns:
            This segmenter.

        Raises:
            ValueError: a split is empty or has other classes, or there is no object in `train`.
        """
        for dataset in (train, val):
            check_data(dataset, self.classes)
        examples, _ = (self.extractor.examples(dataset, jobs) for dataset in (train, val))
        self.svms = train_svms(examples, len(self.classes), self.extractor.seed, self.hard_negatives)
        without = self.svms.bias.isinf().nonzero()[:, 0].tolist()
        absent = [self.classes.names[index] for index in without if index != self.classes.background]
        if absent:
            message = f"no training image has an object of {', '.join(absent)}: it will never be predicted"
            warnings.warn(message, stacklevel=2)
        if train.classes.background is None:
            self.fill_class = int(count(train).total().argmax())
        self.threshold = self.best_threshold(val)
        return self

    def best_threshold(self, val: SegmentationDataset) -> float:
        """The threshold with the highest mean IoU on a validation split; of equal ones the lowest.

        Args:
            val: images with masks; never those that the method is evaluated on.

        Returns:
            One of THRESHOLDS.

        Raises:
            ValueError: a mask is invalid, every pixel is void, or there are no SVMs yet.
        """
        svms, num_classes = self._fitted(), len(self.classes)
        confusions = torch.zeros(len(THRESHOLDS), num_classes, num_classes, dtype=torch.long)
        for index in tracked(range(len(val)), len(val), f"threshold on {val.name} {val.split}"):
            image, mask = val[index]
            truth = checked_mask(val, index, image, mask).as_subclass(Tensor)
            proposals, features = self.extractor.cached(image)
            scores = svms.scores(features)
            selected = select_regions(proposals, scores)  # those above a threshold are the last of these
            for place, threshold in enumerate(THRESHOLDS):
                above = selected[scores[selected].amax(dim=1) > threshold]  # fewer, so that it is quick
                pred = paint(proposals, scores, above, self.fill_class, threshold=threshold, paste=self.paste)
                pred = resize_mask(pred, truth.shape)
                confusions[place] += confusion_matrix(pred, truth, num_classes)
        if not confusions.any():
            raise ValueError(f"{val.name} {val.split}: every pixel is void, so no threshold is the best")
        return THRESHOLDS[max(range(len(THRESHOLDS)), key=lambda place: mean_iou(confusions[place]))]

    def score(self, image: Tensor, *, seconds: dict[str, float] | None = None) -> tuple[Proposals, Tensor]:
        """The regions of an image, and the scores of all SVMs for them.

        Args:
            image: (3, H, W) uint8, or grey.
            seconds: the time spent on each of STAGES is added here.

        Returns:
            R proposals, of a smaller copy if the image is longer than 320 pixels; and (R, K) float32 scores.

        Raises:
            ValueError: the segmenter was not fitted, or not an image.
        """
        svms = self._fitted()
        proposals, features = self.extractor.extract(image, seconds)
        with timed(seconds, "svm"):
            return proposals, svms.scores(features)

    def predict(self, image: Tensor) -> Tensor:
        """The class of every pixel. It never uses the disk, so its time is that of the computation.

        Args:
            image: (3, H, W) uint8 of any size, or grey.

        Returns:
            (H, W) int64 class indices.

        Raises:
            ValueError: the segmenter was not fitted, or not an image.
        """
        proposals, scores = self.score(image, seconds=self._seconds)
        with timed(self._seconds, "paste"):
            selected, limit = select_regions(proposals, scores, threshold=self.threshold), self.threshold
            mask = paint(proposals, scores, selected, self.fill_class, threshold=limit, paste=self.paste)
            mask = resize_mask(mask, image.shape[-2:])
        self._images += 1
        return mask

    @property
    def seconds_by_stage(self) -> dict[str, float]:
        """Mean seconds of `predict` for one image, by stage: proposals, crops, net, svm, paste."""
        return {stage: seconds / max(self._images, 1) for stage, seconds in self._seconds.items()}

    def save(self, path: Path | str) -> None:
        """Write everything that `predict` needs to one file, all of it or nothing.

        Raises:
            ValueError: the segmenter was not fitted.
            DiskError: the disk is full or may not be written to.
        """
        svms, extractor, features = self._fitted(), self.extractor, self.extractor.features
        content = {
            "nets": [[net.name, net.state_dict()] for net in (features.backbone, features.foreground)],
            "crops": {"size": features.size, "precision": features.precision},
            "regions": {"kind": extractor.kind, "number": extractor.number, "seed": extractor.seed},
            "svms": [svms.weights, svms.bias],
            "name": self.name,
            "threshold": self.threshold,
            "fill_class": self.fill_class,
        }
        segmenters.write(path, "regions", self.classes, content)

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read what `save` wrote; nothing in the file is run.

        Raises:
            FileNotFoundError: there is no such file.
            TensorFileError: it is cut off, damaged or something else; the message says which.
        """
        with segmenters.read(path, "regions") as (classes, content):
            nets = [backbones.load(name, pretrained=False) for name, _ in content["nets"]]
            for net, (_, weights) in zip(nets, content["nets"]):
                files.fill(path, net, weights)
            features = RegionFeatures(nets[0], foreground=nets[1], **content["crops"])
            segmenter = cls(classes, features=features, **content["regions"])
            segmenter.svms = LinearSVMs(*content["svms"])
            for part, type_ in (("name", str), ("threshold", float), ("fill_class", int)):
                if not isinstance(content[part], type_):
                    raise TypeError(part)
                setattr(segmenter, part, content[part])
            numbers = features.size, segmenter.extractor.number, segmenter.extractor.seed
            if not all(isinstance(one, int) for one in numbers):
                raise TypeError("a size, a number of regions or a seed")
            _, scores = segmenter.score(torch.zeros(3, 8, 8, dtype=torch.uint8))  # other parts fail here
            shapes = {tuple(scores.shape[1:]), tuple(segmenter.svms.bias.shape)}
            if shapes != {(len(classes),)} or segmenter.fill_class not in range(len(classes)):
                raise ValueError("other classes")
            return segmenter

    def _fitted(self) -> LinearSVMs:
        if self.svms is None:
            raise ValueError(f"{self.name} has no SVMs yet; call fit(train, val) first")
        return self.svms


def region_nms(scores: Tensor, members: Tensor) -> Tensor:
    """Non-maximum suppression: the best region, then the best that shares no superpixel with it, and so on.

    Args:
        scores: (R,) of one class.
        members: (R, S) bool, the superpixels of each region.

    Returns:
        (P,) int64 indices of the regions that are kept, best first.

    Reference:
        Hariharan et al., "Simultaneous Detection and Segmentation", 2014, and its code (`region_nms`): one
        shared superpixel is enough, where box NMS uses an IoU of about one half.

    Example:
        >>> region_nms(torch.tensor([0.5, 0.9, 0.1]), torch.tensor([[1, 1, 0], [0, 1, 0], [1, 0, 0]]).bool())
        tensor([1, 2])
    """
    rows = members.cpu().numpy()
    taken = np.zeros(rows.shape[1], dtype=bool)
    kept = []
    for index in scores.argsort(descending=True, stable=True).tolist():
        if not (rows[index] & taken).any():
            taken |= rows[index]
            kept.append(index)
    return torch.tensor(kept, dtype=torch.long)


def select_regions(proposals: Proposals, scores: Tensor, *, threshold: float = -math.inf) -> Tensor:
    """The regions to paint: each belongs to its best class, and within a class none shares a pixel.

    Args:
        proposals: R regions.
        scores: (R, K) of each class; minus infinity in the column of background, which has no regions.
        threshold: regions whose best score is not above it are left out.

    Returns:
        (P,) int64 indices in the order in which they are painted: lowest score first.

    Raises:
        ValueError: there is not one row of scores for each region.
    """
    if scores.ndim != 2 or len(scores) != len(proposals):
        raise ValueError(f"scores must be ({len(proposals)}, K), a row per region, not {tuple(scores.shape)}")
    scores = scores.cpu()  # indices on the CPU fit proposals on any device
    best, label = scores.max(dim=1)
    kept = [torch.zeros(0, dtype=torch.long)]
    for index in label[best > threshold].unique():
        those = ((label == index) & (best > threshold)).nonzero()[:, 0]
        kept.append(those[region_nms(best[those], proposals.members[those])])
    chosen = torch.cat(kept)
    return chosen[best[chosen].argsort(stable=True)]


def paint(
    proposals: Proposals, scores: Tensor, selected: Tensor, fill_class: int = 0, *,
    threshold: float = -math.inf, paste: Paste = paste,
) -> Tensor:  # fmt: skip
    """The regions `selected`, each in its best class, the best in front.

    Args:
        proposals: R regions.
        scores: (R, K) of each class.
        selected: (P,) int64 indices, lowest score first.
        fill_class: the class of pixels in no painted region.
        threshold: the score above which a region is painted; chosen on the validation split, never on test.
        paste: paints. It gets superpixels in place of pixels, (P, 1, S) of them: the same, and much faster.

    Returns:
        (H, W) int64 class indices.
    """
    best, classes = scores[selected].to(proposals.members.device).max(dim=1)
    pieces = proposals.members[selected][:, None]
    painted = paste(pieces, classes + 1, best, threshold)[
        0
    ].long()  # a class may be 0, as what is not painted
    return torch.where(painted == 0, fill_class, painted - 1)[proposals.labels]


def paste_regions(
    proposals: Proposals, scores: Tensor, *, threshold: float = -math.inf, fill_class: int = 0
) -> Tensor:
    """Select regions and paint them: what `RegionSegmenter.predict` does with their scores.

    Args and returns as for `paint`.

    Example:
        >>> labels = torch.tensor([[0, 0, 1, 2]])
        >>> members = torch.tensor([[1, 1, 0], [0, 1, 1]]).bool()
        >>> proposals = Proposals(labels, members, torch.zeros(2))
        >>> scores = torch.tensor([[-math.inf, 0.9, 0.1], [-math.inf, 0.2, 0.5]])
        >>> paste_regions(proposals, scores), paste_regions(proposals, scores, threshold=0.6)
        (tensor([[1, 1, 1, 2]]), tensor([[1, 1, 1, 0]]))
    """
    return paint(proposals, scores, select_regions(proposals, scores, threshold=threshold), fill_class)
