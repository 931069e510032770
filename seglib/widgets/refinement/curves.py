"""The chart of the rounds: how good their labels are, on this image and on all of them."""

from __future__ import annotations

from collections.abc import Sequence

from seglib.weak.labels import Quality
from seglib.widgets.old_chart import Chart
from seglib.widgets.refinement.facts import Facts
from seglib.widgets.refinement.words import measures, rate

MOST = 12  # numbers of rounds below the chart


def round_chart(facts: Facts) -> Chart:
    """Label mIoU and Boundary IoU at each round, and those of the whole data set where they are given."""
    here = [shot.quality for shot in facts.rounds]
    lines = _lines("this image", here)
    everywhere = [*facts.qualities, *[None] * (len(here) - len(facts.qualities))]
    if any(everywhere):
        lines = (*lines, *_lines("all images", everywhere))
    last = max(len(here) - 1, 1)
    every = -(-len(here) // MOST)
    return Chart(
        "Labels by round",
        lines,
        tuple((number / last, f"{number}") for number in range(0, len(here), every)),
        ((0.5, "50 %"), (1.0, "100 %")),
        "; ".join(f"{name} {_told(heights)}" for name, heights in lines),
    )


def _lines(
    where: str, qualities: Sequence[Quality | None]
) -> tuple[tuple[str, tuple[float | None, ...]], ...]:
    """The two measures of labels."""
    found = [[None if share != share else share for share in measures(one)] for one in qualities]
    return (
        (f"mIoU, {where}", tuple(heights[0] for heights in found)),
        (f"Boundary IoU, {where}", tuple(heights[1] for heights in found)),
    )


def _told(heights: Sequence[float | None]) -> str:
    """The values of a line, round by round."""
    return ", ".join("unknown" if height is None else rate(height) for height in heights)
