"""Region proposals as plain tensors for a file: one bit a membership, compressed."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from seglib import files as tensor_files
from seglib.files import TensorFileError
from seglib.regions.grouping import FAST, Hierarchy, Strategy, hierarchies
from seglib.regions.superpixels import checked, renumbered

LEVEL = 1  # of compression: labels and memberships are long runs of the same, so the quickest will do


def pack(labels: Tensor, members: Tensor, scores: Tensor) -> dict[str, Any]:
    """What a file holds of proposals: labels (H, W) int64, members (R, S) bool, scores (R,) float32."""
    return {
        "kind": "region proposals",
        "size": list(labels.shape),
        "counts": list(members.shape),
        "labels": _squeezed(labels.cpu().numpy().astype(np.int32)),
        "members": _squeezed(np.packbits(members.cpu().numpy(), axis=1)),
        "scores": scores.cpu(),
    }


def unpack(content: dict[str, Any], path: Path) -> tuple[Tensor, Tensor, Tensor]:
    """The labels, members and scores that `pack` was given.

    Raises:
        TensorFileError: the file `path`, where the content comes from, holds something else.
    """
    try:
        regions, superpixels = content["counts"]
        labels = _spread(content["labels"], np.int32).reshape(content["size"])
        bits = _spread(content["members"], np.uint8).reshape(regions, -(-superpixels // 8))
        members = np.unpackbits(bits, axis=1, count=superpixels).astype(bool)
        return torch.from_numpy(labels.astype(np.int64)), torch.from_numpy(members), content["scores"]
    except (KeyError, TypeError, ValueError, AttributeError, zlib.error):
        raise TensorFileError(f"{path} holds no region proposals; delete it and make them again") from None


def _squeezed(array: np.ndarray) -> Tensor:
    """The bytes of an array, compressed, as (B,) uint8."""
    return torch.frombuffer(bytearray(zlib.compress(array.tobytes(), LEVEL)), dtype=torch.uint8)


def _spread(squeezed: Tensor, dtype: type[np.generic]) -> np.ndarray:
    return np.frombuffer(zlib.decompress(squeezed.numpy().tobytes()), dtype)


# Region proposals: pieces of an image that may be an object, each one a set of superpixels.

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
        tensor_files.write(path, pack(self.labels, self.members, self.scores))

    @staticmethod
    def load(path: Path) -> Proposals:
        """What `save` wrote.

        Raises:
            FileNotFoundError: there is no such file.
            TensorFileError: it is damaged, or holds something else.
        """
        return Proposals(*unpack(tensor_files.read(path), path))

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


# Selective search with masks: many hierarchies of one image, one ranked list of regions.

LARGEST = 500 * 500  # pixels; a larger image is searched at this size
LEAST = 1e-3  # stability of a node that is as like its surroundings as its parts were like each other


def propose(
    image: Tensor, number: int = 2000, *, strategies: Sequence[Strategy] = FAST, seed: int = 0
) -> Proposals:
    """Region proposals of an image: every node of every strategy's hierarchy, ranked.

    A node ranks by how near it is to the top of its tree, times chance: without chance, the list would begin
    with nothing but the largest regions. We depart from the paper in one thing: the more stable a node is,
    the higher it ranks. What several strategies find comes once.

    Args:
        image: (3, H, W) uint8; or grey, (H, W) or (1, H, W). One of more than 250 000 pixels is searched in a
            smaller copy, so that time and memory stay bounded; its regions follow its outlines less closely.
        number: how many regions at most; a plain image has fewer.
        strategies: FAST, QUALITY, or your own.
        seed: of the chance in the ranking.

    Returns:
        The regions, best first; there is at least one, the whole image or a part of it.

    Raises:
        ValueError: the image is no image, `number` is below 1, or a strategy is none.
        ImportError: QUALITY was asked for, and OpenCV's extra modules are not installed.

    Reference:
        Uijlings, van de Sande, Gevers, Smeulders, "Selective Search for Object Recognition", 2013.

    Example:
        >>> image = torch.zeros(3, 40, 60, dtype=torch.uint8)
        >>> image[:, 10:30, 20:40] = 255
        >>> proposals = propose(image)
        >>> proposals.boxes[proposals.areas == 400]
        tensor([[20, 10, 40, 30]])
    """
    if number < 1:
        raise ValueError(f"number must be at least 1, the regions to propose; got {number}")
    image = checked(image)
    trees = list(chain.from_iterable(hierarchies(_bounded(image), strategies)))
    scores, owners, nodes = _ranked(trees, number, seed)
    labels, members = _on_common_superpixels(trees, owners, nodes)
    if labels.shape != image.shape[1:]:
        labels = interpolate(labels[None, None].double(), image.shape[1:], mode="nearest")[0, 0].long()
    return Proposals(labels, members, scores)


def _bounded(image: Tensor) -> Tensor:
    """The image, or a copy of at most LARGEST pixels."""
    height, width = image.shape[1:]
    factor = (LARGEST / (height * width)) ** 0.5
    if factor >= 1:
        return image
    size = max(int(height * factor), 1), max(int(width * factor), 1)
    return interpolate(image[None].float(), size, mode="bilinear", antialias=True)[0].round().byte()


def _ranked(trees: Sequence[Hierarchy], number: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """The best nodes of all trees, each region once: scores, which tree, which node; (R,) each."""
    rng = torch.Generator().manual_seed(seed)
    scores = torch.cat([_scores(tree, rng) for tree in trees])
    owners = torch.cat([torch.full((len(tree),), owner) for owner, tree in enumerate(trees)])
    nodes = torch.cat([torch.arange(len(tree)) for tree in trees])
    order = scores.argsort(descending=True, stable=True)
    first = np.unique(_names(trees)[order].numpy(), return_index=True)[1]  # of equal regions the best
    chosen = order[np.sort(first)][:number]
    return scores[chosen], owners[chosen], nodes[chosen]


def _scores(tree: Hierarchy, rng: torch.Generator) -> Tensor:
    """(N,) how stable each node is, over its place from the top of the tree times chance."""
    place = torch.arange(len(tree), 0, -1)  # 1 is the whole image
    chance = torch.rand(len(tree), generator=rng).clamp_(min=1e-6)
    return (_stability(tree) / (place * chance)).float()


def _stability(tree: Hierarchy) -> Tensor:
    """(N,) how much more similar the parts of a node are than the node is to what it becomes one with.

    An object is put together from what is alike, and then nothing near is like it. At least LEAST.
    """
    if not len(tree.merges):
        return torch.ones(1)
    made = torch.cat([tree.similarities.max().expand(len(tree.merges) + 1), tree.similarities])
    joins = torch.zeros(len(tree), dtype=made.dtype)  # the whole image joins nothing
    joins[tree.merges] = tree.similarities[:, None].expand(-1, 2)
    return (made - joins).clamp(min=LEAST)


def _names(trees: Sequence[Hierarchy]) -> Tensor:
    """(N,) int64: the same number for the same set of pixels, whatever tree it is in.

    Every pixel draws a number; a region's name is the sum over its pixels. That two different regions get
    one name happens once in millions of images.
    """
    chance = torch.Generator().manual_seed(0)
    numbers = torch.randint(2**44, (trees[0].labels.numel(),), generator=chance)
    return torch.cat(
        [
            tree.sums(
                torch.zeros(len(tree.merges) + 1, dtype=torch.long).index_add_(
                    0, tree.labels.flatten(), numbers
                )
            )
            for tree in trees
        ]
    )


def _on_common_superpixels(
    trees: Sequence[Hierarchy], owners: Tensor, nodes: Tensor
) -> tuple[Tensor, Tensor]:
    """Labels (H, W) and members (R, S) of nodes of several trees, on the coarsest superpixels they share."""
    labels = _intersection([tree.labels for tree in trees])
    within = torch.zeros(len(trees), int(labels.max()) + 1, dtype=torch.long)
    for holds, tree in zip(within, trees):
        holds[labels.flatten()] = tree.labels.flatten()  # the tree's superpixel that holds the common one
    parts = [tree.members(nodes[owners == owner]) for owner, tree in enumerate(trees)]
    first, new = _told_apart(parts, within)
    rows = [part.numpy().take(holds[first].numpy(), axis=1) for part, holds in zip(parts, within)]
    members = np.empty((len(nodes), len(first)), bool)
    members[owners.argsort(stable=True).numpy()] = np.concatenate(rows)  # they come tree by tree
    return new[labels], torch.from_numpy(members)


def _intersection(maps: Sequence[Tensor]) -> Tensor:
    """(H, W): pixels have the same number where they have the same in every map."""
    common = maps[0]
    for labels in maps[1:]:
        if labels is not maps[0]:
            common = renumbered(common * (labels.max() + 1) + labels)
    return common


def _told_apart(parts: Sequence[Tensor], within: Tensor) -> tuple[Tensor, Tensor]:
    """Superpixels that no region tells apart become one: the first of each, and (S,) the new numbers.

    Every region draws a number; a superpixel's name is the sum over the regions that it is in.

    Args:
        parts: of each tree, (R, S) the superpixels of its regions.
        within: (trees, S) the superpixel of each tree that holds each common one.
    """
    chance, names = torch.Generator().manual_seed(0), torch.zeros(within.shape[1], dtype=torch.double)
    for part, holds in zip(parts, within):
        numbers = torch.randint(2**40, (len(part),), generator=chance).double()
        names += (numbers @ part.double())[holds]
    _, first, new = np.unique(names.numpy(), return_index=True, return_inverse=True)
    return torch.from_numpy(first), torch.from_numpy(new)
