"""What the refinement explorer is given, checked: one sentence about what does not fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from seglib.labels import Classes
from seglib.weak.boxes import BoxAnnotations, background_of, check
from seglib.weak.labels import Quality
from seglib.weak.schemes import rectangles
from seglib.widgets import pack

NEAR = 0.01  # how far from 1 probabilities may add up: half precision rounds
NAIVE = "rectangles"  # the scheme that needs nothing but the boxes


def plain(value: Tensor) -> Tensor:
    """A mask or image as a plain tensor on the CPU; anything else as it is, to be refused later."""
    return value.as_subclass(Tensor).cpu() if isinstance(value, Tensor) else value


def fitted(
    image: Tensor, truth: Tensor, one: BoxAnnotations, classes: Classes, schemes: Mapping[str, Tensor]
) -> tuple[Tensor, Tensor, BoxAnnotations, dict[str, Tensor]]:
    """Image, truth, boxes and labels that are of one size; without a label, the naive one.

    Raises:
        ValueError: a size, type or value does not fit.
        BoxError: a box is not what it must be, or no class is the background.
    """
    if not isinstance(schemes, Mapping):
        raise ValueError('schemes must be labels by name, as in schemes={"grabcut+": label}')
    labels = {str(name): plain(label) for name, label in schemes.items()}
    image, truth = plain(image), plain(truth)
    named = {f"scheme {name}": label for name, label in labels.items()}
    pack.check(image, {"truth": truth, **named}, classes)
    if not (isinstance(one, tuple) and len(one) == 2 and all(isinstance(part, Tensor) for part in one)):
        raise ValueError(
            f"one must be the boxes of the image, BoxAnnotations(boxes (M, 4), classes (M,)), not a "
            f"{type(one).__name__}; seglib.weak.boxes.load_boxes(dataset)[index] makes it"
        )
    one = BoxAnnotations(one[0].cpu(), one[1].cpu())
    background = background_of(classes)
    check(one, (image.shape[1], image.shape[2]), classes)
    labels = labels or {NAIVE: rectangles(image, *one, background=background)}
    return image, truth.to(torch.uint8), one, {name: label.to(torch.uint8) for name, label in labels.items()}


def first_scheme(first: str | None, schemes: Mapping[str, Tensor]) -> str:
    """The label that round 0 was trained on."""
    if first is not None and first not in schemes:
        raise ValueError(f"no scheme is called {first!r}; there are {', '.join(schemes)}")
    return next(iter(schemes)) if first is None else first


def probabilities(rounds: Sequence[Tensor], classes: Classes, size: Sequence[int]) -> list[Tensor]:
    """What the nets say, one (K, H, W) a round.

    Raises:
        ValueError: another shape or type, not 0..1, or not 1 in all.
    """
    if isinstance(rounds, Tensor) and rounds.ndim != 4:
        raise ValueError(f"rounds must be one tensor (K, H, W) a round in a list, not {tuple(rounds.shape)}")
    found = [plain(one) for one in rounds]
    for number, one in enumerate(found):
        if fault := _fault(one, classes, size):
            raise ValueError(f"rounds[{number}] must be the probabilities of {fault}")
    return [one.float() for one in found]


def _fault(one: Tensor, classes: Classes, size: Sequence[int]) -> str:
    wanted = (len(classes), *size)
    if not isinstance(one, Tensor) or not one.is_floating_point():
        kind = one.dtype if isinstance(one, Tensor) else type(one).__name__
        return f"{len(classes)} classes, floating point (K, H, W); not {kind}"
    if tuple(one.shape) != wanted:
        return (
            f"{len(classes)} classes ({', '.join(classes)}) at the image's size, (K, H, W) = {wanted}; "
            f"not {tuple(one.shape)}"
        )
    total = one.float().sum(dim=0)
    if bool(((total - 1).abs() <= NEAR).all()) and bool((one >= 0).all()):
        return ""
    y, x = (((total - 1).abs() > NEAR) | total.isnan() | (one < 0).any(dim=0)).nonzero()[0].tolist()
    return (
        f"classes, 0..1 and 1 in all; at (x, y) = ({x}, {y}) they are "
        f"{', '.join(f'{value:.2f}' for value in one[:, y, x].tolist())}; give logits.softmax(dim=0)"
    )


def usual_rates(usual: Tensor | Sequence[float] | None, classes: Classes) -> Tensor:
    """(K,) float32: what share of its box each class fills; all 1, the paper's rule, where none is given.

    Raises:
        ValueError: not one share, 0..1, for each class.
    """
    rates = torch.ones(len(classes)) if usual is None else torch.as_tensor(usual).cpu().float()
    if tuple(rates.shape) != (len(classes),) or not bool(((rates >= 0) & (rates <= 1)).all()):
        raise ValueError(
            f"usual must be {len(classes)} shares 0..1, what each class ({', '.join(classes)}) fills of its "
            f"box, as fill_rates(labels) gives; not {[round(value, 3) for value in rates.flatten().tolist()]}"
        )
    return rates


def whole(qualities: Sequence[Quality | None], most: int) -> tuple[Quality | None, ...]:
    """The qualities of whole rounds, at most one for each label.

    Raises:
        ValueError: there are more than labels, or something else.
    """
    found = tuple(qualities)
    if len(found) > most:
        raise ValueError(
            f"{len(found)} qualities of rounds, but there are only {most} labels: round 0, and one after "
            "each of the rounds that are given"
        )
    for number, one in enumerate(found):
        if one is not None and not isinstance(one, Quality):
            raise ValueError(
                f"qualities[{number}] must be a Quality, as round.quality, not a {type(one).__name__}"
            )
    return found
