"""Shares, places and names in words, for text descriptions of masks."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor


def percent(share: float) -> str:
    """A share of 0..1 in words that never rounds something to nothing, nor nearly all to all.

    Example:
        >>> percent(0.274), percent(0.0004), percent(0.999)
        ('27 %', 'under 1 %', 'over 99 %')
    """
    if 0 < share < 0.01:
        return "under 1 %"
    return "over 99 %" if 0.99 < share < 1 else f"{100 * share:.0f} %"


def position(where: Tensor) -> str:
    """Where pixels lie: their centre in a 3 x 3 grid, and the edges of the picture they touch.

    Args:
        where: (H, W) bool, true in at least one pixel.

    Example:
        >>> import torch
        >>> position(torch.tensor([[0, 0, 0], [0, 0, 0], [0, 1, 1]]).bool())
        'lower right, touches the lower and right edges'
    """
    y, x = ((pixels.double().mean() + 0.5) / length for pixels, length in zip(where.nonzero().T, where.shape))
    rows, columns = ("upper", "centre", "lower"), ("left", "centre", "right")
    spot = " ".join(dict.fromkeys([rows[int(3 * y)], columns[int(3 * x)]]))  # "centre", not "centre centre"
    sides = {"upper": where[0], "lower": where[-1], "left": where[:, 0], "right": where[:, -1]}
    touched = [side for side, pixels in sides.items() if pixels.any()]
    if len(touched) == 4:
        return f"{spot}, touches all four edges"
    return f"{spot}, touches the {_listed(touched)} edge{'s' * (len(touched) > 1)}" if touched else spot


def numbered(names: Sequence[str]) -> tuple[str, ...]:
    """The same names, with a number where one comes more than once.

    Example:
        >>> numbered(["fish", "crab", "fish"])
        ('fish 1', 'crab', 'fish 2')
    """
    return tuple(
        f"{name} {names[: index + 1].count(name)}" if names.count(name) > 1 else name
        for index, name in enumerate(names)
    )


def _listed(items: list[str]) -> str:
    """["a", "b", "c"] -> "a, b and c"."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
