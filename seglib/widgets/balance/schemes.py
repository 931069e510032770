"""The ways to weigh classes that can be chosen on the board."""

from __future__ import annotations

import warnings
from typing import NamedTuple

from torch import Tensor

from seglib.data.balance import Counts, Unit, effective_number, enet, inverse_frequency, median_frequency

UNITS: tuple[Unit, ...] = ("pixels", "images", "objects")
# From "every sample after the first says nothing new" to what pixels need (see `effective_number`).
BETAS = (0.0, 0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999999, 0.9999999)
SCHEMES = {
    "none": ("None", "Every pixel weighs the same."),
    "inverse frequency": ("Inverse frequency", "w = N / (K n): every class makes the same part of the loss."),
    "median frequency": (
        "Median frequency",
        "w = median(f) / f, where f is the class's share of the images that contain it.",
    ),
    "enet": ("ENet", "w = 1 / ln(1.02 + p): bounded, from 1.4 for a class that fills all to 50 for a speck."),
    "effective number": (
        "Effective number",
        "w ~ (1 − β) / (1 − βⁿ): above n = 1 / (1 − β) more adds little.",
    ),
}


class Option(NamedTuple):
    """One way to weigh: a scheme of `SCHEMES`, with what only the effective number needs."""

    scheme: str
    unit: Unit = "images"
    beta: float = 0.999

    @property
    def key(self) -> str:
        """A name; other units and betas have another one only where they make other weights."""
        effective = self.scheme == "effective number"
        return f"{self.scheme}/{self.unit}/{BETAS.index(self.beta)}" if effective else self.scheme

    @property
    def words(self) -> str:
        """As in a sentence: 'Effective number of images, β = 0.999'."""
        title = SCHEMES[self.scheme][0]
        if self.scheme == "effective number":
            return f"{title} of {self.unit}, β = {self.beta:.7g}"
        return "Unweighted" if self.scheme == "none" else title


def options(counts: Counts) -> list[Option]:
    """Every way there is to weigh these counts."""
    units = UNITS if counts.objects is not None else UNITS[:2]
    plain = [Option(scheme) for scheme in SCHEMES if scheme != "effective number"]
    return plain + [Option("effective number", unit, beta) for unit in units for beta in BETAS]


def weigh(counts: Counts, option: Option) -> Tensor:
    """The weights, (K,) float32; 0 for a class that does not occur.

    Example:
        >>> import torch
        >>> from seglib.labels import Classes
        >>> weigh(Counts(Classes.of("sea", "fish"), torch.tensor([[90, 10, 0]])), Option("inverse frequency"))
        tensor([0.5556, 5.0000])
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a class is absent: the board shows it
        if option.scheme == "effective number":
            return effective_number(counts, option.beta, option.unit)
        if option.scheme == "none":
            return (counts.shares() > 0).float()
        scheme = {
            "inverse frequency": inverse_frequency,
            "median frequency": median_frequency,
            "enet": enet,
        }[option.scheme]
        return scheme(counts)


def loss_shares(counts: Counts, weights: Tensor) -> Tensor:
    """(K,) float64: which part of a weighted mean each class makes if every pixel has the same loss."""
    parts = counts.shares() * weights.double()
    return parts / parts.sum()
