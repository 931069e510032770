"""What the refinement explorer shows in a given state, in labels and words: pure, without a browser."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from seglib.labels import VOID
from seglib.widgets.refinement.facts import Facts
from seglib.widgets.refinement.steps import Shot, Step
from seglib.widgets.refinement.words import STAGES, reset_note, round_words, rule_words, scheme_words


@dataclass(frozen=True, eq=False)
class State:
    """All that decides what is on show.

    Attributes:
        facts: what there is to show.
        view: "schemes", "rounds" or "rules".
        scheme: name of the label that is looked at in the first view.
        round: number of the round whose label is looked at in the others.
        stage: how far its rules have gone, one of `facts.stages`.
        stop: of the dial, an index.
        difference: whether the label's wrong pixels are marked.
        boxes: whether boxes are drawn.
        opacity: of the classes' colours.
        hatch: whether classes are hatched.
        cursor: (x, y) of the pixel that is read out, or None.
    """

    facts: Facts
    view: str
    scheme: str
    round: int
    stage: str
    stop: int
    difference: bool
    boxes: bool
    opacity: float
    hatch: bool
    cursor: tuple[int, int] | None

    @property
    def step(self) -> Step | None:
        """The step whose rules are on show; None in the other views, and in round 0, which no rule made."""
        return self.facts.steps[self.round - 1] if self.view == "rules" and self.round else None

    @property
    def chain(self) -> dict[str, Shot]:
        """The labels of the step on show, as far as its rules have gone; {} without one."""
        if self.step is None:
            return {}
        until = self.facts.stages.index(self.stage)
        return dict(list(self.step.chain(self.stop).items())[: until + 1])

    @property
    def shot(self) -> Shot:
        """The label on show."""
        if self.view == "schemes":
            return self.facts.schemes[self.scheme]
        return self.chain[self.stage] if self.step else self.facts.rounds[self.round]

    @property
    def low(self) -> tuple[int, ...]:
        """Numbers of the boxes that are filled again on show."""
        return self.step.low[self.step.chosen[self.stop]] if self.step and self.stage == "reset" else ()

    @property
    def changed(self) -> Tensor:
        """(H, W) uint8: 0 where no rule changed a pixel, else the last that did, see `changes`."""
        return changes({name: shot.label for name, shot in self.chain.items()}, self.facts.truth.shape)


def changes(labels: dict[str, Tensor], size: tuple[int, ...]) -> Tensor:
    """Which rule changed which pixel, the last that did.

    Args:
        labels: the labels of a step in their order, (H, W) each.
        size: (H, W).

    Returns:
        (H, W) uint8, 0 for none, else the rule's place in `STAGES`.

    Example:
        >>> net, smooth = torch.tensor([[1, 1, 0]]), torch.tensor([[1, 0, 1]])
        >>> changes({"net": net, "smooth": smooth, "inside": torch.tensor([[1, 0, 0]])}, (1, 3))
        tensor([[0, 2, 3]], dtype=torch.uint8)
    """
    last, order = torch.zeros(size, dtype=torch.uint8), list(STAGES)
    for (_, before), (name, after) in pairwise(labels.items()):
        last[before != after] = order.index(name)
    return last


def titles(state: State) -> tuple[str, str]:
    """What is written under the two images."""
    marked = ", its wrong pixels in orange" if state.difference else ""
    if state.view == "schemes":
        return "truth", f"{state.scheme}{marked}"
    if state.view == "rounds":
        return "truth", f"label of round {state.round}{marked}"
    name = STAGES[state.stage].after if state.step else "label of round 0"
    return "which rule changed a pixel last", f"{name}{marked}"


def says(state: State) -> str:
    """What is on show in a sentence or two."""
    facts = state.facts
    if state.view == "schemes":
        return scheme_words(facts, state.scheme)
    if state.view == "rounds" or state.step is None:
        return round_words(facts, state.round, rules=state.view == "rules")
    words = rule_words(facts, state.step, state.stage, state.stop, state.round)
    elsewhere = state.stage == "reset" and state.stop != facts.begin
    return f"{words} {reset_note(facts)}" if elsewhere else words


def read_out(state: State) -> str:
    """What is at the cursor; "" without one."""
    if state.cursor is None:
        return ""
    x, y = state.cursor
    names = dict(enumerate(state.facts.classes)) | {VOID: "ignored"}
    true = int(state.facts.truth[y, x])
    parts = [f"x {x}, y {y}", f"truth: {'void' if true == VOID else names[true]}"]
    if state.step is None:
        return " · ".join([*parts, f"label: {names[int(state.shot.label[y, x])]}"])
    before = None
    for name, shot in state.chain.items():
        kind = names[int(shot.label[y, x])]
        if kind != before:
            parts.append(f"{STAGES[name].name.lower()}: {kind}")
        before = kind
    return " · ".join(parts)
