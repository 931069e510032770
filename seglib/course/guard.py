"""A wrapper around a student's function: nothing it does can damage a check or its inputs.

A list, a NumPy array or floats that hold whole numbers are as good an answer as the tensor that was asked
for, but the cells below would not run with them. So `like` converts, where no value changes by it, and
refuses everything else.
"""

from __future__ import annotations

import ast
import dis
import functools
import inspect
import linecache
import textwrap
import traceback
from collections.abc import Iterable
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seglib.course.lesson import Wrong

Number = bool | int | float | np.generic
Sequenced = list | tuple | Tensor | np.ndarray


def is_stub(answer: Any) -> bool:
    """Whether nothing has been written yet: `...`, None, or a function that has no body but `...`.

    Example:
        >>> def area(mask):
        ...     "Count the pixels."
        ...     ...
        >>> is_stub(area), is_stub(...), is_stub(lambda mask: mask.sum())
        (True, True, False)
    """
    if answer is None or answer is ...:
        return True
    if not inspect.isfunction(answer):
        return False
    steps = [step for step in dis.get_instructions(answer) if step.opname not in ("RESUME", "NOP")]
    return all(step.argval is None for step in steps)  # load None, return it


def keeps_stub_line(answer: Any) -> bool:
    """Whether a bare `...` is still somewhere in the function, as in the stub."""
    if not (inspect.isfunction(answer) or inspect.isclass(answer)):
        return False
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(answer)))
    except (TypeError, OSError, SyntaxError):  # its source is not available
        return False
    lines = [node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)]
    return any(isinstance(line, ast.Constant) and line.value is ... for line in lines)


class Guarded:
    """A function that calls `answer` with copies, reports what goes wrong as `Wrong`, and returns its kind.

    What comes out has the type, dtype and shape that `reference` returns for the same input, so neither a
    check nor a cell below meets anything else. An endless loop is not stopped: the student does that with
    Kernel > Interrupt, which passes through here.

    Args:
        answer: the student's function.
        reference: the course's.
        mutates: whether the function may change its arguments. If the course's returns nothing, what
            this one returns is not looked at.

    Attributes:
        converted: whether anything had to be converted.
        last: the last call in words, for the message of a check that fails itself.
    """

    def __init__(self, answer: Any, reference: Any, *, mutates: bool = False) -> None:
        self.answer, self.reference, self.mutates = answer, reference, mutates
        self.name = getattr(answer, "__name__", type(answer).__name__)
        self.converted, self.last = False, "it has not been called"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What `answer` returns for these arguments.

        Raises:
            Wrong: it raised, changed its arguments, or returned another type or shape.
        """
        before = _by_name(self.answer, args, kwargs)
        inputs = ", ".join(f"{name} = {in_words(value)}" for name, value in before.items()) or "nothing"
        expected = _expected(self.reference, args, kwargs)
        given, named = (args, kwargs) if self.mutates else copied((args, kwargs))
        result = _report(self.answer, given, named, inputs)
        self.last = f"the input was {inputs}, the answer {in_words(result)}"
        after = _by_name(self.answer, given, named)
        changed = [name for name, value in before.items() if not _same(value, after[name])]
        if changed and not self.mutates:
            raise Wrong(
                f"`{self.name}` changes `{changed[0]}`, which its caller still needs. Work on a copy."
            )
        if self.mutates and expected is None:  # what it changed is the answer
            return None
        if result is None and expected is not None:
            raise Wrong(f"`{self.name}` returned nothing (None). Does every path end in a `return`?")
        converted = as_asked(result, expected, f"`{self.name}` should return", f"\nThe input was {inputs}.")
        self.converted = self.converted or converted is not result
        return converted


def converting(answer: Any, reference: Any) -> Any:
    """`answer`, whose results have the type, dtype and shape of those of `reference` for the same input.

    It raises `Wrong`, one sentence, where they cannot be converted. So whatever a cell does with a result of
    `reference`, it can do with one that is equal and came out of here.
    """

    @functools.wraps(answer)
    def call(*args: Any, **kwargs: Any) -> Any:
        expected = _expected(reference, args, kwargs)
        return as_asked(answer(*args, **kwargs), expected, "Your answer should return")

    return call


def as_asked(value: Any, model: Any, asked: str, where: str = "") -> Any:
    """`value` as the type of `model`, or `Wrong` with both types in words."""
    try:
        return like(value, model)
    except OtherKindError:
        words = in_words(value)
        short = f": {words}" if len(words) <= 60 and not words.startswith(("a ", "an ")) else ""
        raise Wrong(f"{asked} {kind(model)}; yours is {kind(value)}{short}.{where}") from None


def _expected(reference: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What the course's answer returns for copies of the arguments; torch's random numbers stay in place."""
    args, kwargs = copied((args, kwargs))
    with torch.random.fork_rng(devices=[]):
        return reference(*args, **kwargs)


def _report(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], inputs: str) -> Any:
    """Call the function; an exception becomes one sentence with the student's own line and the input."""
    try:
        return function(*args, **kwargs)
    except (Exception, SystemExit) as error:
        code = getattr(function, "__code__", None)
        where = own_line(error, code.co_filename if code else "")
        raise Wrong(f"{in_short(error)}{where}\nThe input was {inputs}.") from error


def own_line(error: BaseException, filename: str = "") -> str:
    """Where in the student's own code it happened: " in line 3: `the line`", or "" if it was elsewhere."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == filename or "ipykernel_" in frame.filename or "<ipython" in frame.filename
    ]
    if not frames or not frames[-1].lineno:
        return ""
    line = frames[-1].line or linecache.getline(frames[-1].filename, frames[-1].lineno).strip()
    return f" in line {frames[-1].lineno}: `{line}`"


def in_short(error: BaseException) -> str:
    """The first line of an exception: "It stopped with ZeroDivisionError (division by zero)"."""
    message = (str(error).strip().splitlines() or [""])[0][:300]
    return f"It stopped with {type(error).__name__}" + (f" ({message})" if message else "")


def in_words(value: Any) -> str:
    """A value in a few words: small arrays in full, large ones by shape and dtype.

    Example:
        >>> in_words(torch.tensor([[0, 1], [1, 255]]))
        '[[0, 1], [1, 255]]'
        >>> in_words(torch.zeros(3, 160, 160))
        'a float32 tensor of shape (3, 160, 160)'
    """
    if isinstance(value, Tensor | np.ndarray):
        if 0 < np.prod(value.shape) <= 24:
            return str(_rounded(value.tolist()))
        return kind(value)
    if type(value) in (list, tuple) and any(isinstance(part, Sequenced) for part in value):
        text = ", ".join(map(in_words, value)).join("()" if isinstance(value, tuple) else "[]")
    else:
        text = " ".join(repr(value).split())
    holds = isinstance(value, str | dict | Sequenced)
    if len(text) <= (200 if holds else 80):  # an optimiser writes a page
        return text
    return f"{text[:200]}…" if holds else kind(value)


def _rounded(value: Any) -> Any:
    """Numbers in nested lists with four digits."""
    if isinstance(value, list):
        return [_rounded(part) for part in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


def _by_name(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[Any, Any]:
    """The arguments of a call by the names that the function has for them."""
    try:
        return inspect.signature(function).bind(*args, **kwargs).arguments
    except (TypeError, ValueError):  # a wrong number of arguments, no signature: the call itself will say so
        return dict(enumerate(args)) | kwargs


def _same(old: Any, new: Any) -> bool:
    """Whether the tensors and arrays in it are what they were; True for anything else."""
    if isinstance(old, list | tuple):
        return all(map(_same, old, new))
    if not isinstance(old, Tensor | np.ndarray):
        return True
    if type(old) is not type(new) or old.shape != new.shape:
        return False
    if isinstance(old, Tensor) and isinstance(new, Tensor):
        if old.requires_grad != new.requires_grad:
            return False
        old, new = old.detach(), new.detach()
    return bool(((old == new) | ((old != old) & (new != new))).all())


def copied(value: Any) -> Any:
    """A deep copy, or the value itself where it cannot be copied."""
    try:
        return deepcopy(value)
    except Exception:  # a generator, a module, an open file cannot be copied
        return value


# What came back, as the type that was asked for.


class OtherKindError(Exception):
    """What was returned is not what was asked for, and cannot be converted to it."""


def like(value: Any, model: Any) -> Any:
    """`value` with the type, dtype and shape of `model`; `value` itself where it has them already.

    Truth values are never taken for numbers, nor numbers for truth values. The length of a list, and of one
    row of whole numbers (indices of something), is part of the answer and may differ.

    Raises:
        OtherKindError: a value would change, or the shape is another.

    Example:
        >>> like([[0.0, 1.0]], torch.zeros(1, 2, dtype=torch.uint8))
        tensor([[0, 1]], dtype=torch.uint8)
        >>> like(np.array([1, 2], dtype=np.int32), torch.zeros(2, dtype=torch.int64))
        tensor([1, 2])
        >>> like(np.array([1, 2]), (0, 0))
        (1, 2)
    """
    if isinstance(model, Tensor):
        return _tensor(value, model)
    if isinstance(model, np.ndarray):
        return value if isinstance(value, np.ndarray) else _tensor(value, torch.from_numpy(model)).numpy()
    if isinstance(model, Number):
        return _number(value, model)
    if type(model) in (tuple, list):
        return _sequence(value, model)
    if isinstance(model, set | frozenset) and isinstance(value, Iterable) and not isinstance(value, str):
        return value if isinstance(value, set | frozenset) else set(value)
    if not isinstance(value, type(model)):
        raise OtherKindError
    return value


def kind(value: Any) -> str:
    """The type of a value in words.

    Example:
        >>> kind(torch.zeros(2, 3)), kind((1, [2.5])), kind("abc")
        ('a float32 tensor of shape (2, 3)', '2 things (a whole number, a list (each a number))', 'a text')
    """
    if isinstance(value, Tensor | np.ndarray):
        dtype = str(value.dtype).removeprefix("torch.")
        shape = f"of shape {tuple(value.shape)}" if value.ndim else "with a single number"
        name = "tensor" if isinstance(value, Tensor) else "NumPy array"
        return f"a{'n' * dtype.startswith(('i', 'o'))} {dtype} {name} {shape}"
    if type(value) is tuple:
        each = list(map(kind, value))
        return f"{len(value)} things ({f'each {each[0]}' if len({*each}) == 1 else ', '.join(each[:6])})"
    if isinstance(value, list):
        return f"a list (each {kind(value[0])})" if value else "a list (empty)"
    names = (
        (bool | np.bool_, "True or False"),
        (int | np.integer, "a whole number"),
        (float | np.floating, "a number"),
        (str, "a text"),
        (set | frozenset, "a set"),
        (type(None), "nothing (None)"),
    )
    found = [name for known, name in names if isinstance(value, known)]
    return found[0] if found else f"a {type(value).__name__}"


def _tensor(value: Any, model: Tensor) -> Tensor:
    if isinstance(value, Tensor) and (value.dtype, value.shape) == (model.dtype, model.shape):
        return value
    try:
        found = _gathered(value)
    except Exception as error:  # texts, objects, rows of different lengths
        raise OtherKindError from error
    indices = found.ndim == model.ndim == 1 and not model.is_floating_point() and model.dtype != torch.bool
    if found.shape != model.shape and not indices:
        if model.ndim or found.numel() != 1:
            raise OtherKindError
        found = found.reshape(())
    if found.is_complex() or (found.dtype == torch.bool) != (model.dtype == torch.bool):
        raise OtherKindError
    converted = found.to(model.dtype)
    if not model.is_floating_point() and not torch.equal(converted.to(found.dtype), found):
        raise OtherKindError
    return converted


def _gathered(value: Any) -> Tensor:
    """One tensor from whatever holds numbers, lists of tensors among it."""
    if isinstance(value, list | tuple) and any(isinstance(part, Sequenced) for part in value):
        return torch.stack([_gathered(part) for part in value])
    return value if isinstance(value, Tensor) else torch.as_tensor(value)


def _number(value: Any, model: Any) -> Any:
    given = value
    if isinstance(value, Tensor) and value.requires_grad:  # it would keep all that it was computed from
        raise OtherKindError
    if isinstance(value, Tensor | np.ndarray | np.generic) and np.prod(value.shape) == 1:
        value = value.item()
    kinds = {bool: bool | np.bool_, int: int | np.integer}
    plain = next((each for each, known in kinds.items() if isinstance(model, known)), float)
    if isinstance(value, bool) != (plain is bool) or not isinstance(value, bool | int | float):
        raise OtherKindError
    if plain is int and value != (value // 1):  # also NaN
        raise OtherKindError
    return given if isinstance(given, plain) else plain(value)


def _sequence(value: Any, model: Any) -> Any:
    if not isinstance(value, Sequenced) or (not isinstance(value, list | tuple) and value.ndim == 0):
        raise OtherKindError
    parts = list(value)
    if isinstance(model, tuple) and len(parts) != len(model):
        raise OtherKindError
    models = model if isinstance(model, tuple) else model[:1] * len(parts)
    found = [like(part, one) for part, one in zip(parts, models)] if model else parts
    same = type(value) is type(model) and all(a is b for a, b in zip(found, parts))
    return value if same else type(model)(found)
