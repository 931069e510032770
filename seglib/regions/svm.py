"""One linear SVM a class."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from seglib.progress import tracked
from seglib.regions.examples import Examples

C, BIAS, POSITIVE = 1e-3, 10.0, 2  # of SDS: liblinear's -c, -B and -w1


@dataclass(frozen=True)
class LinearSVMs:
    """K linear classifiers: score = features @ weights + bias, above 0 for what it takes for its class.

    Attributes:
        weights: (K, D) float32.
        bias: (K,) float32; minus infinity for a class that no training image had an object of.
    """

    weights: Tensor
    bias: Tensor

    def scores(self, features: Tensor) -> Tensor:
        """(R, D) -> (R, K) float32."""
        return features @ self.weights.T + self.bias


def one_svm(positives: Tensor, negatives: Sequence[Tensor], scale: float, seed: int) -> tuple[Tensor, float]:
    """Weights (D,) and bias of one linear SVM with hinge loss, for features that are not yet scaled.

    Without a negative there is nothing to tell apart, and everything scores 1.
    """
    if not len(negatives):
        return torch.zeros(positives.shape[1]), 1.0
    from sklearn.svm import LinearSVC  # here, because it takes a second to import

    rows = scale * torch.cat([positives, torch.stack(list(negatives))])
    truth = np.repeat([1, 0], [len(positives), len(negatives)])
    svm = LinearSVC(
        C=C,
        loss="hinge",
        class_weight={1: POSITIVE},
        intercept_scaling=BIAS,
        random_state=seed,
        max_iter=5000,
    )
    svm.fit(rows.numpy(), truth)
    return torch.from_numpy(svm.coef_[0]).float() * scale, float(svm.intercept_[0])


# Linear SVMs, trained on few of very many regions: on those that they still get wrong.

NORM = 20.0  # mean length of a feature vector after scaling, which the C of SDS was chosen for
FAR = 0.2  # IoU with every object of the class below which a region is a negative
NEAR = 0.5  # IoU with an object above which a region may stand for it
HARD, EASY = -1.0, -1.2  # the score from which a negative is looked at, and at which it is forgotten


def train_svms(
    images: Sequence[Examples],
    num_classes: int,
    *,
    rounds: int = 2,
    latent: bool = True,
    most: int = 3000,
    seed: int = 0,
) -> LinearSVMs:
    """Train one SVM a class against the rest, as SDS does; with bars after two seconds.

    Positives are the true regions of the class. Negatives are regions that overlap none of its objects by 0.2
    or more: first some by chance, then, in each round, those that the SVM does not yet reject.

    Args:
        images: the training images' regions.
        num_classes: K; a class without objects, like background, gets no SVM and scores minus infinity.
        rounds: sweeps for hard negatives, before and again after the update of the positives.
        latent: whether to update the positives.
        most: negatives kept for each class.
        seed: of the first negatives and of the solver.

    Raises:
        ValueError: there is no object in any image.

    Reference:
        Hariharan et al., "Simultaneous Detection and Segmentation", 2014, section 3.3, and `train_svms.m`.
        They train anew after every 2000 new negatives within a sweep; here a sweep ends first.
    """
    miner = Miner(images, num_classes, most=most, seed=seed)
    svms = miner.first()
    for update in (False, True) if latent else (False,):
        if update:
            miner.update_positives(svms)
            svms = miner.train()
        for _ in range(rounds):
            svms, new = miner.round(svms)
            if not new:
                break
    return svms


Negatives = dict[tuple[int, int], Tensor]  # (image, region) -> (D,) features


class Miner:
    """Positives, the negatives found so far, and the SVMs trained on both.

    Args:
        images: the training images' regions.
        num_classes: K; background is a class without objects.
        most: negatives kept for each class, the highest-scoring, so that memory does not grow with images;
            positives, one for each object, are all kept.
        seed: of the first, random negatives and of the solver.

    Raises:
        ValueError: there is no object in any image.
    """

    def __init__(
        self, images: Sequence[Examples], num_classes: int, *, most: int = 3000, seed: int = 0
    ) -> None:
        self.images, self.num_classes, self.most, self.seed = images, num_classes, most, seed
        if not sum(len(image.classes) for image in images):
            raise ValueError(
                f"there is no object to learn from in {len(images)} training images: their masks hold "
                "only background and void; check the masks (seglib.data.audit) or take other images"
            )
        self.positives = [self._true_regions(index) for index in range(num_classes)]
        self.negatives: list[Negatives] = [{} for _ in range(num_classes)]
        self.scale = NORM / self._mean_norm()

    def first(self, each: int = 10) -> LinearSVMs:
        """Train on the objects of other classes, and `each` random negatives an image, at least 1.

        Where there are so many images that these would be more than `most`, it takes fewer of each.
        """
        rng = np.random.default_rng(self.seed)
        each = max(min(each, self.most // len(self.images)), 1)
        for number, image, features in self._read("first negatives"):
            for index in self._learnable():
                rows = (image.overlap_with(index) < FAR).nonzero()[:, 0].numpy()
                chosen = rng.permutation(rows)[:each].tolist()
                self._keep(index, number, chosen + rows[rows >= image.first_true].tolist(), features)
        return self.train()

    def round(self, svms: LinearSVMs) -> tuple[LinearSVMs, int]:
        """One sweep for hard negatives, and SVMs trained with them; and how many were new."""
        before = [set(known) for known in self.negatives]
        for number, image, features in self._read("hard negatives"):
            scores = svms.scores(features)
            for index in self._learnable():
                hard = (image.overlap_with(index) < FAR) & (scores[:, index] >= HARD)
                self._keep(index, number, hard.nonzero()[:, 0].tolist(), features)
            if number % 50 == 49:
                self._forget(svms)
        self._forget(svms)
        new = sum(len(known.keys() - old) for known, old in zip(self.negatives, before))
        return self.train(), new

    def update_positives(self, svms: LinearSVMs) -> None:
        """Let the best-scoring region near each object stand for it, instead of its true mask.

        So the SVMs see positives as they will come: with the errors of proposals (the latent update of SDS).
        """
        found: list[list[Tensor]] = [[] for _ in range(self.num_classes)]
        for _, image, features in self._read("regions near objects"):
            scores = svms.scores(features)
            for number, index in enumerate(image.classes.tolist()):
                near = image.overlaps[:, number] > NEAR
                near[image.first_true :] = False  # the true regions themselves
                best = scores[:, index].masked_fill(~near, -math.inf).argmax()
                row = best if near.any() else image.first_true + number
                found[index].append(features[row].clone())
        self.positives = [torch.stack(rows) if rows else torch.zeros(0) for rows in found]

    def train(self) -> LinearSVMs:
        """An SVM for each class from what is known now."""
        width = max(rows.shape[-1] for rows in self.positives if len(rows))
        weights, bias = torch.zeros(self.num_classes, width), torch.full((self.num_classes,), -math.inf)
        for index in tracked(self._learnable(), len(self._learnable()), "SVMs"):
            negatives = list(self.negatives[index].values())
            weights[index], bias[index] = one_svm(self.positives[index], negatives, self.scale, self.seed)
        return LinearSVMs(weights, bias)

    def _read(self, what: str) -> Iterator[tuple[int, Examples, Tensor]]:
        """Each image's number, regions and features, with a bar."""
        for number, image in enumerate(tracked(self.images, len(self.images), what)):
            yield number, image, image.read()

    def _learnable(self) -> list[int]:
        """The classes that have an object."""
        return [index for index, rows in enumerate(self.positives) if len(rows)]

    def _true_regions(self, index: int) -> Tensor:
        """(P, D) features of the true regions of a class."""
        rows = [
            image.read()[image.first_true :][image.classes == index]
            for image in self.images
            if (image.classes == index).any()
        ]
        return torch.cat(rows) if rows else torch.zeros(0)

    def _mean_norm(self, images: int = 100) -> float:
        """Mean length of the features of some images, evenly spread over all."""
        some = self.images[:: max(len(self.images) // images, 1)]
        return max(float(torch.cat([image.read().norm(dim=1) for image in some]).mean()), 1e-12)

    def _keep(self, index: int, image: int, rows: list[int], features: Tensor) -> None:
        for row in rows:
            self.negatives[index].setdefault((image, row), features[row].clone())

    def _forget(self, svms: LinearSVMs) -> None:
        """Drop negatives that became easy, and of the others all but the `most` hardest."""
        for index in self._learnable():
            known = self.negatives[index]
            if not known:
                continue
            scores = svms.scores(torch.stack(list(known.values())))[:, index]
            hardest = scores.argsort(descending=True, stable=True)[: self.most]
            keep = set(hardest[scores[hardest] > EASY].tolist())
            self.negatives[index] = {key: row for n, (key, row) in enumerate(known.items()) if n in keep}
