"""Everything the explorer can show, found out once: best regions at every number, scores, the paste order."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from seglib.data.dataset import Instances
from seglib.labels import Classes
from seglib.regions.grouping import Hierarchy
from seglib.regions.proposals import Proposals
from seglib.regions.segmenter import paint, select_regions
from seglib.widgets.proposals.given import fitted, object_names, region_scores
from seglib.widgets.proposals.stops import counts_down, numbers_up


@dataclass(frozen=True)
class Facts:
    """What is known of one image. N regions are ever on show, of R that were proposed.

    Attributes:
        image: (3, H, W) uint8.
        tree: the grouping of the first view.
        counts: the stops of its slider: how many regions are left, from all superpixels down to 1.
        regions: the N regions that some state shows, best-ranked first.
        ranks: (N,) int64, their places among all R, from 0.
        total: R.
        objects: the M objects.
        names: what they are called.
        numbers: the stops of the slider for the number of proposals, T of them.
        last: (T,) int64, for each stop the last region that is looked at; a place among the N.
        best: (T, M) int64, for each stop and object the region that fits it best.
        overlaps: (T, M) float32, its IoU.
        picked: (P,) int64, the regions that are pasted, lowest score first.
        scores: (N, K) float32, or None.
        classes: names and colours, or None.
        rest: the class of pixels in no pasted region.
        side: pixels of a side of the crops that go into the net.
    """

    image: Tensor
    tree: Hierarchy
    counts: tuple[int, ...]
    regions: Proposals
    ranks: Tensor
    total: int
    objects: Instances
    names: tuple[str, ...]
    numbers: tuple[int, ...]
    last: Tensor
    best: Tensor
    overlaps: Tensor
    picked: Tensor
    scores: Tensor | None
    classes: Classes | None
    rest: int
    side: int

    @cached_property
    def ids(self) -> Tensor:
        """(H, W) int64: 0 where there is no object, else its number from 1; the later of two that overlap."""
        ids = torch.zeros(self.image.shape[1:], dtype=torch.long)
        for number, mask in enumerate(self.objects.masks, start=1):
            ids[mask] = number
        return ids

    def pasted(self, painted: int) -> Tensor:
        """(H, W) int64, the mask when so many regions are pasted, 0 to P."""
        scores = torch.zeros(len(self.regions), 1) if self.scores is None else self.scores
        return paint(self.regions, scores, self.picked[:painted], self.rest)

    @property
    def kinds(self) -> list[int]:
        """The class in which each picked region is pasted."""
        return [] if self.scores is None else self.scores[self.picked].argmax(dim=1).tolist()


def gather(
    image: Tensor,
    proposals: Proposals | None,
    instances: Instances | None,
    classes: Classes | None,
    tree: Hierarchy | None,
    scores: Tensor | None,
    *,
    threshold: float,
    rest: int | None,
    side: int,
) -> Facts:
    """Find out everything; arguments as those of `ProposalExplorer`."""
    image, proposals, objects, tree = fitted(image, proposals, instances, tree)
    names = object_names(objects, classes)
    found = region_scores(scores, len(proposals), classes)
    numbers = numbers_up(len(proposals))
    best, overlaps = best_at(proposals.overlaps_many(objects.masks), numbers)
    last = torch.tensor(numbers) - 1
    picked = torch.zeros(0, dtype=torch.long)
    if found is not None:
        picked = select_regions(proposals, found, threshold=threshold)
    shown = torch.cat([best.flatten(), last, picked]).unique()
    if rest is None:
        rest = 0 if classes is None else classes.background or 0
    return Facts(
        image=image,
        tree=tree,
        counts=counts_down(len(tree.merges) + 1),
        regions=proposals.subset(shown),
        ranks=shown,
        total=len(proposals),
        objects=objects,
        names=names,
        numbers=numbers,
        last=torch.searchsorted(shown, last),
        best=torch.searchsorted(shown, best),
        overlaps=overlaps,
        picked=torch.searchsorted(shown, picked),
        scores=None if found is None else found[shown],
        classes=classes,
        rest=rest,
        side=side,
    )


def best_at(overlaps: Tensor, numbers: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Which of the first 1, 2, ... proposals fits each object best.

    Args:
        overlaps: (R, M) IoU of every proposal with every object.
        numbers: T ascending numbers of proposals, 1..R.

    Returns:
        (T, M) int64 the best region, of equal ones the first; (T, M) float32 its IoU.

    Example:
        >>> best_at(torch.tensor([[0.2], [0.6], [0.6]]), (1, 3))
        (tensor([[0],
                [1]]), tensor([[0.2000],
                [0.6000]]))
    """
    best = torch.stack([overlaps[:number].argmax(dim=0) for number in numbers])
    return best, overlaps.gather(0, best)
