"""What travels to the browser, once: image, boxes, every label, every sentence and number."""

from __future__ import annotations

from typing import Any

from seglib.labels import VOID, describe
from seglib.weak.boxes import back_to_front
from seglib.widgets import pack
from seglib.widgets.old_chart import packed_chart
from seglib.widgets.refinement.curves import round_chart
from seglib.widgets.refinement.facts import Facts
from seglib.widgets.refinement.painting import COLOURS, line_width
from seglib.widgets.refinement.steps import Shot, Step
from seglib.widgets.refinement.words import (
    STAGES,
    box_words,
    counts,
    measures,
    rate,
    reset_note,
    round_words,
    rule_words,
    scheme_words,
)


def packed(facts: Facts) -> dict[str, Any]:
    """The facts as scene.js unpacks them."""
    return {
        **pack.pack(facts.image, {"truth": facts.truth}, facts.classes),
        "line": line_width(facts.image),
        "boxes": [
            {"name": name, "box": box, "usual": usual, "color": facts.classes.colors[kind]}
            for name, box, usual, kind in zip(
                facts.names, facts.one.boxes.tolist(), facts.usual, facts.one.classes.tolist()
            )
        ],
        "order": back_to_front(facts.one.boxes),
        "rules": [
            {"name": name, "title": stage.name, "after": stage.after, "color": COLOURS[name]}
            for name, stage in STAGES.items()
        ],
        "schemes": [
            _shot(facts, shot) | {"name": name, "says": scheme_words(facts, name)}
            for name, shot in facts.schemes.items()
        ],
        "rounds": [
            _shot(facts, shot)
            | {
                "says": round_words(facts, number),
                "untouched": "" if number else round_words(facts, number, rules=True),
            }
            for number, shot in enumerate(facts.rounds)
        ],
        "steps": [_step(facts, step, number) for number, step in enumerate(facts.steps, start=1)],
        "stages": list(facts.stages),
        "thresholds": list(facts.thresholds),
        "begin": facts.begin,
        "note": reset_note(facts),
        "chart": packed_chart(round_chart(facts)),
    }


def _step(facts: Facts, step: Step, number: int) -> dict[str, Any]:
    """The labels of a step. What is said and counted of a rule may depend on the outcome of the reset."""
    before = [_shot(facts, shot) | {"name": name} for name, shot in step.before.items()]
    resets = []
    for place, shot in enumerate(step.outcomes):
        stop = step.chosen.index(place)
        resets.append(
            _shot(facts, shot)
            | {
                "boxes": list(step.low[place]),
                "says": [rule_words(facts, step, stage, stop, number) for stage in facts.stages],
                "counts": [None, *(f"{count:,}" for count in counts(step, stop).values())],
            }
        )
    return {
        "before": before,
        "resets": resets,
        "chosen": list(step.chosen),
        "fills": list(step.fills),
        "texts": [box_words(facts, step, box) for box in range(len(facts.names))],
    }


def _shot(facts: Facts, shot: Shot) -> dict[str, Any]:
    """A label: its pixels, what it looks like in words, and its measures."""
    words = describe(shot.label, facts.classes)
    if (shot.label == VOID).any():
        words = "ignored".join(words.rsplit("void", 1))
    return {
        "labels": pack.deflate(shot.label),
        "words": words,
        "cells": [rate(share).removesuffix(" %") for share in measures(shot.quality)],
    }
