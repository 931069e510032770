"""What an answer returned, as the type that the course's own answer has for the same input.

A list, a NumPy array or floats that hold whole numbers are as good an answer as the tensor that
was asked for, but the cells below would not run with them. So `like` converts, where no value changes by it,
and refuses everything else.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

Number = bool | int | float | np.generic
Sequenced = list | tuple | Tensor | np.ndarray


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
        return f"a{'n' * dtype.startswith('i')} {dtype} {name} {shape}"
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
    if model.dtype != torch.bool and not model.is_floating_point() and found.numel():
        least, most = torch.iinfo(model.dtype).min, torch.iinfo(model.dtype).max
        if not (found.double() == found.double().round()).all() or found.min() < least or found.max() > most:
            raise OtherKindError
    return found.to(model.dtype)


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
