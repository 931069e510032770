"""What a lesson is: the plain facts of one notebook, from which card, checks, hints and quiz are made.

They are read from `seglib/course/content/nb02/`; the notebook's source only refers to their ids, so the two
cannot drift apart. Ids begin with the notebook's number: objectives are letters ("02.a"), exercises numbers
("02.1"), predictions p1, p2 ... ("02.p1"); quiz items are numbered in order ("02.q1").
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor


class Wrong(Exception):  # noqa: N818 - a wrong answer is not an error
    """What a check raises when an answer is wrong: one or two sentences that start the student thinking.

    Say what was seen and what was expected on which input; never the line of code that would be right.
    """


def near(one: Tensor | float, other: Tensor | float) -> bool:
    """Whether two results have one shape and the same numbers, but for rounding; NaN equals NaN."""
    one, other = (torch.as_tensor(value, dtype=torch.float64).detach() for value in (one, other))
    return one.shape == other.shape and torch.allclose(one, other, atol=1e-4, equal_nan=True)


def refuse(got: Tensor | float, mistakes: Mapping[str, Tensor | float | tuple[Tensor, ...]]) -> None:
    """Raise `Wrong` with the reason if `got` is what a known mistake gives; the first that fits.

    Args:
        got: what an answer returned.
        mistakes: what to say to a mistake, and what an answer returns that makes it, in one or more forms.

    Raises:
        Wrong: it is.
    """
    for why, forms in mistakes.items():
        if any(near(got, form) for form in (forms if isinstance(forms, tuple) else (forms,))):
            raise Wrong(why)


def learnable(result: Tensor) -> None:
    """Raise `Wrong` if a right number has no gradient: what was computed in NumPy or detached, say."""
    if result.grad_fn is None:  # also of a new tensor that requires a gradient itself
        raise Wrong(
            "The numbers are right, but have no gradient, so nothing could be learned from them. Use torch's "
            "operations to the end, without NumPy, .item(), .data or detach()."
        )


def first_true(reasons: Mapping[str, object], otherwise: str = "") -> str:
    """The first of some reasons whose condition holds, else `otherwise`.

    Example:
        >>> first_true({"too few": 3 < 2, "too many": 3 > 2}, "as many as asked for")
        'too many'
    """
    return next((reason for reason, holds in reasons.items() if holds), otherwise)


def open_task(said: str, share: float, bar: float, advice: str) -> str:
    """What the check of an open task returns, where any answer is right that measures well enough.

    Args:
        said: what was measured, in one sentence.
        share: what the answer reaches, 0..1.
        bar: what it must reach.
        advice: what to change if it does not.

    Raises:
        Wrong: `share` is below `bar`.
    """
    if share < bar:
        raise Wrong(f"{said} At least {100 * bar:.1f} is asked for. {advice}")
    return said


@dataclass(frozen=True)
class Objective:
    """One thing the student can do afterwards; the recap prints the same words."""

    id: str
    text: str  # starts with a verb that can be watched: "compute", "choose", "explain" - not "understand"


@dataclass(frozen=True)
class Exercise:
    """One exercise, or one bug clinic: the student fills a cell, `check` judges what the cell made.

    Attributes:
        title: a few words.
        minutes: how long it takes a student.
        check: called with the student's function (or value). Raises `Wrong("...")`, or returns None,
            or returns one sentence worth knowing now that it is right. A function arrives wrapped: its
            arguments are copied, an argument it changed or an exception it raised is reported as `Wrong`,
            and what it returns has the type, dtype and shape of what `reference` returns for them.
            Draw inputs from a seeded generator. Compare with numbers worked out in the check or with
            `reference`; a check may not depend on what the student ran before.
        reference: the answer: what `checkpoint` hands out, and what the last hint shows.
        hints: from a nudge to nearly there; at least one.
        meets: ids of the objectives that this exercise shows to be met.
        difficulty: 1 easy, 2 needs thought, 3 hard.
        mutates: True where changing the argument is what the exercise asks for.
        twin: where the library does the same, "metrics.confusion_matrix"; shown when the answer is right.
    """

    title: str
    minutes: int
    check: Callable[[Any], str | None]
    reference: Any
    hints: Sequence[str]
    meets: Sequence[str]
    difficulty: int = 1
    mutates: bool = False
    twin: str = ""


@dataclass(frozen=True)
class Prediction:
    """A question asked before a cell is run. Either `unit` and a kind, or `choices`.

    Attributes:
        question: ends with a question mark.
        unit: what the number is: "%", "pixels", "seconds".
        kind: by what a guess is judged. "share", a part of a whole in %, from 0 to 100: by the factor of the
            share and of the rest. "count", a whole number, and "ratio": by the factor. "difference", also of
            scores: by how many `spread` it is off. A share by default where the unit is "%", else a ratio.
        spread: of a difference: by how much two runs of the experiment may differ.
        low: the smallest answer that makes sense.
        high: the largest; 100 by default where the unit is "%", else no bound.
        naive: what the misconception answers. A guess that is as close to it as to the result is never near.
        choices: the possible answers, where it is not a number.
    """

    question: str
    unit: str = ""
    kind: str = ""
    spread: float = 0.0
    low: float = 0.0
    high: float = math.inf
    naive: float = math.nan
    choices: Sequence[str] = ()

    def __post_init__(self) -> None:
        if bool(self.unit) == bool(self.choices):
            raise ValueError(f"Prediction {self.question!r} needs a unit or choices, and not both.")
        if self.unit and not self.kind:
            object.__setattr__(self, "kind", "share" if self.unit == "%" else "ratio")
        if self.unit == "%" and self.high == math.inf:
            object.__setattr__(self, "high", 100.0)
        known = ("share", "count", "ratio", "difference") if self.unit else ("",)
        if self.kind not in known or (self.kind == "difference") != (self.spread > 0):
            raise ValueError(
                f"Prediction {self.question!r}: the kind of a number is one of share, count, ratio and "
                "difference, and a difference has a spread above 0."
            )


@dataclass(frozen=True)
class Item:
    """One quiz question. `reasons[k]` says why `choices[k]` is right, or what one believes who picks it."""

    question: str
    choices: Sequence[str]
    answer: int
    reasons: Sequence[str]
    meets: Sequence[str]


@dataclass(frozen=True)
class Budget:
    """What running the whole notebook may cost on one profile; tests hold the notebook to it."""

    seconds: int
    megabytes: int


@dataclass(frozen=True)
class Lesson:
    """Everything the course knows about one notebook.

    Attributes:
        id: "02_metrics"; `notebooks/source/02_metrics.py` is its source.
        title: what stands over the notebook.
        minutes: how long it takes a student, exercises included.
        needs: what comes before it, in words.
        budgets: profile name ("tiny", "laptop", "gpu") to what the notebook may cost there.
        objectives: three to five.
        exercises: "02.1" to the exercise.
        predictions: "02.p1" to the prediction.
        quiz: the items, in order.

    Example:
        >>> lesson = Lesson(
        ...     id="42_towels",
        ...     title="How much of an image is towel?",
        ...     minutes=5,
        ...     needs="Nothing.",
        ...     budgets={"tiny": Budget(10, 300), "laptop": Budget(10, 300), "gpu": Budget(10, 300)},
        ...     objectives=[Objective("42.a", "compute the share of a class")],
        ...     exercises={"42.1": Exercise(
        ...         title="Count", minutes=3, check=lambda fn: None, reference=lambda mask: mask.mean(),
        ...         hints=["What is the mean of zeros and ones?"], meets=["42.a"])},
        ...     predictions={"42.p1": Prediction("How much is towel?", unit="%")},
        ...     quiz=[Item("Of 4 pixels one is 1. Its share?", ["1/4", "1/2"], answer=0, meets=["42.a"],
        ...         reasons=["One pixel of four.", "That would be two of four."])],
        ... )
        >>> lesson.number
        '42'
    """

    id: str
    title: str
    minutes: int
    needs: str
    budgets: Mapping[str, Budget]
    objectives: Sequence[Objective]
    exercises: Mapping[str, Exercise]
    quiz: Sequence[Item]
    predictions: Mapping[str, Prediction] = field(default_factory=dict)

    @property
    def number(self) -> str:
        """What every id of this lesson begins with: "02", or "07a" where a subject has several notebooks."""
        return self.id.partition("_")[0]

    @property
    def questions(self) -> dict[str, Item]:
        """The quiz items by their ids: "02.q1", "02.q2" ..."""
        return {f"{self.number}.q{index}": item for index, item in enumerate(self.quiz, 1)}
