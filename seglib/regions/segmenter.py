"""From scores of regions to one mask: of regions that share pixels the best, and the best painted last."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seglib import files as tensor_files
from seglib.backbones import Backbone
from seglib.backbones import load as load_backbone
from seglib.data.balance import count
from seglib.data.dataset import SegmentationDataset
from seglib.data.in_memory import checked_mask
from seglib.files import TensorFileError
from seglib.labels import Classes
from seglib.metrics import confusion_matrix, mean_iou
from seglib.progress import tracked
from seglib.regions.examples import Looker, resized
from seglib.regions.features import Kind, RegionFeatures, Stages, check_kind
from seglib.regions.grouping import FAST, Strategy
from seglib.regions.proposals import Proposals
from seglib.regions.svm import LinearSVMs, train_svms


def region_nms(scores: Tensor, members: Tensor) -> Tensor:
    """Non-maximum suppression: the best region, then the best that shares no superpixel with it, and so on.

    Args:
        scores: (R,) of one class.
        members: (R, S) bool, the superpixels of each region.

    Returns:
        (P,) int64 indices of the regions that stay, best first.

    Reference:
        Hariharan et al., "Simultaneous Detection and Segmentation", 2014, and its code (`region_nms`): one
        shared superpixel is enough, where box NMS asks for an IoU of a half or so.

    Example:
        >>> region_nms(torch.tensor([0.5, 0.9, 0.1]), torch.tensor([[1, 1, 0], [0, 1, 0], [1, 0, 0]]).bool())
        tensor([1, 2])
    """
    rows = members.numpy()
    taken = np.zeros(rows.shape[1], dtype=bool)
    kept = []
    for index in scores.argsort(descending=True, stable=True).tolist():
        if not (rows[index] & taken).any():
            taken |= rows[index]
            kept.append(index)
    return torch.tensor(kept, dtype=torch.long)


def pick(proposals: Proposals, scores: Tensor, *, threshold: float = -math.inf) -> Tensor:
    """The regions to paint: each belongs to its best class, and within a class none shares a pixel.

    Args:
        proposals: R regions.
        scores: (R, K) of each class; minus infinity in the column of background, which has no regions.
        threshold: regions that do not score more than this in their best class are left out.

    Returns:
        (P,) int64 indices in the order in which they are painted: lowest score first.

    Raises:
        ValueError: there is not one row of scores for each region.
    """
    if scores.ndim != 2 or len(scores) != len(proposals):
        raise ValueError(f"{len(proposals)} regions need scores (R, K), not {tuple(scores.shape)}")
    best, label = scores.max(dim=1) if len(scores) else (torch.zeros(0), torch.zeros(0))
    kept = []
    for index in label[best > threshold].unique():
        those = ((label == index) & (best > threshold)).nonzero()[:, 0]
        kept.append(those[region_nms(best[those], proposals.members[those])])
    chosen = torch.cat([torch.zeros(0, dtype=torch.long), *kept])
    return chosen[best[chosen].argsort(stable=True)]


def paste(proposals: Proposals, scores: Tensor, *, threshold: float = -math.inf, rest: int = 0) -> Tensor:
    """Paint the picked regions in ascending order of score, so that the best lies on top.

    Args:
        proposals: R regions.
        scores: (R, K) of each class.
        threshold: what a region must score to be painted; chosen on the validation split, never on test.
        rest: the class of pixels in no painted region.

    Returns:
        (H, W) int64 class indices.

    Reference:
        Carreira et al., "Semantic Segmentation with Second-Order Pooling", 2012; R-CNN and SDS paste with its
        code. They raise the threshold until an image has two segments on average.

    Example:
        >>> labels = torch.tensor([[0, 0, 1, 2]])
        >>> members = torch.tensor([[1, 1, 0], [0, 1, 1]]).bool()
        >>> proposals = Proposals(labels, members, torch.zeros(2))
        >>> scores = torch.tensor([[-math.inf, 0.9, 0.1], [-math.inf, 0.2, 0.5]])
        >>> paste(proposals, scores), paste(proposals, scores, threshold=0.6)
        (tensor([[1, 1, 1, 2]]), tensor([[1, 1, 1, 0]]))
    """
    return paint(proposals, scores, pick(proposals, scores, threshold=threshold), rest)


def paint(proposals: Proposals, scores: Tensor, picked: Tensor, rest: int = 0) -> Tensor:
    """(H, W) int64: the regions `picked`, one over the other, each in its best class."""
    colours = torch.full((proposals.members.shape[1],), rest)  # a class for each superpixel
    for index in picked.tolist():
        colours[proposals.members[index]] = scores[index].argmax()
    return colours[proposals.labels]


# What is chosen on data before a region is pasted: how good it must be, and what lies below all regions.

THRESHOLDS = (-math.inf, *(step / 10 for step in range(-15, 16)))


def best_threshold(looker: Looker, svms: LinearSVMs, rest: int, val: SegmentationDataset) -> float:
    """The score from which pasting a region gives the highest mean IoU; of equals the lowest.

    Args:
        looker: makes regions and features.
        svms: score them.
        rest: the class of pixels in no region.
        val: images with masks; never those that the method is judged on.

    Returns:
        One of THRESHOLDS.

    Raises:
        ValueError: a mask is not what it must be, or every pixel is void.
    """
    number = len(val.classes)
    counts = torch.zeros(len(THRESHOLDS), number, number, dtype=torch.long)
    for index in tracked(range(len(val)), len(val), f"threshold on {val.name} {val.split}"):
        image, mask = val[index]
        proposals, features = looker.known(image)
        scores, truth = svms.scores(features), checked_mask(val, index, image, mask.as_subclass(Tensor))
        picked = pick(proposals, scores)  # those above a threshold are the last of these
        for place, threshold in enumerate(THRESHOLDS):
            above = picked[scores[picked].amax(dim=1) > threshold]
            mask = resized(paint(proposals, scores, above, rest), (truth.shape[0], truth.shape[1]))
            counts[place] += confusion_matrix(mask, truth, number)
    if not counts.any():
        raise ValueError(
            f"{val.name} {val.split}: every pixel is void, so no threshold is better than another; take "
            "images with masks"
        )
    return THRESHOLDS[max(range(len(THRESHOLDS)), key=lambda place: mean_iou(counts[place]))]


def rest_of(train: SegmentationDataset) -> int:
    """The class of pixels in no region: background; where there is none, the most frequent class."""
    if train.classes.background is not None:
        return train.classes.background
    return int(count(train).total().argmax())


# A region segmenter as plain data, and back.

FORMAT = "seglib region segmenter 1"


def pack(looker: Looker, classes: Classes) -> dict[str, Any]:
    """The settings, the nets and the classes."""
    features = looker.features
    nets = [features.backbone] + [features.foreground] * (features.foreground is not features.backbone)
    return {
        "format": FORMAT,
        "names": list(classes.names),
        "colors": [list(color) for color in (*classes.colors, classes.void_color)],
        "nets": [[net.name, net.state_dict()] for net in nets],
        "crops": {"size": features.size, "context": features.context, "precision": features.precision},
        "kind": looker.kind,
        "number": looker.number,
        "longest": looker.longest,
        "strategies": [[*one[:2], list(one.cues), one.by] for one in looker.strategies],
        "seed": looker.seed,
    }


def read(path: Path) -> dict[str, Any]:
    """The content of a file.

    Raises:
        FileNotFoundError: there is no such file.
        TensorFileError: it is cut off, damaged, or something else.
    """
    content = tensor_files.read(path)
    if content.get("format") != FORMAT:
        raise TensorFileError(f"{path} is no saved region segmenter; use the file that its save() wrote")
    wanted = {"name", "svms", "threshold", "rest"}
    if missing := wanted - content.keys():
        raise TensorFileError(f"{path} lacks {', '.join(sorted(missing))}; save the segmenter anew")
    return content


def unpack(content: dict[str, Any], path: Path) -> tuple[Looker, Classes]:
    """What `pack` was given.

    Raises:
        TensorFileError: a part is missing or does not fit.
    """
    try:
        colors = [(red, green, blue) for red, green, blue in content["colors"]]
        classes = Classes(tuple(content["names"]), tuple(colors[:-1]), colors[-1])
        backbone, *foreground = (_net(name, weights) for name, weights in content["nets"])
        features = RegionFeatures(
            backbone, foreground=foreground[0] if foreground else None, **content["crops"]
        )
        strategies = tuple(
            Strategy(space, scale, tuple(cues), *by) for space, scale, cues, *by in content["strategies"]
        )
        settings = {name: content[name] for name in ("kind", "number", "longest", "seed")}
        return Looker(features, strategies=strategies, **settings), classes
    except (KeyError, TypeError, AttributeError, IndexError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise TensorFileError(f"{path} lacks a part of a region segmenter ({reason}); save it anew") from None


def _net(name: str, weights: dict[str, Any]) -> Backbone:
    net = load_backbone(name, pretrained=False)
    net.load_state_dict(weights)
    return net


# The whole region pipeline as a segmenter: propose, crop, look, score, paste.


class RegionSegmenter:
    """Region proposals, features of a classification net, linear SVMs, and regions pasted into a mask.

    Args:
        classes: K names and colours; all but "background" are learned.
        features: the net; by default lite0 on crops of 96 pixels.
        kind: "full" box, "foreground" of the region, or "joined".
        number: regions of an image at most; time grows with it.
        longest: an image with a longer side is looked at in a smaller copy.
        strategies: of the proposals.
        seed: of the proposals' ranking and the SVMs' first negatives.
        name: what a table calls it.

    Attributes:
        svms: K linear SVMs; None before `fit`.
        threshold: what a region must score to be pasted.
        rest: the class of pixels in no region: background, or the most frequent class where there is none.
        stages: seconds of `predict` by stage, since the segmenter was made.

    Reference:
        Hariharan, Arbelaez, Girshick, Malik, "Simultaneous Detection and Segmentation", 2014 (SVMs, region
        NMS, paste); Girshick et al., "Rich Feature Hierarchies", 2014, section 5 (full, fg, full + fg; but
        they score regions by support vector regression). Without their refinement of masks.
    """

    def __init__(
        self,
        classes: Classes,
        *,
        features: RegionFeatures | None = None,
        kind: Kind = "joined",
        number: int = 250,
        longest: int = 320,
        strategies: tuple[Strategy, ...] = FAST,
        seed: int = 0,
        name: str | None = None,
    ) -> None:
        check_kind(kind)
        self.classes, self.name = classes, name or f"regions, {kind}"
        features = features or RegionFeatures()
        self.looker = Looker(features, kind, number, longest, strategies, seed)
        self.svms: LinearSVMs | None = None
        self.threshold, self.rest = -math.inf, classes.background or 0
        self.stages = Stages()

    def fit(
        self,
        train: SegmentationDataset,
        val: SegmentationDataset,
        *,
        jobs: int | None = None,
        rounds: int = 2,
    ) -> RegionSegmenter:
        """Train the SVMs, and choose the threshold.

        Proposals and features are kept on the disk (SEGLIB_CACHE), by content: what was made before, by this
        or another segmenter or before a kill, is not made again.

        Args:
            train: images with masks, and objects where the data set knows them.
            val: chooses the threshold, by mean IoU. Never the split that you judge on.
            jobs: processes that make features; None: as many as pay.
            rounds: sweeps for hard negatives.

        Returns:
            This segmenter.

        Raises:
            ValueError: a split is empty or of other classes, or there is no object in `train`.
        """
        for dataset in (train, val):
            self._check(dataset)
        for dataset in (train, val):
            self.looker.prepare(dataset, jobs)
        examples = list(self.looker.examples(train))
        self.svms = train_svms(examples, len(self.classes), rounds=rounds, seed=self.looker.seed)
        self._warn_of_absent()
        self.rest = rest_of(train)
        self.threshold = best_threshold(self.looker, self.svms, self.rest, val)
        return self

    def score(self, image: Tensor, *, stages: Stages | None = None) -> tuple[Proposals, Tensor]:
        """The regions of an image, and what every SVM says about them.

        Args:
            image: (3, H, W) uint8, or grey.
            stages: where to count the seconds.

        Returns:
            R proposals, of a smaller copy if the image is larger than `longest`; and (R, K) float32 scores.

        Raises:
            ValueError: the segmenter was not fitted, or the image is no image.
        """
        stages = stages or Stages()
        svms = self._fitted()
        image = self.looker.shrunk(image)
        with stages("proposals"):
            proposals = self.looker.propose(image)
        features = self.looker.features.extract(image, proposals, self.looker.kind, stages=stages)
        with stages("svm"):
            return proposals, svms.scores(features)

    def predict(self, image: Tensor) -> Tensor:
        """The class of every pixel. Nothing is kept on the disk, so that its time is the true one.

        Args:
            image: (3, H, W) uint8 of any size, or grey.

        Returns:
            (H, W) int64 class indices.

        Raises:
            ValueError: the segmenter was not fitted, or the image is no image.
        """
        stages = Stages()
        proposals, scores = self.score(image, stages=stages)
        with stages("paste"):
            mask = paint(proposals, scores, pick(proposals, scores, threshold=self.threshold), self.rest)
            height, width = image.shape[-2:]
            mask = mask if mask.shape == (height, width) else resized(mask, (height, width))
        stages.images = 1
        self.stages.add(stages)
        return mask

    @property
    def seconds_by_stage(self) -> dict[str, float]:
        """Seconds of `predict` for one image: proposals, crops, net, svm, paste."""
        return self.stages.per_image

    def save(self, path: Path | str) -> None:
        """Write everything that `predict` needs to one file, all of it or nothing.

        Raises:
            ValueError: the segmenter was not fitted.
            DiskError: the disk is full or may not be written to.
        """
        svms = self._fitted()
        content = pack(self.looker, self.classes) | {
            "name": self.name,
            "svms": [svms.weights, svms.bias],
            "threshold": self.threshold,
            "rest": self.rest,
        }
        tensor_files.write(Path(path), content)

    @classmethod
    def load(cls, path: Path | str) -> RegionSegmenter:
        """Read what `save` wrote; nothing in the file is run.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is cut off, damaged or something else; the sentence says which.
        """
        content = read(Path(path))
        looker, classes = unpack(content, Path(path))
        segmenter = cls(classes, features=looker.features, kind=looker.kind, name=content["name"])
        segmenter.looker = looker
        segmenter.svms = LinearSVMs(*content["svms"])
        segmenter.threshold, segmenter.rest = content["threshold"], content["rest"]
        return segmenter

    def _fitted(self) -> LinearSVMs:
        if self.svms is None:
            raise ValueError(f"{self.name} has no SVMs yet; call fit(train, val) first")
        return self.svms

    def _check(self, dataset: SegmentationDataset) -> None:
        if not len(dataset):
            raise ValueError(f"{dataset.name} {dataset.split} has no images; there is nothing to learn from")
        if dataset.classes.names != self.classes.names:
            raise ValueError(
                f"{dataset.name} {dataset.split} has the classes {', '.join(dataset.classes)}, but this "
                f"segmenter {', '.join(self.classes)}; make one with classes=dataset.classes"
            )

    def _warn_of_absent(self) -> None:
        absent = [
            name
            for index, name in enumerate(self.classes)
            if index != self.classes.background and math.isinf(self._fitted().bias[index])
        ]
        if absent:
            warnings.warn(
                f"no training image has an object of {', '.join(absent)}: it will never be predicted",
                stacklevel=3,
            )
