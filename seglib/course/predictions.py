"""`predict` records a guess before a cell runs; `reveal` compares it with the result."""

from __future__ import annotations

import math
import re
from string import ascii_lowercase
from typing import Any

from seglib.course import content, store
from seglib.course.lesson import Prediction
from seglib.course.say import say
from seglib.machine import pick_profile

#: The largest factor, and the largest number of spreads, for "right" and for "near".
RIGHT, NEAR = (1.2, 1.0), (1.6, 2.0)
AGAIN = "To guess anew, begin the notebook again: `start(..., again=True)`."
FAR = "Ask yourself what you left out."
TINY = "In the tiny profile no guess is judged: its numbers are rough."


def predict(name: str, *guess: Any) -> None:
    """Record a guess; the first one made before the result is the one that counts.

    Args:
        name: the prediction's id, "02.p1".
        guess: a number in the prediction's unit, also as "30 %" or with a decimal comma; or a choice, in
            words or by its letter; `...` for not yet.
    """
    try:
        asked = content.prediction(name)
        if guess in ((), (...,)):
            text = f"{asked.question}\n{how_to_answer(asked)}"
            say(f"{name}: your guess first.", text, kind="not attempted")
            return
        answer = parse_guess(asked, *guess)
    except ValueError as error:
        say(f"{name}: that is not a valid answer.", str(error), kind="wrong")
        return

    def change(record: store.Record) -> None:
        entry = record["predictions"].setdefault(name, {})
        if "value" not in entry:
            entry["guess"] = answer
        elif "guess" not in entry:
            entry.update(guess=answer, late=True)

    entry = store.update(name.partition(".")[0], change)["predictions"][name]
    shown = entry["guess"] if asked.choices else _quantity(entry["guess"], asked)
    if entry.get("late"):
        say(f"{name}: recorded: {shown}.", f"You have seen the result, so it does not count. {AGAIN}")
    elif entry["guess"] == answer:
        say(f"{name}: your guess is recorded: {shown}.", "Now run the next cell.")
    else:
        say(f"{name}: your first guess stays: {shown}.", f"You have seen the result. {AGAIN}")


def reveal(name: str, value: Any) -> None:
    """Show the result, the guess, and by how much they differ.

    A NaN is not recorded. Nor is anything in the tiny profile, which is for trying out the cells: its numbers
    say nothing about a guess.

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
    if pick_profile().name == "tiny":
        say(f"{name}: {_title(asked, result)}", TINY)
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
    title = _title(asked, value)
    if guess is None or isinstance(guess, str) != isinstance(value, str):
        return title, "You did not guess. Try it next time: a wrong guess teaches more than none.", "note"
    found = verdict(asked, guess, value)
    if isinstance(guess, str) or isinstance(value, str):
        if found == "right":
            return title, "That was your guess.", "right"
        return title, f"You guessed: {guess}. Ask yourself what made it look so.", "wrong"
    said = f"You guessed {_quantity(guess, asked)}"
    if found == "right":
        return title, f"{said}: close enough to count as right.", "right"
    off = f"{said}: {_off(asked, guess, value)}."
    return (title, f"{off} Near.", "note") if found == "near" else (title, f"{off} {FAR}", "wrong")


def verdict(asked: Prediction, guess: float | str, value: float | str) -> str:
    """Whether a guess is "right", "near" or "far": by its factor, by the spread, or as a choice.

    Example:
        >>> rare = Prediction("How much is it?", unit="%", naive=10)
        >>> [verdict(rare, guess, 0.86) for guess in (0.9, 0.6, 10, 0)]
        ['right', 'near', 'far', 'far']
    """
    if isinstance(guess, str) or isinstance(value, str):
        return "right" if guess == value else "far"
    by = int(asked.kind == "difference")
    miss = _miss(asked, guess, value)
    if miss <= RIGHT[by]:
        return "right"
    return "near" if miss <= NEAR[by] and not _miss(asked, guess, asked.naive) <= miss else "far"


def _miss(asked: Prediction, guess: float, value: float) -> float:
    """How many times or how many spreads a guess is off; NaN from a NaN."""
    if asked.kind == "difference":
        return abs(guess - value) / asked.spread
    both = [(guess, value), (100 - guess, 100 - value)] if asked.kind == "share" else [(guess, value)]
    return max(_factor(*pair) for pair in both)


def _factor(one: float, other: float) -> float:
    if one == other:
        return 1.0
    least, most = sorted((one, other), key=abs)
    return most / least if least and most / least > 0 else math.nan if math.isnan(one + other) else math.inf


def _off(asked: Prediction, guess: float, value: float) -> str:
    """By how much, in words: times where it is a large factor, else in the unit."""
    side = "high" if guess > value else "low"
    times = _factor(guess, value)
    if asked.kind != "difference" and 2 <= times < math.inf:
        return f"{_number(times)} times too {side}"
    return f"{_number(abs(guess - value))} {asked.unit.replace('%', 'points')} too {side}"


def parse_guess(asked: Prediction, *guess: Any) -> float | str:
    """The guess as it is stored: a number within the range, or one of the choices.

    Args:
        asked: the prediction.
        guess: the guess; two whole numbers where somebody wrote a decimal comma, 12,5.

    Raises:
        ValueError: it is neither; the message says how to answer.
    """
    wrote = guess[0] if len(guess) == 1 else ",".join(map(str, guess))
    if asked.choices:
        word = str(wrote).strip().lower()
        for letter, choice in zip(ascii_lowercase, asked.choices):
            if word in (letter, choice.lower()):
                return choice
        raise ValueError(f"{how_to_answer(asked)} You wrote {wrote!r}.")
    number, with_unit = _read(wrote, asked.unit)
    if not asked.low <= number <= asked.high or not math.isfinite(number):
        raise ValueError(f"{how_to_answer(asked)} You wrote {wrote!r}.")
    if asked.kind == "count" and number != round(number):
        raise ValueError(f"This is a number of {asked.unit}: write a whole number. You wrote {wrote!r}.")
    if asked.kind == "share" and 0 < number < 1 and not with_unit:
        both = f'write {100 * number:.3g}. If it is {number:.3g} %, write "{number:.3g} %" with its quotes'
        raise ValueError(f"The answer is in %: if you mean {100 * number:.3g} %, {both}.")
    return number


def _read(wrote: Any, unit: str) -> tuple[float, bool]:
    """The number, NaN if there is none, and whether its unit is there: 30, "30 %", "12,5", "1e3"."""
    if isinstance(wrote, bool):
        return math.nan, False
    if not isinstance(wrote, str):
        try:
            return float(wrote), False
        except (TypeError, ValueError, RuntimeError):  # not a number; a tensor of several
            return math.nan, False
    text = wrote.strip().removesuffix(unit).strip()
    if re.fullmatch(r"[+-]?\d+(,\d{3}|,0)+", text):  # is 1,000 one or a thousand? Python makes 1, 0 of it
        return math.nan, False
    found = re.fullmatch(r"[+-]?\d+([.,]\d+)?(e[+-]?\d+)?", text)
    return (float(text.replace(",", ".")) if found else math.nan), text != wrote.strip()


def how_to_answer(asked: Prediction) -> str:
    """One sentence: what to write in place of the three dots."""
    if asked.choices:
        listed = ", ".join(f'"{letter}" {choice}' for letter, choice in zip(ascii_lowercase, asked.choices))
        return f"In place of `...` write one letter in quotes: {listed}."
    bound = f" to {_number(asked.high)}" if asked.high < math.inf else " or more"
    what = "a number in %" if asked.unit == "%" else f"a number ({asked.unit})"
    return f"In place of `...` write {what}, {_number(asked.low)}{bound}."


def calibration(pairs: list[tuple[Prediction, dict[str, Any]]]) -> str:
    """How good the guesses were, in words; guesses made after the result are left out.

    Args:
        pairs: predictions with their records, `{"guess": ..., "value": ..., "late": ...}`.
    """
    counted = [(asked, r) for asked, r in pairs if {"guess", "value"} <= r.keys() and not r.get("late")]
    chosen = [r["guess"] == r["value"] for asked, r in counted if asked.choices]
    numbers = [(p, r["guess"], r["value"]) for p, r in counted if not p.choices]
    words = []
    if chosen:
        words.append(f"{sum(chosen)} of {len(chosen)} choices right")
    if numbers:
        found = [verdict(*number) for number in numbers]
        near, high = len(found) - found.count("far"), sum(guess > value for _, guess, value in numbers)
        words.append(f"{near} of {len(found)} numbers right or near, {high} too high")
    return f"Your guesses: {'; '.join(words)}." if words else "No guesses yet."


def _title(asked: Prediction, value: float | str) -> str:
    return f"it is: {value}." if isinstance(value, str) else f"it is {_quantity(value, asked)}."


def _quantity(value: float, asked: Prediction) -> str:
    return f"{_number(value)} {asked.unit}"


def _number(value: float) -> str:
    """Three significant digits, or all of a large number; no trailing zeros."""
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
