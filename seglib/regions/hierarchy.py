"""A tree of regions: from the superpixels, step by step, to the whole image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from seglib.regions.colours import Space, checked, in_space
from seglib.regions.descriptions import binned, describe
from seglib.regions.grouping import CUES, Cue, group
from seglib.regions.strategies import Strategy
from seglib.regions.superpixels import superpixels


@dataclass(frozen=True)
class Hierarchy:
    """Which regions became one, in order. Nodes 0..S-1 are the superpixels; the k-th merge made node S + k.

    Attributes:
        labels: (H, W) int64 superpixels, 0..S-1.
        merges: (S - 1, 2) int64, the two nodes of each merge.
        similarities: (S - 1,) float64, how similar they were.
    """

    labels: Tensor
    merges: Tensor
    similarities: Tensor

    def __len__(self) -> int:
        """2 S - 1, the number of nodes: every one is a region."""
        return 2 * len(self.merges) + 1

    def at(self, count: int) -> Tensor:
        """The image when `count` regions were left.

        Args:
            count: 1 (the whole image) to S (the superpixels).

        Returns:
            (H, W) int64, 0..count-1.

        Raises:
            ValueError: there are fewer superpixels than that, or `count` is below 1.
        """
        superpixels = len(self.merges) + 1
        if not 1 <= count <= superpixels:
            raise ValueError(f"count must be 1 to {superpixels}, the number of superpixels; got {count}")
        node = torch.arange(superpixels)
        for made, pair in enumerate(self.merges[: superpixels - count].tolist(), start=superpixels):
            node[(node == pair[0]) | (node == pair[1])] = made
        return node.unique(return_inverse=True)[1][self.labels]

    def members(self, nodes: Tensor | Sequence[int]) -> Tensor:
        """(M, S) bool: the superpixels of each node."""
        first, count, place = self._places
        first, count = (values[torch.as_tensor(nodes)][:, None] for values in (first, count))
        return (place >= first) & (place < first + count)

    def sums(self, values: Tensor) -> Tensor:
        """(2 S - 1,) for each node the sum of its superpixels' values (S,)."""
        total = values.tolist()
        for one, other in self.merges.tolist():
            total.append(total[one] + total[other])
        return torch.tensor(total, dtype=values.dtype)

    @cached_property
    def _places(self) -> tuple[Tensor, Tensor, Tensor]:
        """Superpixels in a row in which each node is a stretch: first (N,), count (N,), place (S,)."""
        superpixels = len(self.merges) + 1
        count = self.sums(torch.ones(superpixels, dtype=torch.long)).tolist()
        first = [0] * len(self)
        for node in range(len(self) - 1, superpixels - 1, -1):  # from the whole image down
            one, other = self.merges[node - superpixels].tolist()
            first[one], first[other] = first[node], first[node] + count[one]
        return torch.tensor(first), torch.tensor(count), torch.tensor(first[:superpixels])


def hierarchy(
    image: Tensor, *, scale: float = 100, space: Space = "lab", cues: Sequence[Cue] = CUES
) -> Hierarchy:
    """Cut an image into superpixels and group them.

    Args:
        image: (3, H, W) uint8; or grey, (H, W) or (1, H, W).
        scale: of the superpixels; larger ones, fewer of them.
        space: the colours in which superpixels are found and compared.
        cues: what makes two regions similar: any of "colour", "texture", "size", "fill".

    Returns:
        The tree.

    Raises:
        ValueError: the image is no image; or there is no such space or cue.

    Example:
        >>> image = torch.zeros(3, 20, 30, dtype=torch.uint8)
        >>> image[0, :, 10:], image[2, 10:, 20:] = 255, 60
        >>> tree = hierarchy(image)
        >>> tree.merges
        tensor([[1, 2],
                [0, 3]])
        >>> tree.at(2).unique(return_counts=True)[1]
        tensor([200, 400])
    """
    return next(hierarchies(image, [Strategy(space, scale, tuple(cues))]))[0]


def hierarchies(image: Tensor, strategies: Sequence[Strategy]) -> Iterator[list[Hierarchy]]:
    """The trees of several strategies; those with the same superpixels come together, as one list.

    Args:
        image: (3, H, W) uint8; or grey, (H, W) or (1, H, W).
        strategies: pixels are looked at once for each space, and superpixels found once for each space, scale
            and maker.

    Raises:
        ValueError: the image is no image; there is no strategy; or no such space, cue or maker.
        ImportError: as in `superpixels`, which QUALITY needs OpenCV's extra modules for.
    """
    image = checked(image)
    if not strategies:
        raise ValueError("no strategy was given, so there is nothing to group by; take FAST or QUALITY")
    for cues in {strategy.cues for strategy in strategies}:
        if not cues or (unknown := [cue for cue in cues if cue not in CUES]):
            raise ValueError(
                f"cues must be some of {', '.join(CUES)}; got {unknown[0] if cues else 'none'!r}"
            )
    for space in dict.fromkeys(one.space for one in strategies):
        here = [one for one in strategies if one.space == space]
        pixels = binned(in_space(image, space))
        for scale, by in dict.fromkeys((one.scale, one.by) for one in here):
            labels = superpixels(image, scale=scale, space=space, by=by)
            regions = describe(labels.numpy(), pixels)
            yield [
                Hierarchy(labels, *map(torch.from_numpy, group(regions.copy(), one.cues)))
                for one in here
                if (one.scale, one.by) == (scale, by)
            ]
