"""Region proposals: pieces of an image that may be an object, each one a set of superpixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from seglib import files as tensor_files
from seglib.regions import packing

EXACT = 2**24  # whole numbers up to here are exact in float32


@dataclass(frozen=True)
class Proposals:
    """R region proposals of one image, best first, as the superpixels that each is made of.

    All regions are unions of the same S superpixels, so R masks take R x S bits instead of R x H x W, and
    areas, overlaps and shared pixels are sums over superpixels: exact, without drawing a mask.

    Attributes:
        labels: (H, W) int64, the superpixel of every pixel, 0..S-1.
        members: (R, S) bool, the superpixels of every region; each region has at least one.
        scores: (R,) float32, descending: how early a region should be looked at.

    Raises:
        ValueError: shapes or dtypes do not fit, a region is empty, or the scores are not descending.

    Reference:
        Hariharan, Arbelaez, Girshick, Malik, "Simultaneous Detection and Segmentation", 2014: the authors'
        code keeps its regions in this way (`sp`, `reg2sp`).

    Example:
        >>> labels = torch.tensor([[0, 0, 1], [2, 2, 1]])
        >>> members = torch.tensor([[1, 0, 1], [0, 1, 0]]).bool()
        >>> proposals = Proposals(labels, members, torch.tensor([0.9, 0.1]))
        >>> proposals.areas, proposals.boxes
        (tensor([4, 2]), tensor([[0, 0, 2, 2],
                [2, 0, 3, 2]]))
        >>> proposals.overlaps(torch.tensor([[1, 1, 0], [0, 0, 0]]).bool())
        tensor([0.5000, 0.0000])
    """

    labels: Tensor
    members: Tensor
    scores: Tensor

    def __post_init__(self) -> None:
        labels, members, scores = self.labels, self.members, self.scores
        if labels.dtype != torch.int64 or labels.ndim != 2 or not labels.numel():
            raise ValueError(f"labels must be (H, W) int64, not {tuple(labels.shape)} {labels.dtype}")
        if members.dtype != torch.bool or members.ndim != 2:
            raise ValueError(f"members must be (R, S) bool, not {tuple(members.shape)} {members.dtype}")
        if int(labels.min()) < 0 or int(labels.max()) >= members.shape[1]:
            raise ValueError(
                f"labels run from {int(labels.min())} to {int(labels.max())}, "
                f"but members knows the superpixels 0..{members.shape[1] - 1}"
            )
        if scores.shape != members.shape[:1]:
            raise ValueError(f"{len(members)} regions, but scores is {tuple(scores.shape)}")
        if (scores.diff() > 0).any():
            raise ValueError("scores must descend: the best region comes first")
        occurs = labels.flatten().bincount(minlength=members.shape[1]) > 0
        filled = (members if occurs.all() else members[:, occurs]).any(dim=1)
        if not filled.all():
            raise ValueError(f"region {int(filled.int().argmin())} of {len(members)} has no pixels")

    def __len__(self) -> int:
        """R, the number of regions."""
        return len(self.members)

    @cached_property
    def areas(self) -> Tensor:
        """(R,) int64, the pixels of each region."""
        return self._pixels(torch.ones_like(self.labels, dtype=torch.bool)[None])[:, 0].long()

    @cached_property
    def boxes(self) -> Tensor:
        """(R, 4) int64, the tightest box around each region: x1 y1 x2 y2, end-exclusive."""
        low, high = _superpixel_corners(self.labels, self.members.shape[1])
        x1, y1 = (_least(self.members, corner) for corner in low)
        x2, y2 = (-_least(self.members, -corner) for corner in high)
        return torch.stack([x1, y1, x2, y2], dim=1)

    def masks(self, indices: Tensor | Sequence[int] | None = None) -> Tensor:
        """Regions drawn as masks.

        Args:
            indices: which ones, (M,) integers; None: all, which takes R x H x W bytes.

        Returns:
            (M, H, W) bool.
        """
        chosen = self.members if indices is None else self.members[self._indices(indices)]
        return chosen[:, self.labels]

    def overlaps(self, mask: Tensor, void: Tensor | None = None) -> Tensor:
        """Intersection over union of every region with a mask.

        Args:
            mask: (H, W) bool, any shape; it need not follow the superpixels.
            void: (H, W) bool, pixels that count neither for nor against a region.

        Returns:
            (R,) float32 in 0..1; the IoU of the pixels, not an approximation. 0 where both are empty.
        """
        return self.overlaps_many(mask[None], void)[:, 0]

    def overlaps_many(self, masks: Tensor, void: Tensor | None = None) -> Tensor:
        """Intersection over union of every region with every mask.

        Args:
            masks: (M, H, W) bool.
            void: (H, W) bool, pixels that count neither for nor against a region.

        Returns:
            (R, M) float32 in 0..1.

        Raises:
            ValueError: the masks or `void` are not bool, or not of the image's size.
        """
        areas = self.areas
        if void is not None:
            self._check(void[None])
            areas = self._pixels(~void[None])[:, 0]
        self._check(masks)
        masks = masks if void is None else masks & ~void
        shared = self._pixels(masks).double()  # (R, M)
        union = areas[:, None] + masks.flatten(1).sum(dim=1) - shared
        return (shared / union.clamp(min=1)).float()

    def shared(self, index: int) -> Tensor:
        """(R,) bool: which regions have a pixel in common with region `index`, itself included."""
        return (self.members & self.members[index]).any(dim=1)

    def subset(self, indices: Tensor | Sequence[int]) -> Proposals:
        """The regions `indices`, which must ascend so that the best one still comes first."""
        chosen = self._indices(indices)
        return Proposals(self.labels, self.members[chosen], self.scores[chosen])

    def save(self, path: Path) -> None:
        """Write a file, whole or not at all; an image of 500 x 375 with 2000 regions takes some 100 kB."""
        tensor_files.write(path, packing.pack(self.labels, self.members, self.scores))

    @staticmethod
    def load(path: Path) -> Proposals:
        """What `save` wrote.

        Raises:
            FileNotFoundError: there is no such file.
            TensorFileError: it is damaged, or holds something else.
        """
        return Proposals(*packing.unpack(tensor_files.read(path), path))

    def _check(self, masks: Tensor) -> None:
        if masks.dtype != torch.bool or masks.shape[1:] != self.labels.shape:
            raise ValueError(
                f"masks must be bool, {tuple(self.labels.shape)} each like the superpixels; "
                f"not {tuple(masks.shape[1:])} {masks.dtype}"
            )

    def _indices(self, indices: Tensor | Sequence[int]) -> Tensor:
        return torch.as_tensor(indices, dtype=torch.long, device=self.members.device)

    def _pixels(self, masks: Tensor) -> Tensor:
        """(R, M) how many pixels of each mask (M, H, W) lie in each region."""
        dtype = torch.float32 if self.labels.numel() < EXACT else torch.float64
        flat, width = self.labels.flatten(), self.members.shape[1]
        counts = torch.zeros(width, len(masks), dtype=dtype, device=flat.device)
        for column, mask in enumerate(masks.flatten(1)):
            counts[:, column] = flat[mask].bincount(minlength=width)
        return self.members.to(dtype) @ counts


def _superpixel_corners(labels: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """(2, S) the least x, y of each superpixel, and (2, S) its greatest x, y plus one."""
    height, width = labels.shape
    where = torch.stack(
        [
            torch.arange(width, device=labels.device).expand(height, width),
            torch.arange(height, device=labels.device)[:, None].expand(height, width),
        ]
    ).flatten(1)  # (2, H * W): x, y
    index = labels.flatten().expand(2, -1)
    low = torch.full((2, count), max(height, width), device=labels.device)
    high = torch.zeros_like(low)
    low = low.scatter_reduce(1, index, where, "amin")
    return low, high.scatter_reduce(1, index, where + 1, "amax")


def _least(members: Tensor, values: Tensor) -> Tensor:
    """(R,) the least of the values (S,) over the superpixels of each region, of which none is empty."""
    ascending, order = values.sort()
    ordered = members.cpu().numpy().take(order.cpu().numpy(), axis=1)
    return ascending[ordered.argmax(axis=1)]  # the first that is in it: NumPy looks no further in a row
