"""One linear SVM a class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

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
