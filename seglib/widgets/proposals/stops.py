"""Where the sliders stop: everywhere while there are few, then ever further apart."""

from __future__ import annotations

EVERY = 100  # the last hundred merges can be seen one by one
STEPS = 80  # of the slider before these
FIRST = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 80)  # then the same times ten


def counts_down(superpixels: int) -> tuple[int, ...]:
    """How many regions are left at each stop, from all superpixels to one.

    Example:
        >>> counts_down(4), len(counts_down(5000))
        ((4, 3, 2, 1), 180)
    """
    if superpixels <= EVERY + STEPS:
        return tuple(range(superpixels, 0, -1))
    ratio = (superpixels / EVERY) ** (1 / STEPS)
    early = [round(superpixels / ratio**step) for step in range(STEPS)]
    return (*dict.fromkeys(early), *range(EVERY, 0, -1))


def numbers_up(total: int) -> tuple[int, ...]:
    """How many proposals are looked at, at each stop, from one to all.

    Example:
        >>> numbers_up(70)
        (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 70)
    """
    rounds = [number * 10**power for power in range(6) for number in (FIRST if not power else FIRST[7:])]
    return (*(number for number in dict.fromkeys(rounds) if number < total), total)
