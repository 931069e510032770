"""Three rules that turn what a net predicted into the next round's labels (Khoreva 2017, section 3.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seglib.labels import VOID
from seglib.weak.boxes import BoxAnnotations, Size, back_to_front, check
from seglib.weak.candidates import Propose, candidates
from seglib.weak.labels import PseudoLabels
from seglib.weak.meanfield import smooth

RESET = 0.5  # of what a class usually fills of its boxes


def keep_inside(mask: Tensor, one: BoxAnnotations, *, background: int = 0) -> Tensor:
    """Rule 1: a pixel in no box of its class becomes background.

    Args:
        mask: (H, W) predicted classes.
        one: the boxes of the image.
        background: the class of what is in no box.

    Returns:
        (H, W) uint8. An ignored pixel stays ignored.

    Example:
        >>> one = BoxAnnotations(torch.tensor([[0, 0, 3, 1]]), torch.tensor([1]))
        >>> keep_inside(torch.tensor([[1, 1, 2]]), one)
        tensor([[1, 1, 0]], dtype=torch.uint8)
    """
    size = (mask.shape[0], mask.shape[1])
    check(one, size)
    kept = torch.where(mask == VOID, VOID, background).to(torch.uint8)
    for (x1, y1, x2, y2), index in zip(one.boxes.tolist(), one.classes.tolist()):
        place, here = kept[y1:y2, x1:x2], mask[y1:y2, x1:x2] == index
        place[here] = index
    return kept


def reset_outliers(
    mask: Tensor, one: BoxAnnotations, usual: Tensor, *, threshold: float = RESET
) -> tuple[Tensor, list[int]]:
    """Rule 2: a box of which too little is left is filled again, the smaller box in front.

    The paper resets below half of the box. A star fills a third of its box when its mask is perfect, so there
    that rule destroys what it should keep: here the threshold is a share of what the class usually fills.

    Args:
        mask: (H, W) classes; an ignored pixel counts as filled.
        one: the boxes of the image.
        usual: (K,) what share of its box each class fills, see `fill_rates`; all 1: the paper's rule.
        threshold: reset below this share of the usual; 0 never does.

    Returns:
        (H, W) uint8, and the numbers of the boxes that were filled again.

    Example:
        >>> one = BoxAnnotations(torch.tensor([[0, 0, 4, 1]]), torch.tensor([1]))
        >>> mask = torch.tensor([[1, 0, 0, 0]])
        >>> reset_outliers(mask, one, torch.tensor([1.0, 1.0]))[0].tolist()
        [[1, 1, 1, 1]]
        >>> reset_outliers(mask, one, torch.tensor([1.0, 0.3]))[0].tolist()
        [[1, 0, 0, 0]]
    """
    if threshold < 0:
        raise ValueError(f"threshold {threshold} must be 0 or more; 0 never resets a box")
    rates = box_fill_rates(mask, one)
    low = [
        number
        for number, index in enumerate(one.classes.tolist())
        if rates[number] < threshold * float(usual[index])
    ]
    result = mask.to(torch.uint8).clone()
    for number in [number for number in back_to_front(one.boxes) if number in low]:
        x1, y1, x2, y2 = one.boxes[number].tolist()
        front = torch.zeros(result.shape, dtype=torch.bool)  # what smaller boxes say stays
        area = (x2 - x1) * (y2 - y1)
        for other, (a1, b1, a2, b2) in enumerate(one.boxes.tolist()):
            if other != number and (a2 - a1) * (b2 - b1) < area:
                front[b1:b2, a1:a2] |= mask[b1:b2, a1:a2] == int(one.classes[other])
        result[y1:y2, x1:x2][~front[y1:y2, x1:x2]] = int(one.classes[number])
    return result, low


def smoothed(image: Tensor, probabilities: Tensor) -> Tensor:
    """Rule 3: (K, H, W) probabilities -> (H, W) uint8 classes that follow the image's edges.

    Args:
        image: (3, H, W) uint8.
        probabilities: (K, H, W).
    """
    return smooth(image, probabilities).argmax(dim=0).to(torch.uint8)


def clean(
    image: Tensor,
    probabilities: Tensor,
    one: BoxAnnotations,
    usual: Tensor,
    *,
    threshold: float = RESET,
    smoothing: bool = True,
    background: int = 0,
) -> Tensor:
    """All three rules on one image: smooth, keep what is inside, reset what became too small.

    Smoothing comes first, so that its result too stays in the boxes. A class without a box is out of the
    question before anything else.

    Args:
        image: (3, H, W) uint8.
        probabilities: (K, H, W) what the net says.
        one: the boxes of the image.
        usual: (K,) see `fill_rates`.
        threshold: see `reset_outliers`.
        smoothing: whether to apply rule 3.
        background: the class of what is in no box.

    Returns:
        (H, W) uint8, the label for the next round.

    Raises:
        BoxError: a box is reversed, empty or outside of the image.
    """
    *_, inside = after_each_rule(
        image, probabilities, one, smoothing=smoothing, background=background
    ).values()
    return reset_outliers(inside, one, usual, threshold=threshold)[0]


def after_each_rule(
    image: Tensor, probabilities: Tensor, one: BoxAnnotations, *, smoothing: bool = True, background: int = 0
) -> dict[str, Tensor]:
    """What the rules make of a prediction, one after the other, up to where a box may be reset.

    Args:
        image: (3, H, W) uint8.
        probabilities: (K, H, W) what the net says.
        one: the boxes of the image.
        smoothing: whether to apply rule 3.
        background: the class of what is in no box.

    Returns:
        Labels (H, W) uint8 by name: "net", what the net says; "possible", without the classes that have no
        box here; "smooth", unless it is not wanted; "inside".

    Raises:
        BoxError: a box is reversed, empty or outside of the image.

    Example:
        >>> net = torch.tensor([[[0.1, 0.1, 0.1]], [[0.7, 0.7, 0.2]], [[0.2, 0.2, 0.7]]])
        >>> one = BoxAnnotations(torch.tensor([[0, 0, 2, 1]]), torch.tensor([1]))
        >>> labels = after_each_rule(torch.zeros(3, 1, 3, dtype=torch.uint8), net, one, smoothing=False)
        >>> {name: label.tolist() for name, label in labels.items()}
        {'net': [[1, 1, 2]], 'possible': [[1, 1, 1]], 'inside': [[1, 1, 0]]}
    """
    allowed = torch.zeros(len(probabilities), 1, 1)
    allowed[[background, *one.classes.tolist()]] = 1
    possible = probabilities.cpu() * allowed
    possible = possible / possible.sum(dim=0).clamp_min(1e-12)
    labels = {"net": probabilities.cpu().argmax(dim=0), "possible": possible.argmax(dim=0)}
    if smoothing:
        labels["smooth"] = smoothed(image, possible)
    *_, pred = labels.values()
    labels["inside"] = keep_inside(pred, one, background=background)
    return {name: label.to(torch.uint8) for name, label in labels.items()}


def box_fill_rates(mask: Tensor, one: BoxAnnotations) -> list[float]:
    """What share of each box its class fills in a mask; an ignored pixel counts as filled."""
    size: Size = (mask.shape[0], mask.shape[1])
    check(one, size)
    rates = []
    for (x1, y1, x2, y2), index in zip(one.boxes.tolist(), one.classes.tolist()):
        here = mask[y1:y2, x1:x2]
        rates.append(float(((here == index) | (here == VOID)).float().mean()))
    return rates


def fill_rates(labels: PseudoLabels, *, few: int = 5) -> Tensor:
    """What share of its box each class usually fills: the median over all of its boxes.

    It is read from labels that follow shapes, GrabCut+ for instance, or from a few true masks; from
    rectangles it is 1, and the rule is the paper's.

    Args:
        labels: masks with boxes.
        few: a class with fewer boxes than this gets 1, the paper's rule.

    Returns:
        (K,) float32 in 0..1.

    Example:
        >>> from seglib.scenes import Scenes
        >>> from seglib.weak.schemes import pseudo_labels
        >>> fill_rates(pseudo_labels(Scenes(length=2), "rectangles")).min() > 0.9
        tensor(True)
    """
    found: Sequence[list[float]] = [[] for _ in labels.classes]
    for index, one in enumerate(labels.boxes):
        for rate, number in zip(box_fill_rates(labels.mask(index), one), one.classes.tolist()):
            found[number].append(rate)
    medians = [float(torch.tensor(rates).median()) if len(rates) >= few else 1.0 for rates in found]
    return torch.tensor(medians)


# What becomes the next round's label: what the net says, what the rules leave of it, or BoxSup's regions.

#: (image (3, H, W) uint8, probabilities (K, H, W), boxes, number of the next round) -> mask (H, W) uint8
Relabel = Callable[[Tensor, Tensor, BoxAnnotations, int], Tensor]


def naive(image: Tensor, probabilities: Tensor, one: BoxAnnotations, number: int) -> Tensor:
    """What the net says, as it is: the recursion that drifts, since nothing holds it to the boxes.

    Example:
        >>> one = BoxAnnotations(torch.zeros(0, 4).long(), torch.zeros(0).long())
        >>> naive(torch.zeros(3, 1, 2), torch.tensor([[[0.9, 0.2]], [[0.1, 0.8]]]), one, 1)
        tensor([[0, 1]], dtype=torch.uint8)
    """
    return probabilities.argmax(dim=0).to(torch.uint8)


@dataclass(frozen=True)
class Rules:
    """The three cleaning rules of "Simple Does It", see `seglib.weak.cleaning.clean`.

    Attributes:
        usual: what share of its box each of the K classes box_fill_rates, see `fill_rates`.
        threshold: a box of which less than this share of the usual is left is filled again; 0: none ever is.
        smoothing: whether the label follows the image's edges.
        background: the class of what is in no box.

    Example:
        >>> image = torch.zeros(3, 1, 4, dtype=torch.uint8)
        >>> net_says = torch.tensor([[[0.1] * 4], [[0.9] * 4]])
        >>> one = BoxAnnotations(torch.tensor([[0, 0, 2, 1]]), torch.tensor([1]))
        >>> Rules(usual=(1, 1), smoothing=False)(image, net_says, one, 1)
        tensor([[1, 1, 0, 0]], dtype=torch.uint8)
    """

    usual: tuple[float, ...]
    threshold: float = RESET
    smoothing: bool = True
    background: int = 0

    def __call__(self, image: Tensor, probabilities: Tensor, one: BoxAnnotations, number: int) -> Tensor:
        """(3, H, W), (K, H, W) -> (H, W) uint8."""
        return clean(
            image, probabilities, one, torch.tensor(self.usual), threshold=self.threshold,
            smoothing=self.smoothing, background=self.background,
        )  # fmt: skip


@dataclass(frozen=True)
class BoxSup:
    """BoxSup's update: each box is given a region again, now that a net says what each region would cost.

    Attributes:
        propose: image -> its region proposals.
        weight: of the net's loss, see `seglib.weak.candidates.candidates`.
        best: how many of the cheapest to draw from.
        seed: of the draw; each round draws anew.
        background: the class of what is in no box.
    """

    propose: Propose
    weight: float = 3.0
    best: int = 5
    seed: int = 0
    background: int = 0

    def __call__(self, image: Tensor, probabilities: Tensor, one: BoxAnnotations, number: int) -> Tensor:
        """(3, H, W), (K, H, W) -> (H, W) uint8."""
        return candidates(
            image, *one, propose=self.propose, logits=probabilities.clamp_min(1e-12).log(),
            weight=self.weight, best=self.best, seed=self.seed + number, background=self.background,
        )  # fmt: skip
