"""The cheapest way to divide a grid of pixels in two: a minimum cut."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import breadth_first_order, maximum_flow

Costs = NDArray[np.floating]
Marks = NDArray[np.bool_]
UNIT = 100  # the flow is counted in whole hundredths of a cost


def minimum_cut(
    object_cost: Costs, background_cost: Costs, right: Costs, down: Costs, start: Marks, free: Marks
) -> Marks:
    """Which pixels are object, so that the costs of all pixels and of all cut neighbours sum to the least.

    Args:
        object_cost: (H, W) what it costs to call a pixel object.
        background_cost: (H, W) what it costs to call it background.
        right: (H, W - 1), at least 0, what it costs to divide a pixel from its right neighbour.
        down: (H - 1, W), the same for the neighbour below.
        start: (H, W) which pixels are object already; it is believed where `free` is false.
        free: (H, W) which pixels are to be decided. The fewer, the faster.

    Returns:
        (H, W) bool, true for object.

    Reference:
        Boykov, Jolly, "Interactive Graph Cuts for Optimal Boundary and Region Segmentation", 2001.

    Example:
        >>> own = np.array([[0.0, 2.0, 2.0]])  # alone, only the first pixel would be object
        >>> cut = minimum_cut(own, 3 - own, np.array([[9.0, 0.0]]), np.zeros((0, 3)), own < 0, own < 9)
        >>> cut  # parting it from the second would cost 9
        array([[ True,  True, False]])
    """
    if not free.any():
        return start.copy()
    number = np.cumsum(free.ravel()).reshape(free.shape) - 1  # of every free pixel
    gain = (background_cost - object_cost).astype(np.float64)  # > 0: rather object
    links: list[tuple[NDArray, ...]] = []
    for first, second, cost in (
        ((slice(None), slice(None, -1)), (slice(None), slice(1, None)), right),
        ((slice(None, -1), slice(None)), (slice(1, None), slice(None)), down),
    ):
        both = free[first] & free[second]
        links.append((number[first][both], number[second][both], cost[both]))
        gain[first] += np.where(free[second], 0, np.where(start[second], cost, -cost))
        gain[second] += np.where(free[first], 0, np.where(start[first], cost, -cost))
    result = start.copy()
    result[free] = _object_side(gain[free], *(np.concatenate(part) for part in zip(*links)))
    return result


def _object_side(gain: Costs, one: NDArray, other: NDArray, cost: Costs) -> Marks:
    """(N,) bool: which nodes stay with the source, given what each gains there and the links' costs."""
    count = len(gain)
    source, sink, nodes = count, count + 1, np.arange(count)
    tails = np.concatenate([np.full(count, source), nodes, one, other])
    heads = np.concatenate([nodes, np.full(count, sink), other, one])
    costs = np.concatenate([gain.clip(0), (-gain).clip(0), cost, cost])
    capacity = np.minimum(costs * UNIT, 1e7).round().astype(np.int32)
    graph = sparse.csr_array((capacity, (tails, heads)), shape=(count + 2, count + 2))
    rest = graph - maximum_flow(sparse.csr_matrix(graph), source, sink).flow
    rest.eliminate_zeros()
    reached = np.zeros(count + 2, bool)
    reached[breadth_first_order(rest, source, return_predecessors=False)] = True
    return reached[:count]
