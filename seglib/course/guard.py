"""A wrapper around a student's function: nothing it does can damage a check or its inputs."""

from __future__ import annotations

import ast
import dis
import functools
import inspect
import linecache
import textwrap
import traceback
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np
import torch

from seglib.course.lesson import Wrong


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


def guarded(answer: Any, *, mutates: bool = False) -> Any:
    """A function that calls `answer` with copies and reports what goes wrong as `Wrong`.

    Anything but a plain function is copied, if it can be, and returned. An endless loop is not stopped: the
    student does that with Kernel > Interrupt, which passes through here.

    Args:
        answer: the student's function or value.
        mutates: whether the function may change its arguments (and return nothing).
    """
    if not inspect.isfunction(answer):
        return _copied(answer)

    @functools.wraps(answer)
    def call(*args: Any, **kwargs: Any) -> Any:
        if mutates:
            return _report(answer, args, kwargs)
        given = _copied((args, kwargs))
        result = _report(answer, *given)
        after = [*given[0], *given[1].values()]
        if not all(map(_same, [*args, *kwargs.values()], after)):
            raise Wrong(
                f"`{answer.__name__}` changes the array it is given, which its caller still needs. "
                "Work on a copy, or make a new array."
            )
        if result is None:
            raise Wrong(f"`{answer.__name__}` returned nothing (None). Does every path end in a `return`?")
        return result

    return call


def _report(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call the function; an exception becomes one sentence with the student's own line and the input."""
    inputs = _inputs_in_words(function, args, kwargs)  # before the call: it may change them
    try:
        return function(*args, **kwargs)
    except (Exception, SystemExit) as error:
        where = own_line(error, function.__code__.co_filename)
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
    if isinstance(value, torch.Tensor | np.ndarray):
        if 0 < np.prod(value.shape) <= 24:
            return str(value.tolist())
        kind = "tensor" if isinstance(value, torch.Tensor) else "array"
        return f"a {str(value.dtype).removeprefix('torch.')} {kind} of shape {tuple(value.shape)}"
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}…"


def _inputs_in_words(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    try:
        named: dict[Any, Any] = inspect.signature(function).bind(*args, **kwargs).arguments
    except TypeError:  # a wrong number of arguments: the call itself will say so
        named = dict(enumerate(args)) | kwargs
    return ", ".join(f"{name} = {in_words(value)}" for name, value in named.items()) or "nothing"


def _same(old: Any, new: Any) -> bool:
    """Whether a tensor or array is what it was; True for anything else."""
    if not isinstance(old, torch.Tensor | np.ndarray):
        return True
    if isinstance(old, torch.Tensor):
        old, new = old.detach(), new.detach()
    return old.shape == new.shape and bool(((old == new) | ((old != old) & (new != new))).all())


def _copied(value: Any) -> Any:
    try:
        return deepcopy(value)
    except Exception:  # a generator, a module, an open file cannot be copied
        return value
