"""What the refinement explorer is given, checked: one sentence about what does not fit."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from seglib.labels import Classes
from seglib.weak.boxes import BoxAnnotations, background_of, check
from seglib.weak.labels import Quality
from seglib.weak.schemes import rectangles
from seglib.widgets import pack

NEAR = 0.01  # how far from 1 the sum of probabilities may be: half precision rounds
NAIVE = "rectangles"  # the scheme that needs nothing but the boxes


def _plain(value: Tensor) -> Tensor:
    """A mask or image as a plain tensor on the CPU; anything else as it is, to be refused later."""
    return value.as_subclass(Tensor).cpu() if isinstance(value, Tensor) else value


def fitted(
    image: Tensor, truth: Tensor, boxes: BoxAnnotations, classes: Classes, schemes: Mapping[str, Tensor]
) -> tuple[Tensor, Tensor, BoxAnnotations, dict[str, Tensor]]:
    """Image, truth, boxes and labels of one size; without labels, the naive ones.

    Raises:
        ValueError: a size, type or value does not fit.
        BoxError: a box is not valid, or no class is the background.
    """
    if not isinstance(schemes, Mapping):
        raise ValueError('schemes must be labels by name, as in schemes={"grabcut+": label}')
    labels = {str(name): _plain(label) for name, label in schemes.items()}
    image, truth = _plain(image), _plain(truth)
    named = {f"scheme {name}": label for name, label in labels.items()}
    pack.check(image, {"truth": truth, **named}, classes)
    check(boxes, (image.shape[1], image.shape[2]), classes)
    boxes = BoxAnnotations(boxes[0].cpu(), boxes[1].cpu())
    labels = labels or {NAIVE: rectangles(image, *boxes, background=background_of(classes))}
    found = {name: label.to(torch.uint8) for name, label in labels.items()}
    return image, truth.to(torch.uint8), boxes, found


def probabilities(rounds: Sequence[Tensor], classes: Classes, size: Sequence[int]) -> list[Tensor]:
    """The probabilities of the nets, one (K, H, W) float32 a round.

    Raises:
        ValueError: another shape or type, not 0..1, or the sum is not 1.
    """
    if isinstance(rounds, Tensor) and rounds.ndim != 4:
        raise ValueError(f"rounds must be one tensor (K, H, W) a round in a list, not {tuple(rounds.shape)}")
    found = [_plain(one) for one in rounds]
    for number, one in enumerate(found):
        if fault := _fault(one, (len(classes), *size)):
            raise ValueError(
                f"rounds[{number}] must be the probabilities of {len(classes)} classes "
                f"({', '.join(classes)}), floating point {(len(classes), *size)} (K, H, W); {fault}"
            )
    return [one.float() for one in found]


def _fault(one: Tensor, wanted: Sequence[int]) -> str:
    """What is wrong with the probabilities (K, H, W) of a net; "" if nothing is."""
    if not isinstance(one, Tensor) or not one.is_floating_point():
        return f"not {one.dtype if isinstance(one, Tensor) else type(one).__name__}"
    if tuple(one.shape) != tuple(wanted):
        return f"not {tuple(one.shape)}"
    wrong = ~((one.float().sum(dim=0) - 1).abs() <= NEAR) | (one < 0).any(dim=0)  # NaN is wrong too
    if not wrong.any():
        return ""
    y, x = wrong.nonzero()[0].tolist()
    values = ", ".join(f"{value:.2f}" for value in one[:, y, x].tolist())
    return f"at (x, y) = ({x}, {y}) they are {values}, not 0..1 with the sum 1; give logits.softmax(dim=0)"


def rates_of(fill_rates: Tensor | Sequence[float] | None, classes: Classes) -> Tensor:
    """(K,) float32: the share of its box that each class fills; all 1, the paper's rule, by default.

    Raises:
        ValueError: not one share, 0..1, for each class.
    """
    rates = torch.ones(len(classes)) if fill_rates is None else torch.as_tensor(fill_rates).cpu().float()
    if tuple(rates.shape) != (len(classes),) or not bool(((rates >= 0) & (rates <= 1)).all()):
        raise ValueError(
            f"fill_rates must be {len(classes)} shares 0..1, what each class ({', '.join(classes)}) fills of "
            f"its box, as fill_rates(labels) gives; not {[round(one, 3) for one in rates.flatten().tolist()]}"
        )
    return rates


def check_rest(
    first: str, schemes: Mapping[str, Tensor], threshold: float, qualities: Sequence[object], labels: int
) -> None:
    """Raise a ValueError unless the first scheme, the threshold and at most `labels` qualities make sense."""
    if first not in schemes:
        raise ValueError(f"there is no scheme {first!r}; the schemes are {', '.join(schemes)}")
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold {threshold} must be a share of what is usual, 0..1; 0 resets no box")
    if len(qualities) > labels:
        raise ValueError(
            f"{len(qualities)} qualities of rounds, but there are only {labels} labels: round 0, and one "
            "after each of the rounds that are given"
        )
    for number, one in enumerate(qualities):
        if one is not None and not isinstance(one, Quality):
            raise ValueError(
                f"qualities[{number}] must be a Quality, as round.quality, not a {type(one).__name__}"
            )
