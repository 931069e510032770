"""Region proposals by selective search, from many hierarchies of one image; and how good they are."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from skimage.measure import label
from torch import Tensor
from torch.nn.functional import interpolate

from seglib import cache
from seglib.data.dataset import Instances
from seglib.labels import VOID
from seglib.regions.grouping import FAST, Hierarchy, Strategy, hierarchies
from seglib.regions.superpixels import as_rgb, corners, renumber, shrink

LARGEST = 500 * 500  # pixels; a larger image is searched at this size
MIN_SHARE = 0.0005  # of the image: a true region with fewer pixels shows a net nothing to learn from
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
        low, high, last = int(labels.min()), int(labels.max()), members.shape[1] - 1
        if low < 0 or high > last:
            raise ValueError(f"labels must be 0..{last}, the columns of members; they are {low}..{high}")
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
        rows = self.members.cpu().numpy()
        low, high = corners(self.labels.cpu().numpy(), rows.shape[1])
        x1_y1 = [_least(rows, side) for side in low.T[::-1]]
        x2_y2 = [-_least(rows, -side) for side in high.T[::-1]]
        return torch.from_numpy(np.stack(x1_y1 + x2_y2, axis=1)).to(self.members.device)

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
        self._check(masks)
        areas = self.areas
        if void is not None:
            self._check(void[None])
            masks, areas = masks & ~void, self._pixels(~void[None])[:, 0]
        shared = self._pixels(masks)  # (R, M)
        union = areas[:, None] + masks.flatten(1).sum(dim=1) - shared
        return (shared / union.clamp(min=1)).float()

    def subset(self, indices: Tensor | Sequence[int]) -> Self:
        """The regions `indices`, which must be ascending so that the best one still comes first."""
        chosen = self._indices(indices)
        return type(self)(self.labels, self.members[chosen], self.scores[chosen])

    def _check(self, masks: Tensor) -> None:
        size, found = tuple(self.labels.shape), tuple(masks.shape[1:])
        if masks.dtype != torch.bool or found != size:
            raise ValueError(f"masks must be bool {size} each, like the image; not {found} {masks.dtype}")

    def _indices(self, indices: Tensor | Sequence[int]) -> Tensor:
        return torch.as_tensor(indices, dtype=torch.long, device=self.members.device)

    def _pixels(self, masks: Tensor) -> Tensor:
        """(R, M) the number of pixels of each mask (M, H, W) in each region."""
        flat, width = self.labels.flatten(), self.members.shape[1]
        counts = torch.zeros(width, len(masks), dtype=torch.double, device=flat.device)
        for column, mask in enumerate(masks.flatten(1)):
            counts[:, column] = flat[mask].bincount(minlength=width)
        return self.members.double() @ counts


def _least(members: NDArray[np.bool_], values: NDArray[np.int64]) -> NDArray[np.int64]:
    """(R,) the least of the values (S,) over the superpixels of each region."""
    order = values.argsort()
    first = members.take(order, axis=1).argmax(axis=1)  # which stops at the first True of a row
    return values[order[first]]


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
        number: the most regions to return; a uniform image has fewer.
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
    height, width = image.shape[1:]
    factor = min((LARGEST / (height * width)) ** 0.5, 1)
    small = shrink(image, (max(int(height * factor), 1), max(int(width * factor), 1)))
    trees = list(hierarchies(small, strategies))
    scores, owners, nodes = _ranked(trees, number, seed)
    labels, members = _common_superpixels(trees, owners, nodes)
    if labels.shape != (height, width):
        labels = interpolate(labels[None, None].double(), (height, width), mode="nearest")[0, 0].long()
    return Proposals(labels, members, scores)


def cached_proposals(image: Tensor, number: int = 2000, *, seed: int = 0) -> Proposals:
    """`propose`, but what was computed before is read from the disk (see `seglib.cache`).

    An entry is compressed: some 100 kB for 2000 regions of an image of 500 x 375.
    """
    key = cache.key("region proposals", image, number, seed, code=("seglib.regions",))
    if arrays := cache.load(key):
        with np.load(io.BytesIO(arrays["npz"].tobytes())) as saved:
            return Proposals(*(torch.from_numpy(saved[name]) for name in ("arr_0", "arr_1", "arr_2")))
    proposals, file = propose(image, number, seed=seed), io.BytesIO()
    np.savez_compressed(file, proposals.labels, proposals.members, proposals.scores)
    cache.save(key, {"npz": np.frombuffer(file.getvalue(), np.uint8)})
    return proposals


def _ranked(trees: Sequence[Hierarchy], number: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """The best nodes of all trees, each region once: scores, index of the tree, node; (R,) each."""
    rng = torch.Generator().manual_seed(seed)
    scores = torch.cat([_scores(tree, rng) for tree in trees])
    owners = torch.arange(len(trees)).repeat_interleave(torch.tensor([len(tree) for tree in trees]))
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


def _common_superpixels(trees: Sequence[Hierarchy], owners: Tensor, nodes: Tensor) -> tuple[Tensor, Tensor]:
    """Labels (H, W) and members (R, S) of nodes of several trees, on the coarsest superpixels they share.

    Each node has a random number; superpixels are joined if the sums over the nodes they are in are equal.
    """
    labels = trees[0].labels
    for before, tree in pairwise(trees):
        if tree.labels is not before.labels:  # the intersection: equal where all maps so far are equal
            labels = renumber(labels * (len(tree.merges) + 1) + tree.labels)
    chance, sums = torch.Generator().manual_seed(0), torch.zeros(int(labels.max()) + 1, dtype=torch.double)
    parts = []
    for owner, tree in enumerate(trees):
        within = torch.zeros(len(sums), dtype=torch.long)  # the tree's superpixel that holds each common one
        within[labels.flatten()] = tree.labels.flatten()
        part = tree.members(nodes[owners == owner])
        numbers = torch.randint(2**40, (len(part),), generator=chance).double()
        sums += (numbers @ part.double())[within]
        parts.append((part.numpy(), within.numpy()))
    _, first, new = np.unique(sums.numpy(), return_index=True, return_inverse=True)
    members = np.empty((len(nodes), len(first)), bool)
    for owner, (rows, columns) in enumerate(parts):
        members[(owners == owner).numpy()] = rows.take(columns[first], axis=1)
    return torch.from_numpy(new)[labels], torch.from_numpy(members)


def pieces(mask: Tensor, background: int | None = 0) -> Tensor:
    """Number the connected pieces of every class; pixels that touch at a corner are connected.

    Args:
        mask: (H, W) class indices, 255 for void, or bool.
        background: the class that has no pieces; None if every class has.

    Returns:
        (H, W) int64, 1, 2, ... for the pieces, 0 for void and background.

    Example:
        >>> pieces(torch.tensor([[1, 0, 2], [0, 1, 0], [255, 0, 1]]))
        tensor([[1, 0, 2],
                [0, 1, 0],
                [0, 0, 1]])
    """
    kinds = mask.as_subclass(Tensor).numpy().astype(np.int64)
    kinds[(kinds == VOID) | (kinds == background)] = -1
    return torch.from_numpy(label(kinds, background=-1, connectivity=2).astype(np.int64))


def true_regions(
    mask: Tensor, instances: Instances | None = None, *, background: int | None = 0
) -> tuple[Proposals, Tensor]:
    """The objects of an image as regions; without instances, the connected components of each class.

    Args:
        mask: (H, W) class indices, 255 for void.
        instances: the objects, where they are known.
        background: the class that is not an object; None if every class is one.

    Returns:
        G regions whose superpixels are the regions themselves, and superpixel 0 for the remaining pixels; and
        (G,) int64 their classes. Regions with less than 0.05 % of the pixels are left out.

    Example:
        >>> regions, classes = true_regions(torch.tensor([[1, 1, 0, 1], [1, 1, 0, 255]]))
        >>> regions.labels, classes
        (tensor([[1, 1, 0, 2],
                [1, 1, 0, 0]]), tensor([1, 1]))
    """
    if instances is None:
        ids = pieces(mask, background).numpy()
    else:
        ids = np.zeros(mask.shape, np.int64)
        for index, shape in enumerate(instances.masks, start=1):
            ids[shape.numpy()] = index  # where two overlap, the later one is in front
    values, first, counts = np.unique(ids, return_index=True, return_counts=True)
    keep = (values > 0) & (counts >= MIN_SHARE * mask.numel())
    regions, pixels = torch.from_numpy(values[keep]), torch.from_numpy(first[keep])
    classes = mask.flatten()[pixels] if instances is None else instances.classes[regions - 1]
    table = torch.zeros(int(ids.max()) + 1, dtype=torch.long)  # from an id to a superpixel
    table[regions] = torch.arange(1, len(regions) + 1)
    members = torch.eye(len(regions) + 1, dtype=torch.bool)[1:]
    return Proposals(table[ids], members, torch.zeros(len(regions))), classes.long()


def overlap_by_number(overlaps: Tensor) -> Tensor:
    """The best overlap with each object among only the first 1, 2, ... R proposals.

    Its last row is the best overlap of all, the average of which `mabo` takes.

    Args:
        overlaps: (R, M) of each proposal with each object, the best-ranked proposal first.

    Returns:
        (R, M), which never falls.

    Example:
        >>> overlap_by_number(torch.tensor([[0.2, 0.5], [0.6, 0.1]]))
        tensor([[0.2000, 0.5000],
                [0.6000, 0.5000]])
    """
    return overlaps.cummax(dim=0).values


def mabo(best: Tensor, classes: Tensor) -> float:
    """Mean average best overlap (Uijlings et al., 2013): the mean within each class, then over the classes.

    Args:
        best: (M,) best overlap of each object; at least one.
        classes: (M,) the class of each object.

    Example:
        >>> mabo(torch.tensor([0.4, 0.6, 1.0]), torch.tensor([1, 1, 7]))
        0.75
    """
    return float(torch.stack([best[classes == index].mean() for index in classes.unique()]).mean())


def recall(best: Tensor, threshold: float = 0.5) -> float:
    """The share of objects that a proposal matches.

    Args:
        best: (M,) best overlap of each object; at least one.
        threshold: the least overlap that counts as a match.

    Raises:
        ValueError: there are no objects, or the threshold is not in 0..1.

    Example:
        >>> recall(torch.tensor([0.8, 0.5, 0.3]), 0.5)
        0.6666666666666666
    """
    if not len(best):
        raise ValueError("best is empty; the recall of no objects is undefined")
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold must be an overlap in 0..1; got {threshold}")
    return int((best >= threshold).sum()) / len(best)


def oracle_paste(
    proposals: Proposals, instances: Instances, *, background: int = 0, void: Tensor | None = None
) -> Tensor:
    """Paste for each object the region that overlaps it most: what a perfect classifier would do.

    Its score bounds methods that find each object as one region, but not strictly: it takes the highest IoU
    of each object by itself, and the mask with the highest mean IoU may consist of other regions.

    Args:
        proposals: regions of an image.
        instances: its objects, with their classes.
        background: the class of pixels in no region.
        void: (H, W) bool, pixels that are ignored when overlaps are compared.

    Returns:
        (H, W) uint8 class indices; where regions overlap, the one that fits its object better is in front.
    """
    mask = torch.full(proposals.labels.shape, background, dtype=torch.uint8)
    if not (len(instances) and len(proposals)):
        return mask
    overlap, region = proposals.overlaps_many(instances.masks, void).max(dim=0)
    for index in overlap.argsort(stable=True).tolist():
        if overlap[index] > 0:
            mask[proposals.masks(region[index : index + 1])[0]] = instances.classes[index].byte()
    return mask
