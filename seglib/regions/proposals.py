"""Region proposals by selective search: many hierarchies of one image become one ranked list of regions."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from seglib import cache
from seglib.regions.grouping import FAST, Hierarchy, Strategy, hierarchies
from seglib.regions.superpixels import as_rgb, renumber, shrink

EXACT = 2**24  # integers up to here are exact in float32
LARGEST = 500 * 500  # pixels; a larger image is searched at this size
MIN_STABILITY = 1e-3  # of a node that is as similar to its surroundings as its parts were to each other


@dataclass(frozen=True)
class Proposals:
    """R region proposals of one image, best first, as the superpixels that each consists of.

    All regions are unions of the same S superpixels, so R masks take R x S bits instead of R x H x W, and
    areas, overlaps and shared pixels are sums over superpixels: exact, without drawing a mask.

    Attributes:
        labels: (H, W) int64, the superpixel of each pixel, 0..S-1.
        members: (R, S) bool, the superpixels of each region; each region has at least one.
        scores: (R,) float32, descending.

    Raises:
        ValueError: shapes or dtypes do not fit, a region is empty, or the scores are not descending.

    Reference:
        Hariharan, Arbelaez, Girshick, Malik, "Simultaneous Detection and Segmentation", 2014: the authors'
        code stores its regions in this way (`sp`, `reg2sp`).

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
                f"labels must be 0..{members.shape[1] - 1}, the columns of members; "
                f"they are {int(labels.min())}..{int(labels.max())}"
            )
        if scores.shape != members.shape[:1]:
            raise ValueError(f"scores must be ({len(members)},), one per region, not {tuple(scores.shape)}")
        if (scores.diff() > 0).any():
            raise ValueError("scores must be descending: the best region comes first")
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
        low, high = _corners(self.labels, self.members.shape[1])
        x1, y1 = (_least(self.members, corner) for corner in low)
        x2, y2 = (-_least(self.members, -corner) for corner in high)
        return torch.stack([x1, y1, x2, y2], dim=1)

    def masks(self, indices: Tensor | Sequence[int] | None = None) -> Tensor:
        """Draw regions as masks.

        Args:
            indices: which ones, (M,) integers; None: all, which takes R x H x W bytes.

        Returns:
            (M, H, W) bool.
        """
        chosen = self.members if indices is None else self.members[self._indices(indices)]
        return chosen[:, self.labels]

    def overlaps(self, mask: Tensor, void: Tensor | None = None) -> Tensor:
        """Intersection over union of each region with a mask.

        Args:
            mask: (H, W) bool, any shape; it need not follow the superpixels.
            void: (H, W) bool, pixels that are ignored.

        Returns:
            (R,) float32 in 0..1; the IoU of the pixels, not an approximation. 0 where both are empty.
        """
        return self.overlaps_many(mask[None], void)[:, 0]

    def overlaps_many(self, masks: Tensor, void: Tensor | None = None) -> Tensor:
        """Intersection over union of each region with each mask.

        Args:
            masks: (M, H, W) bool.
            void: (H, W) bool, pixels that are ignored.

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

    def subset(self, indices: Tensor | Sequence[int]) -> Proposals:
        """The regions `indices`, which must be ascending so that the best one still comes first."""
        chosen = self._indices(indices)
        return Proposals(self.labels, self.members[chosen], self.scores[chosen])

    def to_arrays(self) -> dict[str, NDArray]:
        """One compressed array, some 100 kB for 2000 regions of an image of 500 x 375; see `from_arrays`."""
        file, parts = io.BytesIO(), (self.labels, self.members, self.scores)
        np.savez_compressed(file, *(part.cpu().numpy() for part in parts))
        return {"npz": np.frombuffer(file.getvalue(), np.uint8)}

    @staticmethod
    def from_arrays(arrays: dict[str, NDArray]) -> Proposals:
        """The proposals of which `to_arrays` made these arrays."""
        with np.load(io.BytesIO(arrays["npz"].tobytes())) as file:
            return Proposals(*(torch.from_numpy(file[name]) for name in ("arr_0", "arr_1", "arr_2")))

    def _check(self, masks: Tensor) -> None:
        if masks.dtype != torch.bool or masks.shape[1:] != self.labels.shape:
            raise ValueError(
                f"masks must be bool {tuple(self.labels.shape)} each, like the image; "
                f"not {tuple(masks.shape[1:])} {masks.dtype}"
            )

    def _indices(self, indices: Tensor | Sequence[int]) -> Tensor:
        return torch.as_tensor(indices, dtype=torch.long, device=self.members.device)

    def _pixels(self, masks: Tensor) -> Tensor:
        """(R, M) the number of pixels of each mask (M, H, W) in each region."""
        dtype = torch.float32 if self.labels.numel() < EXACT else torch.float64
        flat, width = self.labels.flatten(), self.members.shape[1]
        counts = torch.zeros(width, len(masks), dtype=dtype, device=flat.device)
        for column, mask in enumerate(masks.flatten(1)):
            counts[:, column] = flat[mask].bincount(minlength=width)
        return self.members.to(dtype) @ counts


def _corners(labels: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """(2, S) the least x, y of each superpixel, and (2, S) its greatest x, y plus one."""
    height, width = labels.shape
    x = torch.arange(width, device=labels.device).expand(height, width)
    y = torch.arange(height, device=labels.device)[:, None].expand(height, width)
    place = torch.stack([x, y]).flatten(1)  # (2, H * W)
    index = labels.flatten().expand(2, -1)
    low = torch.full((2, count), max(height, width), device=labels.device)
    high = torch.zeros_like(low).scatter_reduce(1, index, place + 1, "amax")
    return low.scatter_reduce(1, index, place, "amin"), high


def _least(members: Tensor, values: Tensor) -> Tensor:
    """(R,) the least of the values (S,) over the superpixels of each region."""
    ascending, order = values.sort()
    ordered = members.cpu().numpy().take(order.cpu().numpy(), axis=1)
    return ascending[ordered.argmax(axis=1)]  # NumPy's argmax stops at the first True of a row


def propose(
    image: Tensor, number: int = 2000, *, strategies: Sequence[Strategy] = FAST, seed: int = 0
) -> Proposals:
    """Region proposals of an image: the nodes of the hierarchies of all strategies, ranked.

    A node ranks by its distance from the top of its tree, times a random number: otherwise the list would
    begin with nothing but the largest regions. We depart from the paper in one thing: the more stable a node
    is, the higher it ranks. A region that several strategies find is listed once.

    Args:
        image: (3, H, W) uint8; or grey, (H, W) or (1, H, W). An image of more than 250 000 pixels is searched
            in a smaller copy, which bounds time and memory; its regions follow outlines less closely.
        number: how many regions at most; a plain image has fewer.
        strategies: FAST, or your own.
        seed: of the random numbers in the ranking.

    Returns:
        The regions, best first; at least one, the whole image or a part of it.

    Raises:
        ValueError: not an image, `number` is below 1, or a strategy is invalid.

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
        raise ValueError(f"number must be at least 1; got {number}")
    image = as_rgb(image)
    trees = list(hierarchies(_bounded(image), strategies))
    scores, owners, nodes = _ranked(trees, number, seed)
    labels, members = _on_common_superpixels(trees, owners, nodes)
    if labels.shape != image.shape[1:]:
        labels = interpolate(labels[None, None].double(), image.shape[1:], mode="nearest")[0, 0].long()
    return Proposals(labels, members, scores)


def cached_proposals(image: Tensor, number: int = 2000, *, seed: int = 0) -> Proposals:
    """`propose`, but what was computed before is read from the disk (see `seglib.cache`)."""
    key = cache.key("region proposals", image, number, seed, code=("seglib.regions",))
    if (arrays := cache.load(key)) is not None:
        return Proposals.from_arrays(arrays)
    proposals = propose(image, number, seed=seed)
    cache.save(key, proposals.to_arrays())
    return proposals


def _bounded(image: Tensor) -> Tensor:
    """The image, or a copy of at most LARGEST pixels."""
    height, width = image.shape[1:]
    factor = min((LARGEST / (height * width)) ** 0.5, 1)
    return shrink(image, (max(int(height * factor), 1), max(int(width * factor), 1)))


def _ranked(trees: Sequence[Hierarchy], number: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """The best nodes of all trees, each region once: scores, index of the tree, node; (R,) each."""
    rng = torch.Generator().manual_seed(seed)
    scores = torch.cat([_scores(tree, rng) for tree in trees])
    owners = torch.cat([torch.full((len(tree),), owner) for owner, tree in enumerate(trees)])
    nodes = torch.cat([torch.arange(len(tree)) for tree in trees])
    order = scores.argsort(descending=True, stable=True)
    first = np.unique(_hashes(trees)[order].numpy(), return_index=True)[1]  # the best of equal regions
    chosen = order[np.sort(first)][:number]
    return scores[chosen], owners[chosen], nodes[chosen]


def _scores(tree: Hierarchy, rng: torch.Generator) -> Tensor:
    """(N,) the stability of each node, divided by its rank from the top of the tree and a random number."""
    rank = torch.arange(len(tree), 0, -1)  # 1 is the whole image
    chance = torch.rand(len(tree), generator=rng).clamp_(min=1e-6)
    return (stability(tree) / (rank * chance)).float()


def stability(tree: Hierarchy) -> Tensor:
    """How much more similar the two parts of each node are than the node is to what it is merged with.

    An object consists of similar parts and differs from its surroundings, so it is stable.

    Args:
        tree: N nodes.

    Returns:
        (N,) float64, at least MIN_STABILITY.
    """
    if not len(tree.merges):
        return torch.ones(1)
    made = torch.cat([tree.similarities.max().expand(len(tree.merges) + 1), tree.similarities])
    merged = torch.zeros(len(tree), dtype=made.dtype)  # the whole image is merged with nothing
    merged[tree.merges] = tree.similarities[:, None].expand(-1, 2)
    return (made - merged).clamp(min=MIN_STABILITY)


def _hashes(trees: Sequence[Hierarchy]) -> Tensor:
    """(N,) int64: the same number for the same set of pixels in whatever tree.

    Each pixel has a random number, and a region their sum; that two regions of an image collide happens once
    in millions of images.
    """
    chance = torch.Generator().manual_seed(0)
    numbers = torch.randint(2**44, (trees[0].labels.numel(),), generator=chance)
    hashes = []
    for tree in trees:
        empty = torch.zeros(len(tree.merges) + 1, dtype=torch.long)
        hashes.append(tree.sums(empty.index_add_(0, tree.labels.flatten(), numbers)))
    return torch.cat(hashes)


def _on_common_superpixels(
    trees: Sequence[Hierarchy], owners: Tensor, nodes: Tensor
) -> tuple[Tensor, Tensor]:
    """Labels (H, W) and members (R, S) of nodes of several trees, on the coarsest superpixels they share."""
    labels = _intersection([tree.labels for tree in trees])
    within = torch.zeros(len(trees), int(labels.max()) + 1, dtype=torch.long)
    for holds, tree in zip(within, trees):
        holds[labels.flatten()] = tree.labels.flatten()  # the tree's superpixel that holds the common one
    parts = [tree.members(nodes[owners == owner]) for owner, tree in enumerate(trees)]
    first, new = _distinguished(parts, within)
    rows = [part.numpy().take(holds[first].numpy(), axis=1) for part, holds in zip(parts, within)]
    members = np.empty((len(nodes), len(first)), bool)
    members[owners.argsort(stable=True).numpy()] = np.concatenate(rows)  # the rows are in the trees' order
    return new[labels], torch.from_numpy(members)


def _intersection(maps: Sequence[Tensor]) -> Tensor:
    """(H, W): two pixels have the same number if they have the same number in every map."""
    common = maps[0]
    for labels in maps[1:]:
        if labels is not maps[0]:
            common = renumber(common * (labels.max() + 1) + labels)
    return common


def _distinguished(parts: Sequence[Tensor], within: Tensor) -> tuple[Tensor, Tensor]:
    """Join superpixels that are in the same regions: the first of each, and (S,) their new numbers.

    Each region has a random number; superpixels are joined if the sums over their regions are equal.

    Args:
        parts: for each tree, (R, S) the superpixels of its regions.
        within: (trees, S) the superpixel of each tree that holds each common one.
    """
    chance, sums = torch.Generator().manual_seed(0), torch.zeros(within.shape[1], dtype=torch.double)
    for part, holds in zip(parts, within):
        numbers = torch.randint(2**40, (len(part),), generator=chance).double()
        sums += (numbers @ part.double())[holds]
    _, first, new = np.unique(sums.numpy(), return_index=True, return_inverse=True)
    return torch.from_numpy(first), torch.from_numpy(new)
