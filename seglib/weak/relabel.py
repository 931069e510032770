"""What becomes the next round's label: what the net says, what the rules leave of it, or BoxSup's regions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from seglib.weak.cleaning import RESET, clean
from seglib.weak.given import Given
from seglib.weak.proposed import Propose, candidates

#: (image (3, H, W) uint8, probabilities (K, H, W), boxes, number of the next round) -> mask (H, W) uint8
Relabel = Callable[[Tensor, Tensor, Given, int], Tensor]


def naive(image: Tensor, probabilities: Tensor, one: Given, number: int) -> Tensor:
    """What the net says, as it is: the recursion that drifts, since nothing holds it to the boxes.

    Example:
        >>> one = Given(torch.zeros(0, 4).long(), torch.zeros(0).long())
        >>> naive(torch.zeros(3, 1, 2), torch.tensor([[[0.9, 0.2]], [[0.1, 0.8]]]), one, 1)
        tensor([[0, 1]], dtype=torch.uint8)
    """
    return probabilities.argmax(dim=0).to(torch.uint8)


@dataclass(frozen=True)
class Rules:
    """The three cleaning rules of "Simple Does It", see `seglib.weak.cleaning.clean`.

    Attributes:
        usual: what share of its box each of the K classes fills, see `fill_rates`.
        threshold: a box of which less than this share of the usual is left is filled again; 0: none ever is.
        smoothing: whether the label follows the image's edges.
        background: the class of what is in no box.

    Example:
        >>> image = torch.zeros(3, 1, 4, dtype=torch.uint8)
        >>> net_says = torch.tensor([[[0.1] * 4], [[0.9] * 4]])
        >>> one = Given(torch.tensor([[0, 0, 2, 1]]), torch.tensor([1]))
        >>> Rules(usual=(1, 1), smoothing=False)(image, net_says, one, 1)
        tensor([[1, 1, 0, 0]], dtype=torch.uint8)
    """

    usual: tuple[float, ...]
    threshold: float = RESET
    smoothing: bool = True
    background: int = 0

    def __call__(self, image: Tensor, probabilities: Tensor, one: Given, number: int) -> Tensor:
        """(3, H, W), (K, H, W) -> (H, W) uint8."""
        return clean(
            image, probabilities, one, torch.tensor(self.usual), threshold=self.threshold,
            smoothing=self.smoothing, background=self.background,
        )  # fmt: skip


@dataclass(frozen=True)
class Regions:
    """BoxSup's update: each box is given a region again, now that a net says what each region would cost.

    Attributes:
        propose: image -> its region proposals.
        weight: of the net's loss, see `seglib.weak.proposed.candidates`.
        best: how many of the cheapest to draw from.
        seed: of the draw; each round draws anew.
        background: the class of what is in no box.
    """

    propose: Propose
    weight: float = 3.0
    best: int = 5
    seed: int = 0
    background: int = 0

    def __call__(self, image: Tensor, probabilities: Tensor, one: Given, number: int) -> Tensor:
        """(3, H, W), (K, H, W) -> (H, W) uint8."""
        return candidates(
            image, *one, propose=self.propose, logits=probabilities.clamp_min(1e-12).log(),
            weight=self.weight, best=self.best, seed=self.seed + number, background=self.background,
        )  # fmt: skip
