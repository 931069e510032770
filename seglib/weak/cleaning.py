"""How a prediction becomes the next round's mask: unchanged, cleaned by three rules, or by BoxSup's regions.

The three rules are those of Khoreva et al., "Simple Does It", 2017, section 3.1, in its order. Departures:

* A class that has no box in the image is ruled out before the first rule.
* Rule 1 asks for a box of the pixel's own class. Rule 3 cannot undo it: nothing leaves the boxes.
* Rule 2 compares with what a class usually fills of its boxes; fill rates of 1 are the paper's rule.
* Rule 3 filters the labels that rules 1 and 2 leave, and takes those that they set as `SURE`; how the paper
  joins them with the net's probabilities is not said. See `mean_field` for how its CRF is solved.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import box_area

from seglib.labels import VOID
from seglib.weak.boxes import BoxAnnotations, check
from seglib.weak.labels import PseudoLabels
from seglib.weak.schemes import Propose, candidates

RESET = 0.5  # of what a class usually fills of its boxes
SURE = 0.9  # for rule 3, the probability of a label that rule 1 or 2 has set
PIXELS = 4000  # the kernel of place and colour compares all pairs of pixels of an image of at most this size
NEAR, FAR = 3.0, 80.0  # pixels, reach of the kernel of place alone, and of that of place and colour
COLOUR = 13.0  # colour distance, on a scale of 0..255, reach of the kernel in colour
NEAR_WEIGHT, FAR_WEIGHT = 3.0, 10.0

#: (image (3, H, W) uint8, probabilities (K, H, W), boxes, number of the next round, its label of the first
#: round (H, W) uint8) -> mask (H, W) uint8
Relabel = Callable[[Tensor, Tensor, BoxAnnotations, int, Tensor], Tensor]


def naive(
    image: Tensor, probabilities: Tensor, given: BoxAnnotations, number: int, initial: Tensor
) -> Tensor:
    """The prediction as it is. Such a recursion drifts, since nothing ties it to the boxes.

    Example:
        >>> empty = BoxAnnotations(torch.zeros(0, 4).long(), torch.zeros(0).long())
        >>> image, net = torch.zeros(3, 1, 2), torch.tensor([[[0.9, 0.2]], [[0.1, 0.8]]])
        >>> naive(image, net, empty, 1, torch.zeros(1, 2))
        tensor([[0, 1]], dtype=torch.uint8)
    """
    return probabilities.argmax(dim=0).to(torch.uint8)


@dataclass(frozen=True)
class Rules:
    """The three rules on one image: remove what is outside the boxes, reset what became too small, smooth.

    Attributes:
        fill_rates: share of its box that each of the K classes usually fills, see `fill_rates`.
        threshold: a box is reset if less than this share of its class's usual fill is left; 0 never resets.
        smoothing: whether to apply rule 3, which makes the mask follow the image's edges.
        background: the class of pixels outside all boxes.

    Example:
        >>> image = torch.zeros(3, 1, 4, dtype=torch.uint8)
        >>> predicted = torch.tensor([[[0.1] * 4], [[0.9] * 4]])
        >>> one = BoxAnnotations(torch.tensor([[0, 0, 2, 1]]), torch.tensor([1]))
        >>> first = torch.tensor([[1, 1, 0, 0]], dtype=torch.uint8)
        >>> Rules(fill_rates=(1, 1), smoothing=False)(image, predicted, one, 1, first)
        tensor([[1, 1, 0, 0]], dtype=torch.uint8)
    """

    fill_rates: tuple[float, ...]
    threshold: float = RESET
    smoothing: bool = True
    background: int = 0

    def __call__(
        self, image: Tensor, probabilities: Tensor, given: BoxAnnotations, number: int, initial: Tensor
    ) -> Tensor:
        """(3, H, W), (K, H, W) -> (H, W) uint8; a BoxError for a box that is not inside the image."""
        *_, last = self.after_each(image, probabilities, given, initial).values()
        return last

    def after_each(
        self, image: Tensor, probabilities: Tensor, given: BoxAnnotations, initial: Tensor
    ) -> dict[str, Tensor]:
        """The mask after each rule.

        Args:
            image: (3, H, W) uint8.
            probabilities: (K, H, W) of the net.
            given: the boxes of the image.
            initial: (H, W) uint8, the image's label of the first round.

        Returns:
            Masks (H, W) uint8 by name: "net", the prediction; "possible", without the classes that have no
            box here; "inside"; "reset"; "smooth", with `smoothing`.

        Raises:
            BoxError: a box is reversed, empty or outside the image.

        Example:
            >>> net = torch.tensor([[[0.1, 0.1, 0.1]], [[0.7, 0.7, 0.2]], [[0.2, 0.2, 0.7]]])
            >>> one = BoxAnnotations(torch.tensor([[0, 0, 2, 1]]), torch.tensor([1]))
            >>> image, first = torch.zeros(3, 1, 3, dtype=torch.uint8), torch.tensor([[1, 1, 0]])
            >>> masks = Rules((1, 1, 1), smoothing=False).after_each(image, net, one, first)
            >>> {name: mask.tolist() for name, mask in masks.items()}
            {'net': [[1, 1, 2]], 'possible': [[1, 1, 1]], 'inside': [[1, 1, 0]], 'reset': [[1, 1, 0]]}
        """
        probabilities = probabilities.cpu()
        kinds = torch.tensor(sorted({self.background, *given.classes.tolist()}))
        masks = {"net": probabilities.argmax(dim=0), "possible": kinds[probabilities[kinds].argmax(dim=0)]}
        masks["inside"] = keep_inside(masks["possible"], given, background=self.background)
        rates = torch.tensor(self.fill_rates)
        masks["reset"], _ = reset_outliers(masks["inside"], given, initial, rates, threshold=self.threshold)
        if self.smoothing:
            allowed = torch.zeros(len(kinds), *masks["net"].shape, dtype=torch.bool)
            allowed[kinds == self.background] = True
            for window, index in given.windows():
                allowed[(kinds == index, *window)] = True
            likely = _likely(probabilities[kinds], masks["reset"], kinds, allowed)
            smooth = kinds[(mean_field(image, likely) * allowed).argmax(dim=0)]
            masks["smooth"] = torch.where(masks["reset"] == VOID, VOID, smooth)
        return {name: mask.to(torch.uint8) for name, mask in masks.items()}


def _likely(probabilities: Tensor, mask: Tensor, kinds: Tensor, allowed: Tensor) -> Tensor:
    """The probabilities for rule 3: the net's where a mask (H, W) agrees with it, else those of the mask.

    An ignored pixel is of any class that is allowed there.

    Args:
        probabilities: (k, H, W) of the classes `kinds`.
        mask: after rules 1 and 2.
        kinds: (k,) classes.
        allowed: (k, H, W) bool, where a class has a box; background everywhere.
    """
    likely, even = probabilities * allowed, allowed / allowed.sum(dim=0)
    likely = likely / likely.sum(dim=0).clamp_min(1e-12)
    stated = torch.where(mask == VOID, even, SURE * (mask == kinds[:, None, None]) + (1 - SURE) * even)
    return torch.where(kinds[likely.argmax(dim=0)] == mask, likely, stated)


@dataclass(frozen=True)
class BoxSup:
    """BoxSup's update: each box gets a region again, this time with the net's loss in the cost.

    It is done once a round, when a net is trained; the paper does it in every epoch of one training run.

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

    def __call__(
        self, image: Tensor, probabilities: Tensor, given: BoxAnnotations, number: int, initial: Tensor
    ) -> Tensor:
        """(3, H, W), (K, H, W) -> (H, W) uint8."""
        return candidates(
            image, *given, propose=self.propose, logits=probabilities.clamp_min(1e-12).log(),
            best=self.best, seed=self.seed + number, background=self.background,
        )  # fmt: skip


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
    mask: Tensor, given: BoxAnnotations, initial: Tensor, fill_rates: Tensor, *, threshold: float = RESET
) -> tuple[Tensor, list[int]]:
    """Rule 2: a box of which too little is left gets its label of the first round again.

    The paper resets below half of the box. A perfect mask of a star fills a third of its box, so that rule
    would destroy it. Here the threshold is a share of what the class usually fills. Objects in smaller boxes
    stay in front; the paper does not speak of boxes that overlap.

    Args:
        mask: (H, W) classes; an ignored pixel counts as filled.
        given: the boxes of the image.
        initial: (H, W), the image's label of the first round.
        fill_rates: (K,) share of its box that each class usually fills; all 1: the paper's rule.
        threshold: reset below this share of the class's fill rate; 0 never resets.

    Returns:
        (H, W) uint8, and the indices of the boxes that were reset.

    Example:
        >>> one = BoxAnnotations(torch.tensor([[0, 0, 4, 1]]), torch.tensor([1]))
        >>> mask, first = torch.tensor([[1, 0, 0, 0]]), torch.tensor([[255, 1, 1, 255]])
        >>> reset_outliers(mask, one, first, torch.tensor([1.0, 1.0]))[0].tolist()
        [[255, 1, 1, 255]]
        >>> reset_outliers(mask, one, first, torch.tensor([1.0, 0.3]))[0].tolist()
        [[1, 0, 0, 0]]
    """
    windows, areas = given.windows(), box_area(given.boxes)
    limits = [threshold * float(fill_rates[index]) for _, index in windows]
    low = [number for number, rate in enumerate(box_fill_rates(mask, given)) if rate < limits[number]]
    result, first = mask.to(torch.uint8).clone(), initial.to(torch.uint8)
    for number in low:
        front = torch.zeros(result.shape, dtype=torch.bool)  # the pixels of smaller boxes' objects stay
        for (window, index), area in zip(windows, areas):
            front[window] |= (mask[window] == index) & (area < areas[number])
        window, _ = windows[number]
        result[window] = torch.where(front[window], result[window], first[window])
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
    usual = [torch.tensor(rates).median().item() if len(rates) >= few else 1.0 for rates in found]
    return torch.tensor(usual)


def mean_field(image: Tensor, probabilities: Tensor, *, rounds: int = 5, pixels: int = PIXELS) -> Tensor:
    """Rule 3: the probabilities under a fully connected CRF: near pixels agree, and near and similar ones.

    The message to a pixel is a sum over all pixels, itself included. The kernel of place alone is computed at
    full size. For that of place and colour, which compares all pairs of pixels, an image with more than
    `pixels` is shrunk, where the original uses a lattice that is fast and approximate. Each pixel then takes
    the messages of the four shrunk pixels around it, most from those of its colour.

    Args:
        image: (3, H, W) uint8.
        probabilities: (K, H, W) 0..1, that sum to 1 over the classes.
        rounds: iterations of the mean field.
        pixels: up to this many are all compared; memory and time grow with its square.

    Returns:
        (K, H, W) float32 probabilities.

    Reference:
        Krähenbühl, Koltun, "Efficient Inference in Fully Connected CRFs with Gaussian Edge Potentials", 2011,
        algorithm 1; kernels normalised symmetrically, as in their code, and its usual parameters.

    Example:
        >>> image = torch.zeros(3, 1, 6, dtype=torch.uint8)
        >>> image[:, :, 3:] = 255
        >>> one = torch.tensor([[[0.9, 0.9, 0.4, 0.1, 0.1, 0.6]]])
        >>> (mean_field(image, torch.cat([1 - one, one]))[1] > 0.5).int()
        tensor([[1, 1, 1, 0, 0, 0]], dtype=torch.int32)
    """
    unary = probabilities.float().cpu().clamp_min(1e-5).log()
    kernels = [(NEAR_WEIGHT, _near), (FAR_WEIGHT, _alike(image.as_subclass(Tensor).cpu().float(), pixels))]
    norms = [sums(torch.ones(1, *image.shape[1:])).rsqrt() for _, sums in kernels]
    now = unary.softmax(dim=0)
    for _ in range(rounds):
        messages = [weight * norm * sums(norm * now) for (weight, sums), norm in zip(kernels, norms)]
        now = (unary + messages[0] + messages[1]).softmax(dim=0)
    return now


def _near(values: Tensor) -> Tensor:
    """(K, H, W), blurred by the kernel of place alone; its factor cancels in the normalisation."""
    planes = np.ascontiguousarray(values.permute(1, 2, 0).numpy())  # (H, W, K)
    reach = 2 * round(5 * NEAR) + 1
    blurred = cv2.GaussianBlur(planes, (reach, reach), NEAR, borderType=cv2.BORDER_CONSTANT)
    return torch.from_numpy(blurred.reshape(planes.shape)).permute(2, 0, 1)


def _alike(image: Tensor, pixels: int) -> Callable[[Tensor], Tensor]:
    """What sums values (K, H, W) by the kernel of place and colour, on a grid of at most about `pixels`."""
    size = image.shape[1:]
    scale = min(1.0, (pixels / (size[0] * size[1])) ** 0.5)
    grid = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    small = F.interpolate(image[None], size=grid, mode="area")[0]
    place = torch.stack(torch.meshgrid(*(torch.arange(side) for side in grid), indexing="ij"))
    points = torch.cat([place / (FAR * scale), small / COLOUR]).flatten(1).T  # (N, 5)
    alike = torch.cdist(points, points).square_().mul_(-0.5).exp_()
    # Around each pixel of the image: the four cells of the grid, and the weight of each.
    at = [((torch.arange(n) + 0.5) * m / n - 0.5).clamp(0, m - 1) for n, m in zip(size, grid)]
    sides = [[(side.floor().long(), 1 - side % 1), (side.ceil().long(), side % 1)] for side in at]
    corners = list(product(*sides))
    cells = torch.stack([y[:, None] * grid[1] + x for (y, _), (x, _) in corners])  # (4, H, W)
    weights = torch.stack([down[:, None] * across for (_, down), (_, across) in corners]) + 1e-3
    away = (image[:, None] - small.flatten(1)[:, cells]).square().sum(dim=0)
    weights *= (away / (-2 * COLOUR**2)).exp() + 1e-6
    weights /= weights.sum(dim=0)

    def sums(values: Tensor) -> Tensor:
        found = F.interpolate(values[None], size=grid, mode="area")[0].flatten(1) @ alike  # (K, N)
        return (found[:, cells] * weights).sum(dim=1)

    return sums
