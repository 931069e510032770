"""Selective search with masks: many hierarchies of one image, one ranked list of regions."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from seglib.regions.colours import checked
from seglib.regions.hierarchy import Hierarchy, hierarchies
from seglib.regions.proposals import Proposals
from seglib.regions.strategies import FAST, Strategy
from seglib.regions.superpixels import renumbered

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
