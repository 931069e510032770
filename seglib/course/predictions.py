"""`predict` records a guess before a cell runs; `reveal` compares it with the result."""

from __future__ import annotations

import math
from statistics import median
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
            say(f"{name}: your guess first.", f"{asked.question}\n{how_to_answer(asked)}", kind="open")
            return
        _record_guess(name, asked, parse_guess(asked, guess))
    except ValueError as error:
        say(f"{name}: that is not a valid answer.", str(error), kind="wrong")


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

    entry = store.update(name[:2], change)["predictions"][name]
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
    if isinstance(value, str):
        title = f"it is: {value}."
        if guess is None:
            return title, _NO_GUESS, "note"
        if guess == value:
            return title, "That was your guess.", "right"
        return title, f"You guessed: {guess}. Ask yourself what made it look so.", "wrong"
    title = f"it is {_number(value)} {asked.unit}."
    if guess is None or isinstance(guess, str):
        return title, _NO_GUESS, "note"
    miss, scale = guess - value, asked.high - asked.low
    said, points = f"You guessed {_number(guess)} {asked.unit}", asked.unit.replace("%", "points")
    if abs(miss) <= 0.05 * scale:
        return title, f"{said}: close enough to count as right.", "right"
    off = f"{said}: {_number(abs(miss))} {points} too {'high' if miss > 0 else 'low'}."
    if abs(miss) <= 0.15 * scale:
        return title, f"{off} Near.", "note"
    return title, f"{off} Ask yourself what you left out.", "wrong"


_NO_GUESS = "You did not guess. Try it next time: a wrong guess teaches more than none."


def parse_guess(asked: Prediction, guess: Any) -> float | str:
    """The guess as it is stored: a number within the range, or one of the choices.

    Raises:
        ValueError: it is neither; the message says how to answer.
    """
    if asked.choices:
        word = str(guess).strip().lower()
        for index, choice in enumerate(asked.choices):
            if word in (letter(index), choice.lower()):
                return choice
    elif not isinstance(guess, bool):
        try:
            if asked.low <= float(guess) <= asked.high:
                return float(guess)
        except (TypeError, ValueError):  # not a number at all
            pass
    raise ValueError(f"{how_to_answer(asked)} You wrote {guess!r}.")


def how_to_answer(asked: Prediction) -> str:
    """One sentence: what to write in place of the three dots."""
    if asked.choices:
        listed = ", ".join(f'"{letter(k)}" {choice}' for k, choice in enumerate(asked.choices))
        return f"In place of `...` write one letter in quotes: {listed}."
    return f"In place of `...` write a number in {asked.unit}, {_number(asked.low)} to {_number(asked.high)}."


def letter(index: int) -> str:
    """The letter of choice `index`: a, b, c ..."""
    return chr(ord("a") + index)


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


def _record_guess(name: str, asked: Prediction, guess: float | str) -> None:
    kept: list[float | str] = []

    def change(record: store.Record) -> None:
        entry = record["predictions"].setdefault(name, {})
        if "value" not in entry:
            entry["guess"] = guess
        elif "guess" not in entry:
            entry.update(guess=guess, late=True)
        kept.append(entry["guess"])

    store.update(name[:2], change)
    shown = kept[0] if asked.choices else f"{_number(float(kept[0]))} {asked.unit}"
    if kept[0] == guess:
        say(f"{name}: your guess is recorded: {shown}.", "Now run the next cell.")
    else:
        say(f"{name}: your first guess stays: {shown}.", "You have seen the result in the meantime.")


def _number(value: float) -> str:
    """Three significant digits, or all of a large number; no trailing zeros."""
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
