"""Class weights for a loss: four published ways to make rare classes weigh more, from the same counts.

Use them as `F.cross_entropy(logits, mask, weight=weights, ignore_index=255)`. With the usual mean, PyTorch
divides by the sum of the weights of all pixels, so multiplying every weight by one number changes nothing:
only the ratios between classes count. The papers' scales are kept so that numbers can be compared.

No weight adds a picture. Weights make the few pixels of a rare class count more, they do not make them differ
more. And they trade: recall of rare classes rises, and so do false alarms (SegNet, table 1: mean accuracy
+7.4, pixel accuracy -1.3).

A class that does not occur gets weight 0, with a warning. Nothing in the training data is multiplied by that
weight, so any value would do; 0 says that nothing was learnt, where the formulas would say infinity.
"""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

from seglib.data.balance import Counts, Unit


def inverse_frequency(counts: Counts) -> Tensor:
    """Weights that make every class weigh the same in a sum over all pixels: w = N / (K n_c).

    n_c is the number of pixels of class c, N their sum without void, K the number of classes that occur.
    This is scikit-learn's "balanced" (King and Zeng, 2001). A class with 0.1 % of the pixels weighs 700
    times as much as one with 70 %, and so does every wrongly drawn boundary pixel of it: expect a rare class
    to be painted too wide.

    Args:
        counts: of the training data.

    Returns:
        (K,) float32; 0 for classes that do not occur, with a warning.

    Raises:
        ValueError: no class occurs at all.

    Example:
        >>> from seglib.labels import Classes
        >>> counts = Counts(Classes.of("sea", "fish"), torch.tensor([[90, 10, 0]]))
        >>> inverse_frequency(counts)
        tensor([0.5556, 5.0000])
    """
    share = counts.shares()
    return _weights(counts, 1 / (share * (share > 0).sum()))


def median_frequency(counts: Counts) -> Tensor:
    """Median frequency balancing: w = median(f) / f_c (Eigen and Fergus, 2015; used by SegNet).

    f_c is the number of pixels of class c divided by the number of all pixels of those pictures that contain
    c: how large the class is where it is. A class that is rare because few pictures contain it, but large
        there, is
    not raised. That is the difference from inverse frequency, and the usual mistake is to divide by the
    pixels of all pictures, which gives inverse frequency back. Here void is no pixel of a picture; the paper
    does not say. The median is over the classes that occur; of an even number it is the mean of the middle
    two.

    Args:
        counts: of the training data.

    Returns:
        (K,) float32; 0 for classes that do not occur, with a warning.

    Raises:
        ValueError: no class occurs at all.

    Example:
        >>> from seglib.labels import Classes
        >>> pixels = torch.tensor([[80, 20, 0, 0], [100, 0, 0, 0], [50, 0, 50, 0]])
        >>> median_frequency(Counts(Classes.of("sea", "fish", "weed"), pixels))
        tensor([0.6522, 2.5000, 1.0000])
    """
    present = counts.shares() > 0
    frequency = counts.total() / counts.pixels_around.double()
    return _weights(counts, frequency[present].quantile(0.5) / frequency)


def enet(counts: Counts, constant: float = 1.02) -> Tensor:
    """ENet's bounded weights: w = 1 / ln(c + p_c) (Paszke et al., 2016).

    p_c is the share of the pixels, without void. With c = 1.02 a class that fills everything weighs 1.4 and
    one of a few pixels 50: the bound keeps a handful of wrong labels from ruling the loss, and with it
    classes of 0.1 % and of 0.0001 % weigh nearly the same.

    Args:
        counts: of the training data.
        constant: c, above 1; nearer to 1 is less bounded.

    Returns:
        (K,) float32; 0 for classes that do not occur, with a warning.

    Raises:
        ValueError: `constant` is not above 1, or no class occurs at all.
    """
    if constant <= 1:
        raise ValueError(f"constant must be above 1, or a rare class has no finite weight; got {constant}")
    return _weights(counts, 1 / (constant + counts.shares()).log())


def effective_number(counts: Counts, beta: float, unit: Unit = "images") -> Tensor:
    """Weights by effective number of samples: w ~ (1 - beta) / (1 - beta^n_c) (Cui et al., 2019).

    The idea: the second thousand pictures of a class add less than the first, because samples overlap. beta
    = 0 means that one sample says all (equal weights); beta near 1 that each adds something new (inverse
    frequency). The bend lies at n = 1 / (1 - beta) samples, and above a few times that all classes weigh
    alike. The paper's 0.9 to 0.9999 are for classes of 5 to 5000 pictures. Classes have millions of pixels:
    with "pixels", 0.9999 gives equal weights, and a beta that does anything has to be 1 - 1/n with n in the
    millions. Pixels are also not what the paper counts, since neighbours are nearly copies of each other:
    prefer objects or images.

    Args:
        counts: of the training data.
        beta: 0 to just below 1.
        unit: what n_c counts: "images", "objects" or "pixels". A class that has pixels but no objects, as a
            background, counts as one object in each picture: with 0 it would not be learnt.

    Returns:
        (K,) float32 with the mean 1 over the classes that occur (the paper's normalisation); 0 for the
        others, with a warning.

    Raises:
        ValueError: beta is not in 0 <= beta < 1, the data set does not know objects, or no class occurs.
    """
    if not 0 <= beta < 1:
        raise ValueError(f"beta must be at least 0 and below 1, got {beta}")
    number = counts.total(unit).double()
    number = torch.where(number > 0, number, counts.total("images").double())
    # (1 - beta) / (1 - beta^n), for beta near 1 without losing all digits to the subtraction
    raw = (1 - beta) / -torch.expm1(number * torch.tensor(beta, dtype=torch.float64).log())
    return _weights(counts, raw / raw[counts.shares() > 0].mean())


def _weights(counts: Counts, raw: Tensor) -> Tensor:
    """float32 weights, 0 and a warning where a class does not occur."""
    occurs = counts.shares() > 0
    if not occurs.all():
        absent = ", ".join(name for name, there in zip(counts.classes, occurs) if not there)
        warnings.warn(f"weight 0 for {absent}: it does not occur in these pictures", stacklevel=3)
    return torch.where(occurs, raw, 0).float()
