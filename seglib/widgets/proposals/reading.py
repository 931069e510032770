"""What the explorer shows in a given state, in numbers and words: pure, without a browser."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from seglib.widgets.proposals.curves import recall_words
from seglib.widgets.proposals.facts import Facts

NONE = -1  # no object, no region


@dataclass(frozen=True)
class State:
    """All that decides what is on show.

    Attributes:
        facts: what there is to show.
        view: "grouping", "proposals" or "paste".
        left: how many regions are left in the grouping.
        stop: of the slider for the number of proposals, an index.
        selected: index of the chosen object, or -1.
        painted: how many regions are pasted.
        opacity: of colours that are laid over the image.
        hatch: whether pasted classes are hatched.
        cursor: (x, y) of the pixel that is read out, or None.
    """

    facts: Facts
    view: str
    left: int
    stop: int
    selected: int
    painted: int
    opacity: float
    hatch: bool
    cursor: tuple[int, int] | None

    @property
    def region(self) -> int:
        """The region on show, a place in `facts.regions`; -1 if it is none."""
        if self.view == "grouping":
            return NONE
        if self.view == "paste":
            return int(self.facts.picked[self.painted - 1]) if self.painted else NONE
        best = self.facts.last if self.selected == NONE else self.facts.best[:, self.selected]
        return int(best[self.stop])


def says(state: State) -> str:
    """What is on show in a sentence or two."""
    return {"grouping": merge_words, "proposals": region_words, "paste": paste_words}[state.view](state)


def merge_words(state: State) -> str:
    """What has become of the superpixels, and what merges next."""
    tree, left = state.facts.tree, state.left
    total = len(tree.merges) + 1
    if left == 1:
        return "One region is left: the whole image."
    begin = f"{left:,} superpixels" if left == total else f"{left:,} of {total:,} regions are left"
    return f"{begin}. The two with stripes merge next: similarity {tree.similarities[total - left]:.2f}."


def region_words(state: State) -> str:
    """The recall at this number, and the region on show."""
    facts, number = state.facts, state.facts.numbers[state.stop]
    place = int(facts.ranks[state.region]) + 1
    if state.selected == NONE:
        pixels = f"Region {place:,} of {facts.total:,}: {int(facts.regions.areas[state.region]):,} pixels."
        return pixels if facts.names else f"{pixels} No objects are known here, so there is no recall."
    name, overlap = facts.names[state.selected], float(facts.overlaps[state.stop, state.selected])
    found = recall_words(facts, state.stop)
    if not overlap:
        return f"{found} None of the first {number:,} touches {name}."
    return f"{found} Of these, region {place:,} fits {name} best: overlap {overlap:.3f}."


def paste_words(state: State) -> str:
    """What the last pasted region is, and what it covers."""
    return paste_step(state.facts, state.painted)


def paste_step(facts: Facts, painted: int) -> str:
    """One step of the paste in words."""
    if facts.scores is None or facts.classes is None:
        return "No scores were given, so there is nothing to paste."
    if not len(facts.picked):
        return "No region scores more than the threshold, so nothing is pasted."
    if not painted:
        many = len(facts.picked) > 1
        waits = f"{len(facts.picked)} regions wait, the lowest score first" if many else "one region waits"
        return f"Nothing is pasted yet; {waits}."
    region, kind = int(facts.picked[painted - 1]), facts.kinds[painted - 1]
    below = facts.pasted(painted - 1)[facts.regions.masks([region])[0]]
    words = (
        f"{painted} of {len(facts.picked)}: {facts.classes.names[kind]}, score "
        f"{score_text(float(facts.scores[region, kind]))}, {int(facts.regions.areas[region]):,} pixels"
    )
    covered = [
        f"{count:,} of {facts.classes.names[index]}"
        for index, count in enumerate(below.bincount(minlength=len(facts.classes)).tolist())
        if count and index not in (kind, facts.rest)
    ]
    return f"{words}; it covers {', '.join(covered)}." if covered else f"{words}."


def score_text(score: float) -> str:
    """A score with its sign; "–" for a class that cannot be."""
    return "–" if score == -torch.inf else f"{score:+.2f}".replace("-", "−")


@dataclass(frozen=True)
class Bars:
    """The SVMs' scores of one region: a name, a number and a bar from `zero` for each class, 0..1."""

    names: tuple[str, ...]
    texts: tuple[str, ...]
    ends: tuple[float, ...]
    zero: float


def bars(facts: Facts, region: int) -> Bars | None:
    """The scores of a region, on an axis that is the same for all; None where there are none."""
    if facts.scores is None or facts.classes is None or region == NONE:
        return None
    known = [0.0, *facts.scores[facts.scores > -torch.inf].tolist()]
    low, high = min(known), max(known)
    width = (high - low) or 1.0
    shown = [index for index in range(len(facts.classes)) if index != facts.classes.background]
    row = facts.scores[region].tolist()
    ends = [((row[index] if row[index] > -torch.inf else 0) - low) / width for index in shown]
    return Bars(
        tuple(facts.classes.names[index] for index in shown),
        tuple(score_text(row[index]) for index in shown),
        tuple(ends),
        -low / width,
    )


def read_out(state: State) -> str:
    """What is at the cursor; "" without one."""
    if state.cursor is None:
        return ""
    (x, y), facts = state.cursor, state.facts
    if state.view == "grouping":
        return f"x {x}, y {y} · {_region_at(facts, state.left, x, y)}"
    number = int(facts.ids[y, x])
    what = facts.names[number - 1] if number else "no object"
    if state.view == "paste" and facts.classes is not None:
        kind = int(facts.pasted(state.painted)[y, x])
        return f"x {x}, y {y} · pasted: {facts.classes.names[kind]} · object: {what}"
    return f"x {x}, y {y} · {what}"


def _region_at(facts: Facts, left: int, x: int, y: int) -> str:
    grown = facts.tree.at(left)
    here = grown == grown[y, x]
    pieces = len(facts.tree.labels[here].unique())
    return f"a region of {int(here.sum()):,} pixels, {pieces:,} superpixel{'s' * (pieces > 1)}"


def mask_of(state: State) -> Tensor | None:
    """(H, W) bool: the region on show; None if it is none."""
    return None if state.region == NONE else state.facts.regions.masks([state.region])[0]
