"""Linear SVMs on region features, one per class, trained on the few of very many regions that are hard."""

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from seglib.progress import tracked
from seglib.regions.features import RegionExamples

# of SDS, whose liblinear has -c 1e-3 -w1 2 -B 10
SOLVER = {"C": 1e-3, "loss": "hinge", "class_weight": {1: 2}, "intercept_scaling": 10.0, "max_iter": 5000}
NORM = 20.0  # mean length of a feature vector after scaling, for which SDS chose C
NEGATIVE_IOU = 0.2  # with every object of the class, below which a region is a negative
POSITIVE_IOU = 0.5  # with an object, above which a region may replace it as a positive
HARD, EASY = (
    -1.0,
    -1.2,
)  # the score from which a negative is added (SDS: -1.0001), and up to which it is dropped
PER_IMAGE = 10  # random negatives of each class to start with
ROUNDS = 2  # sweeps for hard negatives, before and again after the update of the positives
MAX_NEGATIVES = 3000  # per class; the highest-scoring ones stay, so memory does not grow with images

HardNegatives = Callable[[Tensor, Tensor], Tensor]  # scores, overlaps -> indices; see `hard_negatives`


@dataclass(frozen=True)
class LinearSVMs:
    """K linear classifiers: score = features @ weights + bias; above 0, the class is predicted.

    Attributes:
        weights: (K, D) float32.
        bias: (K,) float32; minus infinity for a class without objects in the training images.
    """

    weights: Tensor
    bias: Tensor

    def scores(self, features: Tensor) -> Tensor:
        """(R, D) -> (R, K) float32."""
        return features @ self.weights.T + self.bias


def fit_svm(
    positives: Tensor, negatives: Collection[Tensor], scale: float, seed: int
) -> tuple[Tensor, float]:
    """Fit one linear SVM with hinge loss.

    Args:
        positives: (P, D) float32.
        negatives: N vectors (D,) float32. Without any, every vector scores 1.
        scale: features are multiplied by it for the solver; the result is for features without it.
        seed: of the solver.

    Returns:
        Weights (D,) and bias.
    """
    if not len(negatives):
        return torch.zeros(positives.shape[1]), 1.0
    from sklearn.svm import LinearSVC  # here, because it takes a second to import

    rows = scale * torch.cat([positives, torch.stack(list(negatives))])
    truth = np.repeat([1, 0], [len(positives), len(negatives)])
    svm = LinearSVC(**SOLVER, random_state=seed).fit(rows.numpy(), truth)
    return torch.from_numpy(svm.coef_[0]).float() * scale, float(svm.intercept_[0])


def hard_negatives(scores: Tensor, overlaps: Tensor) -> Tensor:
    """The regions that one class's SVM should reject and does not, or not clearly.

    Args:
        scores: (R,) float32 of that SVM.
        overlaps: (R,) float32, 0..1: the best IoU of each region with an object of the class.

    Returns:
        (H,) int64 indices.

    Example:
        >>> hard_negatives(torch.tensor([0.5, 2.0, -3.0]), torch.tensor([0.1, 0.9, 0.1]))
        tensor([0])
    """
    return ((overlaps < NEGATIVE_IOU) & (scores >= HARD)).nonzero()[:, 0]


def train_svms(
    images: Sequence[RegionExamples], num_classes: int, seed: int = 0,
    hard_negatives: HardNegatives = hard_negatives,
) -> LinearSVMs:  # fmt: skip
    """Train one SVM per class against the rest, as SDS does; with progress bars.

    Positives are the true regions of the class, later the best region near each. Negatives are regions that
    overlap each of its objects by less than 0.2: at first random ones, then, in each round, those that the
    SVM does not yet reject.

    Args:
        images: the regions of the training images.
        num_classes: K; a class without objects, such as background, scores minus infinity.
        seed: of the first negatives and of the solver.
        hard_negatives: chooses which regions of an image to add.

    Raises:
        ValueError: there is no object in any image.

    Reference:
        Hariharan et al., "Simultaneous Detection and Segmentation", 2014, section 3.3, and `train_svms.m`.
        They train again after every 2000 new negatives within a sweep; here a sweep ends first.
    """
    miner = Miner(images, num_classes, seed, hard_negatives)
    svms = miner.start()
    for update in (False, True):
        if update:
            miner.update_positives(svms)
            svms = miner.train()
        for _ in range(ROUNDS):
            svms, new = miner.add_hard_negatives(svms)
            if not new:
                break
    return svms


class Miner:
    """Positives and the negatives found so far, and the SVMs trained on both; arguments as for `train_svms`.

    Attributes:
        positives: {class: (P, D) features, one row per object}, for the classes that have objects.
        negatives: {class: {(image, region): (D,) features}}, for the same classes.
    """

    def __init__(
        self, images: Sequence[RegionExamples], num_classes: int, seed: int = 0,
        hard_negatives: HardNegatives = hard_negatives,
    ) -> None:  # fmt: skip
        self.images, self.num_classes, self.seed = images, num_classes, seed
        self.hard_negatives = hard_negatives
        present = sorted({index for image in images for index in image.classes.tolist()})
        if not present:
            raise ValueError(
                f"there is no object to learn from in {len(images)} training images: their masks hold "
                "only background and void; check the masks (seglib.data.audit) or take other images"
            )
        self.positives = dict.fromkeys(present, torch.zeros(0))
        self.negatives: dict[int, dict[tuple[int, int], Tensor]] = {index: {} for index in present}
        self.update_positives()
        some = images[:: max(len(images) // 100, 1)]  # about 100, spread over all
        norm = float(torch.cat([image.read().norm(dim=1) for image in some]).mean())
        self.scale = NORM / max(norm, 1e-12)

    def start(self) -> LinearSVMs:
        """Train on the objects of other classes and PER_IMAGE random negatives from each image.

        With so many images that these would be more than MAX_NEGATIVES, it takes fewer of each, at least 1.
        """
        rng = np.random.default_rng(self.seed)
        per_image = max(min(PER_IMAGE, MAX_NEGATIVES // len(self.images)), 1)
        for number, image, features in self._read("first negatives"):
            for index in self.positives:
                rows = (image.overlap_with(index) < NEGATIVE_IOU).nonzero()[:, 0].numpy()
                chosen = rng.permutation(rows)[:per_image].tolist()
                self._add(index, number, chosen + rows[rows >= image.first_true].tolist(), features)
        return self.train()

    def add_hard_negatives(self, svms: LinearSVMs) -> tuple[LinearSVMs, int]:
        """One sweep for hard negatives; the SVMs trained with them, and how many were new."""
        before = {(index, key) for index, known in self.negatives.items() for key in known}
        for number, image, features in self._read("hard negatives"):
            scores = svms.scores(features)
            for index in self.positives:
                hard = self.hard_negatives(scores[:, index], image.overlap_with(index))
                self._add(index, number, hard.tolist(), features)
            if number % 50 == 49:
                self._drop_easy(svms)
        self._drop_easy(svms)
        after = {(index, key) for index, known in self.negatives.items() for key in known}
        return self.train(), len(after - before)

    def update_positives(self, svms: LinearSVMs | None = None) -> None:
        """Take each object's true region or, given SVMs, the best-scoring region near it, if there is one.

        So the SVMs are trained on positives with the errors of proposals (the latent update of SDS).
        """
        found: dict[int, list[Tensor]] = {index: [] for index in self.positives}
        for _, image, features in self._read("regions of objects"):
            scores = None if svms is None else svms.scores(features)
            for number, index in enumerate(image.classes.tolist()):
                row = image.first_true + number
                near = (image.overlaps[: image.first_true, number] > POSITIVE_IOU).nonzero()[:, 0]
                if scores is not None and len(near):
                    row = int(near[scores[near, index].argmax()])
                found[index].append(features[row].clone())
        self.positives = {index: torch.stack(rows) for index, rows in found.items()}

    def train(self) -> LinearSVMs:
        """An SVM for each class from the present positives and negatives."""
        width = next(iter(self.positives.values())).shape[1]
        weights, bias = torch.zeros(self.num_classes, width), torch.full((self.num_classes,), -math.inf)
        for index, positives in tracked(self.positives.items(), len(self.positives), "SVMs"):
            negatives = self.negatives[index].values()
            weights[index], bias[index] = fit_svm(positives, negatives, self.scale, self.seed)
        return LinearSVMs(weights, bias)

    def _read(self, label: str) -> Iterator[tuple[int, RegionExamples, Tensor]]:
        """Each image's number, regions and features, with a progress bar."""
        for number, image in enumerate(tracked(self.images, len(self.images), label)):
            yield number, image, image.read()

    def _add(self, index: int, image: int, rows: list[int], features: Tensor) -> None:
        for row in rows:
            self.negatives[index].setdefault((image, row), features[row].clone())

    def _drop_easy(self, svms: LinearSVMs) -> None:
        """Drop negatives that became easy, and of the others all but the MAX_NEGATIVES hardest."""
        for index, known in self.negatives.items():
            if known:
                scores = svms.scores(torch.stack(list(known.values())))[:, index]
                hardest = scores.argsort(descending=True, stable=True)[:MAX_NEGATIVES]
                keep = set(hardest[scores[hardest] > EASY].tolist())
                self.negatives[index] = {key: row for n, (key, row) in enumerate(known.items()) if n in keep}
