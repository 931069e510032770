"""What the explorer paints over the image; as layers.js does it: tests/browser hold the two together."""

from __future__ import annotations

import torch
from torch import Tensor

from seglib import draw
from seglib.draw import edges
from seglib.widgets.proposals.reading import NONE, State, mask_of

ORANGE, BLUE = (230, 159, 0), (86, 180, 233)  # Okabe and Ito's
VEIL, STRIPE, LINE = 128 / 255, 230 / 255, 0.9  # how opaque


def compose(state: State) -> Tensor:
    """The image on show at zoom 1.

    Returns:
        (3, H, W) uint8.
    """
    return {"grouping": grouping, "proposals": proposals, "paste": paste}[state.view](state)


def grouping(state: State) -> Tensor:
    """Every region in its mean colour with a white outline; the pair that merges next in stripes."""
    facts = state.facts
    grown = facts.tree.at(state.left)
    paint = mean_colours(facts.image, grown)
    under = torch.lerp(facts.image.float(), paint, state.opacity)
    lines = torch.full_like(paint, 255)
    where = edges(grown)
    if state.left > 1:
        nodes = facts.tree.merges[len(facts.tree.merges) + 1 - state.left]
        pair = facts.tree.members(nodes)[:, facts.tree.labels]
        for part, way, ink in zip(pair, (1, -1), (ORANGE, BLUE)):
            striped = part & slanted(part, way)
            lines = torch.where(striped, lines.new_tensor(ink)[:, None, None], lines)
            where = where | striped
        for part in pair:
            inner, outer = rim(part)
            lines = lines.masked_fill(inner, 255).masked_fill(outer & ~pair.any(dim=0), 0)
            where = where | inner | outer
    return _lined(under, lines, where, state.opacity)


def proposals(state: State) -> Tensor:
    """The region is clear, all else is dimmed; stripes mark what the region and the object do not share."""
    facts, region = state.facts, mask_of(state)
    assert region is not None
    colour, alpha = torch.zeros(3, *region.shape), torch.full(region.shape, VEIL)
    alpha = alpha.masked_fill(region, 0)
    if state.selected != NONE:
        target = facts.objects.masks[state.selected]
        too_much, missed = slanted(target, 1), slanted(target, -1)
        for stripes, where, ink in (
            (too_much, region & ~target, ORANGE),
            (missed, target & ~region, BLUE),
        ):
            colour = torch.where(where & stripes, colour.new_tensor(ink)[:, None, None], colour)
            alpha = alpha.masked_fill(where, VEIL / 2).masked_fill(where & stripes, STRIPE)
    others = facts.ids.masked_fill(facts.ids == state.selected + 1, 0)
    colour, alpha = _hinted(others, colour, alpha)
    inner, outer = rim(region)
    colour = colour.masked_fill(inner, 255).masked_fill(outer, 0)
    return _round(torch.lerp(facts.image.float(), colour, alpha.masked_fill(inner | outer, 1)))


def paste(state: State) -> Tensor:
    """The mask so far, and a line around the region that came last."""
    facts = state.facts
    if facts.classes is None:
        return facts.image
    mask = facts.pasted(state.painted)
    laid = [
        draw.overlay(facts.image, mask, facts.classes, opacity=state.opacity, outline=line, hatch=state.hatch)
        for line in (True, False)
    ]
    region = mask_of(state)
    if region is None:
        return laid[0]
    inner, outer = rim(region)
    under = torch.where(edges(mask), facts.image, laid[1]).float()
    lines = torch.zeros_like(under).masked_fill(inner, 255)
    return torch.where(inner | outer, _lined(under, lines, inner | outer, state.opacity), laid[0])


def mean_colours(image: Tensor, labels: Tensor) -> Tensor:
    """(3, H, W) float: every pixel in the mean colour of its region, in whole numbers."""
    flat = labels.flatten()
    counts = flat.bincount().double()
    sums = torch.zeros(3, len(counts), dtype=torch.double).index_add_(1, flat, image.flatten(1).double())
    return (sums / counts).round().float()[:, labels]


def rim(region: Tensor) -> tuple[Tensor, Tensor]:
    """The line around a shape (H, W) bool: its own pixels beside others, and others beside its own.

    Example:
        >>> inner, outer = rim(torch.tensor([[0, 1, 1, 1, 0, 0]]).bool())
        >>> inner.int(), outer.int()
        (tensor([[0, 1, 0, 1, 0, 0]], dtype=torch.int32), tensor([[1, 0, 0, 0, 1, 0]], dtype=torch.int32))
    """
    beside = torch.zeros_like(region)  # has a neighbour of the other kind
    down, right = region[1:] != region[:-1], region[:, 1:] != region[:, :-1]
    beside[1:] |= down
    beside[:-1] |= down
    beside[:, 1:] |= right
    beside[:, :-1] |= right
    return beside & region, beside & ~region


def slanted(like: Tensor, way: int) -> Tensor:
    """(H, W) bool: diagonal stripes, three pixels in eight; `way` 1 falls to the left, -1 to the right."""
    height, width = like.shape
    line = torch.arange(width) + way * torch.arange(height)[:, None]
    return line % 8 < 3


def _hinted(ids: Tensor, colour: Tensor, alpha: Tensor) -> tuple[Tensor, Tensor]:
    """A faint dotted line around every other object, so that one sees what can be clicked."""
    height, width = ids.shape
    dotted = edges(ids) & (((torch.arange(width) + torch.arange(height)[:, None]) % 4) < 2)
    return colour.masked_fill(dotted, 255), torch.where(dotted, alpha.clamp(min=0.7), alpha)


def _lined(under: Tensor, lines: Tensor, where: Tensor, opacity: float) -> Tensor:
    """Lines over an image that is already painted; none where colours are not seen at all."""
    strength = max(LINE, opacity) if opacity > 0 else 0.0
    return _round(torch.lerp(under, lines, where * strength))


def _round(image: Tensor) -> Tensor:
    return image.round().clamp(0, 255).to(torch.uint8)
