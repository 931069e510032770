"""Labels on disk, each in a file whose name is a hash of all that the label depends on."""

from __future__ import annotations

import hashlib
import inspect
import os
import pickle
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import cv2
import joblib
import numpy as np
import scipy
import torch
from torch import Tensor

from seglib.cache import folder
from seglib.weak.given import Given
from seglib.weak.labelled import pack, unpack

LABELS = ("cut", "given", "rectangles", "grabcut", "votes", "proposed")  # the modules that labels depend on


def recipe(scheme: Any, settings: Mapping[str, Any]) -> str | None:
    """A hash of the code and the settings of a scheme; None where it cannot be told, as for a lambda."""
    parts = [scheme, *(value for value in settings.values() if callable(value))]
    try:
        return str(joblib.hash([_code(), [_source(part) for part in parts], dict(settings)]))
    except (pickle.PicklingError, AttributeError, TypeError, OSError):
        return None


def place(recipe: str, image: Tensor, one: Given) -> Path:
    """The file for the label of an image with these boxes."""
    digest = hashlib.blake2b(recipe.encode(), digest_size=16)
    for tensor in (image, *one):
        digest.update(f"{tuple(tensor.shape)}".encode() + tensor.contiguous().numpy().tobytes())
    name = digest.hexdigest()
    return folder() / "labels" / name[:2] / f"{name[2:]}.png"


def read(path: Path, size: tuple[int, int]) -> Tensor | None:
    """The packed label, or None where there is none, or a damaged one."""
    try:
        packed = torch.frombuffer(bytearray(path.read_bytes()), dtype=torch.uint8)
        return packed if unpack(packed).shape == size else None
    except (OSError, ValueError, cv2.error):
        return None


def write(path: Path, mask: Tensor) -> Tensor:
    """Keep a label, whole or not at all, and return it packed; a disk that is full only means no memory."""
    packed = pack(mask)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(packed.numpy().tobytes())
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
    return packed


def _source(part: Any) -> str:
    """The text of a function, and of its neighbours if it belongs to this library."""
    while isinstance(part, partial):
        part = part.func
    known = inspect.isroutine(part) or inspect.isclass(part)
    subject = part if known else type(part)
    text = inspect.getsource(subject)
    if subject.__module__.startswith("seglib."):
        file = Path(inspect.getfile(subject))
        text += (
            "" if file.parent == Path(__file__).parent else _texts(tuple(sorted(file.parent.glob("*.py"))))
        )
    return text


@cache
def _code() -> str:
    """The text of what labels depend on, and the versions of what computes them."""
    here = Path(__file__).parent
    versions = [np.__version__, cv2.__version__, scipy.__version__, torch.__version__]
    return f"{versions} " + _texts(tuple(here / f"{name}.py" for name in LABELS))


@cache
def _texts(paths: tuple[Path, ...]) -> str:
    return "".join(path.read_text(encoding="utf-8") for path in paths)
