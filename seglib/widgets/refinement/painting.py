"""What the refinement explorer paints; as layers.js does it: tests/browser hold the two together."""

from __future__ import annotations

import torch
from torch import Tensor

from seglib import draw
from seglib.labels import VOID, Classes
from seglib.weak.boxes import back_to_front
from seglib.widgets.refinement.reading import State
from seglib.widgets.refinement.words import STAGES

DIM = 0.6  # of the grey image on which changed pixels are marked
# Okabe and Ito's colours; hatched as classes are, so that they are told apart without colour.
COLOURS = {
    "net": (0, 0, 0),
    "possible": (204, 121, 167),
    "smooth": (86, 180, 233),
    "inside": (230, 159, 0),
    "reset": (0, 158, 115),
}
RULES = Classes(("background", *list(STAGES)[1:]), tuple(COLOURS.values()), (224, 224, 192))


def panels(state: State) -> tuple[Tensor, Tensor]:
    """The two images on show at zoom 1, (3, H, W) uint8 each."""
    facts, label = state.facts, state.shot.label
    left = rules(facts.image, state.changed) if state.view == "rules" else _laid(state, facts.truth)
    right = difference(facts.image, label, facts.truth) if state.difference else _laid(state, label)
    return (framed(left, state), framed(right, state)) if state.boxes else (left, right)


def compose(state: State) -> Tensor:
    """Both images side by side, (3, H, 2 W) uint8."""
    return torch.cat(panels(state), dim=2)


def rules(image: Tensor, changed: Tensor) -> Tensor:
    """Changed pixels in the colour and hatching of the rule that changed them last, on a dim grey image."""
    dim = (image.float().mean(dim=0) * DIM).to(torch.uint8).expand(3, -1, -1)
    return draw.overlay(dim, changed, RULES, opacity=1, outline=False, hatch=True)


def difference(image: Tensor, label: Tensor, truth: Tensor) -> Tensor:
    """As `draw.difference`; what is ignored is not judged."""
    return draw.difference(image, label, torch.where(label == VOID, VOID, truth))


def line_width(image: Tensor) -> int:
    """Pixels of a box's line, so that it is seen where a large image is shown small."""
    return max(1, round(max(image.shape[1:]) / 320))


def framed(image: Tensor, state: State) -> Tensor:
    """The boxes in black and white dashes; a box that is filled again has a line up to three times as wide.

    The line lies inside of the box and leaves most of it free. The smaller box is in front.
    """
    shown, unit = image.clone(), line_width(image)
    y, x = torch.arange(image.shape[1])[:, None], torch.arange(image.shape[2])
    ink = ((x + y) // (4 * unit) % 2 * 255).to(torch.uint8)
    for number in back_to_front(state.facts.one.boxes):
        x1, y1, x2, y2 = state.facts.one.boxes[number].tolist()
        thick = min(3 * unit, max(unit, min(x2 - x1, y2 - y1) // 5))
        wide = thick if number in state.low else unit
        box = torch.zeros(image.shape[1:], dtype=torch.bool)
        box[y1:y2, x1:x2] = True
        box[y1 + wide : max(y2 - wide, y1 + wide), x1 + wide : max(x2 - wide, x1 + wide)] = False
        shown = torch.where(box, ink, shown)
    return shown


def _laid(state: State, label: Tensor) -> Tensor:
    return draw.overlay(
        state.facts.image, label, state.facts.classes, opacity=state.opacity, hatch=state.hatch
    )
