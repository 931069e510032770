"""Raking: the most even weights that bring sums over pictures near to what is wanted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

Array = NDArray[np.float64]


def rake(amounts: Array, wanted: Array, evenness: float) -> Array:
    """Weights for pictures, so that the classes' shares of the weighted sum come near to `wanted`.

    With q[i] the shares in picture i, u[i] what it contributes to the plain sum and x[i] what it contributes
    to the weighted one (both sum to 1), they minimise

        |x q - wanted|^2 / (2 evenness) + sum_i x[i] log(x[i] / u[i])

    Of all weights that reach the same shares these are the most even ones: x[i] ~ u[i] exp(l q[i]) with one
    number l for each class (Deming and Stephan, 1940; as "entropy balancing" Hainmueller, 2012, who asks for
    equality where we, since it is often out of reach, ask for nearness). The numbers minimise the dual,

        log sum_i u[i] exp(l q[i]) - l wanted + evenness |l|^2 / 2

    which is smooth and convex in K numbers, however many pictures there are.

    Args:
        amounts: (N, K) float64, at least 0: how much of each class each picture holds.
        wanted: (K,) float64 shares that sum to 1.
        evenness: above 0; small: as near as possible, large: all weights alike.

    Returns:
        (N,) float64 of mean 1; 0 for pictures that hold nothing.

    Example:
        >>> rake(np.array([[1.0, 0.0], [0.5, 0.5]]), np.array([0.6, 0.4]), 1e-9).round(3)
        array([0.4, 1.6])
    """
    size = amounts.sum(axis=1)
    some = size > 0
    q, u = amounts[some] / size[some, None], size[some] / size.sum()

    def contributions(factors: Array) -> tuple[Array, float]:
        """x, and the logarithm of the sum by which it was divided."""
        height = np.log(u) + q @ factors
        raw = np.exp(height - height.max())  # of large numbers without overflow
        return raw / raw.sum(), height.max() + np.log(raw.sum())

    def dual(factors: Array) -> float:
        return float(contributions(factors)[1] - factors @ wanted + evenness / 2 * factors @ factors)

    def slope(factors: Array) -> Array:
        return contributions(factors)[0] @ q - wanted + evenness * factors

    def bend(factors: Array) -> Array:
        x = contributions(factors)[0]
        return (q.T * x) @ q - np.outer(x @ q, x @ q) + evenness * np.eye(len(factors))

    start = np.zeros(q.shape[1])
    found = minimize(dual, start, jac=slope, hess=bend, method="trust-exact", options={"gtol": 1e-9})
    weights = np.zeros(len(size))
    weights[some] = contributions(found.x)[0] / size[some]
    return weights / weights.mean()


def worth(weights: Array) -> float:
    """How many equal weights would be as much: (sum w)^2 / sum w^2 (effective size; Kish, 1965).

    Example:
        >>> worth(np.array([1.0, 1.0, 0.0])), worth(np.array([4.0, 1.0, 1.0]))
        (2.0, 2.0)
    """
    return float(weights.sum() ** 2 / (weights**2).sum())
