"""The whole region pipeline as a segmenter: propose, crop, look, score, paste."""

from __future__ import annotations

import math
import warnings
from pathlib import Path

from torch import Tensor

from seglib import files as tensor_files
from seglib.data.dataset import SegmentationDataset
from seglib.labels import Classes
from seglib.regions import saved
from seglib.regions.examples import Looker, resized
from seglib.regions.features import Kind, RegionFeatures, check_kind
from seglib.regions.mining import train_svms
from seglib.regions.proposals import Proposals
from seglib.regions.selection import paint, pick
from seglib.regions.stages import Stages
from seglib.regions.strategies import FAST, Strategy
from seglib.regions.svm import LinearSVMs
from seglib.regions.threshold import best_threshold, rest_of


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
        content = saved.pack(self.looker, self.classes) | {
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
        content = saved.read(Path(path))
        looker, classes = saved.unpack(content, Path(path))
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
