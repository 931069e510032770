"""How a prediction becomes the next round's mask: unchanged, cleaned by three rules, or by BoxSup's regions.

The three rules are those of Khoreva et al., "Simple Does It", 2017, section 3.1, but in another order. Rule 2
has another threshold, and resets a box to the rectangle, not to the mask of the first round.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision.ops import box_area

from seglib.labels import VOID
from seglib.weak.boxes import BoxAnnotations, back_to_front, check
from seglib.weak.candidates import Propose, candidates
from seglib.weak.labels import PseudoLabels
from seglib.weak.meanfield import smooth

RESET = 0.5  # of what a class usually fills of its boxes

#: (image (3, H, W) uint8, probabilities (K, H, W), boxes, number of the next round) -> mask (H, W) uint8
Relabel = Callable[[Tensor, Tensor, BoxAnnotations, int], Tensor]


def naive(image: Tensor, probabilities: Tensor, given: BoxAnnotations, number: int) -> Tensor:
    """The prediction as it is. Such a recursion drifts, since nothing ties it to the boxes.

    Example:
        >>> empty = BoxAnnotations(torch.zeros(0, 4).long(), torch.zeros(0).long())
        >>> naive(torch.zeros(3, 1, 2), torch.tensor([[[0.9, 0.2]], [[0.1, 0.8]]]), empty, 1)
        tensor([[0, 1]], dtype=torch.uint8)
    """
    return probabilities.argmax(dim=0).to(torch.uint8)


@dataclass(frozen=True)
class Rules:
    """The three rules on one image: smooth, remove what is outside the boxes, reset what became too small.

    Smoothing comes first, so that its result stays in the boxes too. Classes without a box are ruled out
    before anything else.

    Attributes:
        fill_rates: share of its box that each of the K classes usually fills, see `fill_rates`.
        threshold: a box is filled again if less than this share of its class's usual fill is left; 0 never
            resets.
        smoothing: whether to apply rule 3, which makes the mask follow the image's edges.
        background: the class of pixels outside all boxes.

    Example:
        >>> image = torch.zeros(3, 1, 4, dtype=torch.uint8)
        >>> predicted = torch.tensor([[[0.1] * 4], [[0.9] * 4]])
        >>> one = BoxAnnotations(torch.tensor([[0, 0, 2, 1]]), torch.tensor([1]))
        >>> Rules(fill_rates=(1, 1), smoothing=False)(image, predicted, one, 1)
        tensor([[1, 1, 0, 0]], dtype=torch.uint8)
    """

    fill_rates: tuple[float, ...]
    threshold: float = RESET
    smoothing: bool = True
    background: int = 0

    def __call__(self, image: Tensor, probabilities: Tensor, given: BoxAnnotations, number: int) -> Tensor:
        """(3, H, W), (K, H, W) -> (H, W) uint8; a BoxError for a box that is not inside the image."""
        inside = after_each_rule(
            image, probabilities, given, smoothing=self.smoothing, background=self.background
        )["inside"]
        return reset_outliers(inside, given, torch.tensor(self.fill_rates), threshold=self.threshold)[0]


@dataclass(frozen=True)
class BoxSup:
    """BoxSup's update: each box gets a region again, this time with the net's loss in the cost.

    Attributes:
        propose: image -> its region proposals.
        best: number of cheapest regions to draw from.
        seed: of the draw; each round draws anew.
        background: the class of pixels outside all boxes.
    """

    propose: Propose
    best: int = 5
    seed: int = 0
    background: int = 0

    def __call__(self, image: Tensor, probabilities: Tensor, given: BoxAnnotations, number: int) -> Tensor:
        """(3, H, W), (K, H, W) -> (H, W) uint8."""
        return candidates(
            image, *given, propose=self.propose, logits=probabilities.clamp_min(1e-12).log(),
            best=self.best, seed=self.seed + number, background=self.background,
        )  # fmt: skip


def after_each_rule(
    image: Tensor,
    probabilities: Tensor,
    given: BoxAnnotations,
    *,
    smoothing: bool = True,
    background: int = 0,
) -> dict[str, Tensor]:
    """The mask after each rule but the last, which resets boxes.

    Args:
        image: (3, H, W) uint8.
        probabilities: (K, H, W) of the net.
        given: the boxes of the image.
        smoothing: whether to apply rule 3.
        background: the class of pixels outside all boxes.

    Returns:
        Masks (H, W) uint8 by name: "net", the prediction; "possible", without the classes that have no box
        here; "smooth", with `smoothing`; "inside".

    Raises:
        BoxError: a box is reversed, empty or outside the image.

    Example:
        >>> net = torch.tensor([[[0.1, 0.1, 0.1]], [[0.7, 0.7, 0.2]], [[0.2, 0.2, 0.7]]])
        >>> one = BoxAnnotations(torch.tensor([[0, 0, 2, 1]]), torch.tensor([1]))
        >>> masks = after_each_rule(torch.zeros(3, 1, 3, dtype=torch.uint8), net, one, smoothing=False)
        >>> {name: mask.tolist() for name, mask in masks.items()}
        {'net': [[1, 1, 2]], 'possible': [[1, 1, 1]], 'inside': [[1, 1, 0]]}
    """
    allowed = torch.zeros(len(probabilities), 1, 1)
    allowed[[background, *given.classes.tolist()]] = 1
    possible = probabilities.cpu() * allowed
    possible = possible / possible.sum(dim=0).clamp_min(1e-12)
    masks = {"net": probabilities.cpu().argmax(dim=0), "possible": possible.argmax(dim=0)}
    if smoothing:
        masks["smooth"] = smooth(image, possible).argmax(dim=0)
    *_, last = masks.values()
    masks["inside"] = keep_inside(last, given, background=background)
    return {name: mask.to(torch.uint8) for name, mask in masks.items()}


def keep_inside(mask: Tensor, given: BoxAnnotations, *, background: int = 0) -> Tensor:
    """Rule 1: a pixel outside all boxes of its class becomes background; an ignored one stays ignored.

    Args:
        mask: (H, W) predicted classes.
        given: the boxes of the image.
        background: the class of pixels outside all boxes.

    Returns:
        (H, W) uint8.

    Example:
        >>> one = BoxAnnotations(torch.tensor([[0, 0, 3, 1]]), torch.tensor([1]))
        >>> keep_inside(torch.tensor([[1, 1, 2]]), one)
        tensor([[1, 1, 0]], dtype=torch.uint8)
    """
    check(given, (mask.shape[0], mask.shape[1]))
    kept = torch.where(mask == VOID, VOID, background).to(torch.uint8)
    for window, index in given.windows():
        kept[window][mask[window] == index] = index
    return kept


def reset_outliers(
    mask: Tensor, given: BoxAnnotations, fill_rates: Tensor, *, threshold: float = RESET
) -> tuple[Tensor, list[int]]:
    """Rule 2: a box of which too little is left is filled again, smaller boxes in front.

    The paper resets below half of the box, to the label of the first round. A perfect mask of a star fills a
    third of its box, so that rule would destroy it. Here the threshold is a share of what the class usually
    fills.

    Args:
        mask: (H, W) classes; an ignored pixel counts as filled.
        given: the boxes of the image.
        fill_rates: (K,) share of its box that each class usually fills; all 1: the paper's rule.
        threshold: reset below this share of the class's fill rate; 0 never resets.

    Returns:
        (H, W) uint8, and the indices of the boxes that were filled again.

    Example:
        >>> one = BoxAnnotations(torch.tensor([[0, 0, 4, 1]]), torch.tensor([1]))
        >>> mask = torch.tensor([[1, 0, 0, 0]])
        >>> reset_outliers(mask, one, torch.tensor([1.0, 1.0]))[0].tolist()
        [[1, 1, 1, 1]]
        >>> reset_outliers(mask, one, torch.tensor([1.0, 0.3]))[0].tolist()
        [[1, 0, 0, 0]]
    """
    if threshold < 0:
        raise ValueError(f"threshold must be at least 0, not {threshold}; 0 never resets a box")
    windows, areas = given.windows(), box_area(given.boxes)
    limits = [threshold * float(fill_rates[index]) for _, index in windows]
    low = [number for number, rate in enumerate(box_fill_rates(mask, given)) if rate < limits[number]]
    result = mask.to(torch.uint8).clone()
    for number in [number for number in back_to_front(given.boxes) if number in low]:
        front = torch.zeros(result.shape, dtype=torch.bool)  # the pixels of smaller boxes' objects stay
        for (window, index), area in zip(windows, areas):
            if area < areas[number]:
                front[window] |= mask[window] == index
        window, index = windows[number]
        result[window][~front[window]] = index
    return result, low


def box_fill_rates(mask: Tensor, given: BoxAnnotations) -> list[float]:
    """The share of each box that its class fills in a mask (H, W); an ignored pixel counts as filled."""
    check(given, (mask.shape[0], mask.shape[1]))
    pixels = [(mask[window], index) for window, index in given.windows()]
    return [float(((here == index) | (here == VOID)).float().mean()) for here, index in pixels]


def fill_rates(labels: PseudoLabels, *, few: int = 5) -> Tensor:
    """The share of its box that each class usually fills: the median over all of its boxes.

    Read it from masks that follow shapes, such as GrabCut+'s, or from a few true masks; for rectangles it
    is 1, and rule 2 is the paper's.

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
    found: list[list[float]] = [[] for _ in labels.classes]
    for number, given in enumerate(labels.boxes):
        for rate, index in zip(box_fill_rates(labels.mask(number), given), given.classes.tolist()):
            found[index].append(rate)
    return torch.tensor(
        [float(torch.tensor(rates).median()) if len(rates) >= few else 1.0 for rates in found]
    )
