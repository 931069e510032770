"""`predict` records a guess before a cell runs; `reveal` compares it with the result."""

from __future__ import annotations

import math
from statistics import median
from string import ascii_lowercase
from typing import Any

from seglib.course import content, store
from seglib.course.lesson import Prediction
from seglib.course.say import say


def predict(name: str, guess: Any = ...) -> None:
    """Record a guess; the first one made before the result is the one that counts.

    Args:
        name: the prediction's id, "02.p1".
        guess: a number in the prediction's unit; or a choice, in words or by its letter; `...` for not yet.
    """
    try:
        asked = content.prediction(name)
        if guess is ...:
            text = f"{asked.question}\n{how_to_answer(asked)}"
            say(f"{name}: your guess first.", text, kind="not attempted")
            return
        answer = parse_guess(asked, guess)
    except ValueError as error:
        say(f"{name}: that is not a valid answer.", str(error), kind="wrong")
        return

    def change(record: store.Record) -> None:
        entry = record["predictions"].setdefault(name, {})
        if "value" not in entry:
            entry["guess"] = answer
        elif "guess" not in entry:
            entry.update(guess=answer, late=True)

    kept = store.update(name.partition(".")[0], change)["predictions"][name]["guess"]
    shown = kept if asked.choices else f"{_number(kept)} {asked.unit}"
    if kept == answer:
        say(f"{name}: your guess is recorded: {shown}.", "Now run the next cell.")
    else:
        say(f"{name}: your first guess stays: {shown}.", "You have seen the result in the meantime.")


def reveal(name: str, value: Any) -> None:
    """Show the result, the guess, and by how much they differ. A NaN is not recorded.

    Args:
        name: the prediction's id, "02.p1".
        value: the result: a number (or a tensor of one), or one of the choices.

    Raises:
        ValueError: the prediction does not exist, or `value` is not one of its choices.
    """
    asked = content.prediction(name)
    result = value if asked.choices else float(value)
    if asked.choices and value not in asked.choices:
        raise ValueError(
            f"{name}: the result {value!r} is not one of the choices {', '.join(asked.choices)}."
        )
    if not asked.choices and not math.isfinite(result):
        say(f"{name}: the result is {result}.", "It cannot be compared with a guess.", kind="wrong")
        return

    def change(record: store.Record) -> None:
        record["predictions"].setdefault(name, {})["value"] = result

    entry = store.update(name.partition(".")[0], change)["predictions"][name]
    title, text, kind = compare(asked, entry.get("guess"), result)
    if entry.get("late"):
        text += " You guessed after you had seen the result, so this guess does not count."
    say(f"{name}: {title}", text, kind=kind)


def compare(asked: Prediction, guess: float | str | None, value: float | str) -> tuple[str, str, str]:
    """Title, text and kind of box for a guess and a result.

    Example:
        >>> compare(Prediction("How much?", unit="%"), 60.0, 96.25)
        ('it is 96.2 %.', 'You guessed 60 %: 36.2 points too low. Ask yourself what you left out.', 'wrong')
    """
    title = f"it is: {value}." if isinstance(value, str) else f"it is {_number(value)} {asked.unit}."
    if isinstance(guess, str) and isinstance(value, str):
        if guess == value:
            return title, "That was your guess.", "right"
        return title, f"You guessed: {guess}. Ask yourself what made it look so.", "wrong"
    if guess is None or isinstance(guess, str) or isinstance(value, str):
        return title, "You did not guess. Try it next time: a wrong guess teaches more than none.", "note"
    miss, scale = guess - value, asked.high - asked.low
    said, points = f"You guessed {_number(guess)} {asked.unit}", asked.unit.replace("%", "points")
    if abs(miss) <= 0.05 * scale:
        return title, f"{said}: close enough to count as right.", "right"
    off = f"{said}: {_number(abs(miss))} {points} too {'high' if miss > 0 else 'low'}."
    if abs(miss) <= 0.15 * scale:
        return title, f"{off} Near.", "note"
    return title, f"{off} Ask yourself what you left out.", "wrong"


def parse_guess(asked: Prediction, guess: Any) -> float | str:
    """The guess as it is stored: a number within the range, or one of the choices.

    Raises:
        ValueError: it is neither; the message says how to answer.
    """
    if asked.choices:
        word = str(guess).strip().lower()
        for letter, choice in zip(ascii_lowercase, asked.choices):
            if word in (letter, choice.lower()):
                return choice
    elif not isinstance(guess, bool):
        try:
            if asked.low <= float(guess) <= asked.high:
                return float(guess)
        except (TypeError, ValueError):  # not a number
            pass
    raise ValueError(f"{how_to_answer(asked)} You wrote {guess!r}.")


def how_to_answer(asked: Prediction) -> str:
    """One sentence: what to write in place of the three dots."""
    if asked.choices:
        listed = ", ".join(f'"{letter}" {choice}' for letter, choice in zip(ascii_lowercase, asked.choices))
        return f"In place of `...` write one letter in quotes: {listed}."
    return f"In place of `...` write a number in {asked.unit}, {_number(asked.low)} to {_number(asked.high)}."


def calibration(pairs: list[tuple[Prediction, dict[str, Any]]]) -> str:
    """How good the guesses were, in words; guesses made after the result are left out.

    Args:
        pairs: predictions with their records, `{"guess": ..., "value": ..., "late": ...}`.
    """
    counted = [(asked, r) for asked, r in pairs if {"guess", "value"} <= r.keys() and not r.get("late")]
    chosen = [r["guess"] == r["value"] for asked, r in counted if asked.choices]
    misses = [(r["guess"] - r["value"]) / (p.high - p.low) for p, r in counted if not p.choices]
    words = []
    if chosen:
        words.append(f"{sum(chosen)} of {len(chosen)} choices right")
    if misses:
        typical, high = median(map(abs, misses)), sum(miss > 0 for miss in misses)
        words.append(f"numbers typically {typical:.0%} of the scale away, {high} of {len(misses)} too high")
    return f"Your guesses: {'; '.join(words)}." if words else "No guesses yet."


def _number(value: float) -> str:
    """Three significant digits, or all of a large number; no trailing zeros."""
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
