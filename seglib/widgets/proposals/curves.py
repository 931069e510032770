"""Two charts: how similar the pairs are that merge, and how many objects the first proposals find."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from seglib.regions.recall import recall
from seglib.widgets.old_chart import Chart
from seglib.widgets.proposals.facts import Facts

HALF, MORE = 0.5, 0.7  # overlaps from which on an object counts as found
APART = 0.09  # of the chart's width: ticks that are nearer would run into each other


def similarity_chart(facts: Facts) -> Chart:
    """How similar the two regions are that merge next, at each number of regions left."""
    likeness = facts.tree.similarities
    highest = float(likeness.max().ceil()) if len(likeness) else 1.0
    total = len(likeness) + 1
    heights = [float(likeness[total - left]) / highest if left > 1 else None for left in facts.counts]
    up = tuple((step / highest, f"{step}") for step in range(1, int(highest) + 1))
    words = "there is only one region, so nothing merges"
    if len(likeness):
        words = (
            f"similarity of the pair that merges next, {likeness[0]:.2f} at the first merge, "
            f"{likeness[-1]:.2f} at the last"
        )
    return Chart(
        "Similarity of the next pair",
        (("similarity", tuple(heights)),),
        _ticks(facts.counts, (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)),
        up,
        words,
    )


def recall_chart(facts: Facts) -> Chart:
    """How many objects have a good region among the first 1, 2, ... proposals."""
    lines = {
        f"found at {HALF}": [recall(row, HALF) for row in facts.overlaps],
        f"found at {MORE}": [recall(row, MORE) for row in facts.overlaps],
        "average best overlap": facts.overlaps.mean(dim=1).tolist(),
    }
    end = {name: values[-1] for name, values in lines.items()}
    words = "with all proposals: " + ", ".join(f"{name} {100 * value:.0f} %" for name, value in end.items())
    return Chart(
        "Recall by number of proposals",
        tuple((name, tuple(values)) for name, values in lines.items()),
        _ticks(facts.numbers, (1, 10, 100, 1000, 10000, facts.total)),
        ((0.5, "50 %"), (1.0, "100 %")),
        words,
    )


def recall_words(facts: Facts, stop: int) -> str:
    """The recall curve at one stop."""
    row, number = facts.overlaps[stop], facts.numbers[stop]
    whole = len(row)
    found = [int((row >= threshold).sum()) for threshold in (HALF, MORE)]
    return (
        f"The first {number:,} of {facts.total:,} proposals find {found[0]} of {whole} "
        f"object{'s' * (whole > 1)} at an overlap of {HALF}, {found[1]} at {MORE}; "
        f"average best overlap {float(row.mean()):.3f}."
    )


def _ticks(stops: Sequence[int], wanted: Sequence[int]) -> tuple[tuple[float, str], ...]:
    """The wanted stops that there are, as far as their numbers find room; the last one wins."""
    last = max(len(stops) - 1, 1)
    ends = [stops[0], stops[-1]]
    places = sorted({stops.index(stop) / last: stop for stop in [*wanted, *ends] if stop in stops}.items())
    kept = [(place, stop) for (place, stop), (after, _) in pairwise(places) if after - place >= APART]
    return tuple((place, f"{stop:,}") for place, stop in [*_spread(kept), places[-1]])


def _spread(places: list[tuple[float, int]]) -> list[tuple[float, int]]:
    """Of places in order those that keep apart from the one before."""
    kept: list[tuple[float, int]] = []
    for place in places:
        if not kept or place[0] - kept[-1][0] >= APART:
            kept.append(place)
    return kept
