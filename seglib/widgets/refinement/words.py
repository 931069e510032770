"""The sentences of the refinement explorer: schemes, rounds, and what each rule does to how many pixels."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch

from seglib.labels import VOID
from seglib.weak.labels import Quality
from seglib.widgets.refinement.facts import Facts
from seglib.widgets.refinement.steps import Shot, Step


class Stage(NamedTuple):
    """A label in a step: its name in a list, under an image, and what its rule does."""

    name: str
    after: str
    does: str


STAGES = {  # in the order in which `clean` applies them; the net's own answer is no rule
    "net": Stage("Net", "the net's answer", ""),
    "possible": Stage("Box classes", "after box classes", "A class that has no box here is no answer."),
    "smooth": Stage("Smoothing", "after smoothing", "The label follows the image's edges."),
    "inside": Stage("Keep inside", "after keep inside", "A pixel in no box of its class becomes background."),
    "reset": Stage("Reset", "after reset", "A box of which too little is left is filled again."),
}


def rate(share: float) -> str:
    """A measure in per cent; "–" where there is none.

    Example:
        >>> rate(0.4567), rate(float("nan"))
        ('45.7 %', '–')
    """
    return "–" if share != share else f"{100 * share:.1f} %"


def pixels(count: int) -> str:
    """A number of pixels.

    Example:
        >>> pixels(0), pixels(1), pixels(1204)
        ('no pixel', '1 pixel', '1,204 pixels')
    """
    return f"{count:,} pixel{'s' * (count > 1)}" if count else "no pixel"


def measured(quality: Quality | None) -> str:
    """How good a label is."""
    if quality is None:
        return "how good it is nobody knows, the truth is void"
    iou, rim, *_ = measures(quality)
    return f"mIoU {rate(iou)}, Boundary IoU {rate(rim)}"


def measures(quality: Quality | None) -> tuple[float, float, float, float]:
    """mIoU, Boundary IoU, what is ignored, mIoU of the rest, 0..1; NaN where nobody knows."""
    if quality is None:
        unknown = float("nan")
        return unknown, unknown, unknown, unknown
    scores = quality.filled
    return scores.mean_iou, scores.mean_boundary_iou, quality.ignored, quality.labelled.mean_iou


def scheme_words(facts: Facts, name: str) -> str:
    """A label that was made from boxes."""
    quality = facts.schemes[name].quality
    known = f"{name}: {measured(quality)}."
    if not facts.names:
        known = f"No box is given. {known}"
    if quality is None or not quality.ignored:
        return known
    alone = rate(quality.labelled.mean_iou)
    return (
        f"{known} {rate(quality.ignored)} of the pixels are ignored, and counted as the nearest label says; "
        f"without them mIoU is {alone}."
    )


def round_words(facts: Facts, number: int, *, rules: bool = False) -> str:
    """The label of a round."""
    how = measured(facts.rounds[number].quality)
    if number:
        differs = float((facts.rounds[number].label != facts.rounds[number - 1].label).double().mean())
        return (
            f"Round {number}, made from what the net of round {number - 1} says: {how}. "
            f"{rate(differs)} of the pixels have another label than in round {number - 1}."
        )
    words = f"Round 0 trains on {facts.first}: {how}."
    if not facts.steps:
        return f"{words} No later rounds are given."
    return f"{words} No rule has touched it; choose a later round." if rules else words


def rule_words(facts: Facts, step: Step, stage: str, stop: int, number: int) -> str:
    """What one rule does to the label that comes to it."""
    chain = step.chain(stop)
    if stage == "net":
        return f"The net of round {number - 1} says: {measured(chain['net'].quality)}."
    before = chain[facts.stages[facts.stages.index(stage) - 1]]
    does = STAGES[stage].does
    if stage == "reset":
        does = f"{does} {_filled(facts, step.low[step.chosen[stop]])}"
    return f"{does} {_change_words(facts, before, chain[stage])}{_again(facts, step, stage, stop)}."


def counts(step: Step, stop: int) -> dict[str, int]:
    """How many pixels each rule changes."""
    chain = step.chain(stop).items()
    return {name: int((old.label != new.label).sum()) for (_, old), (name, new) in pairwise(chain)}


def reset_note(facts: Facts) -> str:
    """What must be said where the dial is not where it was in training."""
    return (
        f"The nets of later rounds learned with a threshold of {facts.thresholds[facts.begin]:g}; "
        "only this step is done anew."
    )


def box_words(facts: Facts, step: Step, box: int) -> tuple[str, str]:
    """How much a box is filled, and what its class usually fills."""
    return f"{100 * step.fills[box]:.0f} %", f"{100 * facts.usual[box]:.0f} %"


def _filled(facts: Facts, low: tuple[int, ...]) -> str:
    """How many boxes are filled again."""
    total = len(facts.names)
    if not total:
        return "There is no box."
    if total == 1:
        return "The only box is filled again." if low else "The only box is kept."
    if len(low) in (0, total):
        return f"All {total} boxes are {'filled again' if low else 'kept'}."
    return f"{len(low)} of {total} boxes {'are' if len(low) > 1 else 'is'} filled again."


def _change_words(facts: Facts, before: Shot, after: Shot) -> str:
    changed = before.label != after.label
    count = int(changed.sum())
    if not count or before.quality is None:
        return f"That changes {pixels(count)}"
    known = changed & (facts.truth != VOID)
    right = int((known & (after.label == facts.truth)).sum())
    wrong = int((known & (before.label == facts.truth)).sum())
    return f"That changes {pixels(count)}: {_become(right, 'right')}, {_become(wrong, 'wrong')}"


def _become(count: int, what: str) -> str:
    return f"{count:,} become{'s' * (count == 1)} {what}" if count else f"none becomes {what}"


def _again(facts: Facts, step: Step, stage: str, stop: int) -> str:
    """How many pixels that a rule changes are changed again by a later one."""
    chain = [shot.label for shot in step.chain(stop).values()]
    place = facts.stages.index(stage)
    mine = chain[place] != chain[place - 1]
    later = [old != new for old, new in pairwise(chain[place:])]
    count = int((mine & torch.stack(later).any(dim=0)).sum()) if later else 0
    return f"; a later rule changes {count:,} of them again" if count else ""
