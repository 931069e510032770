"""Files of tensors, numbers and words: written whole or not at all, and never able to run a program.

PyTorch's usual files are pickles, and opening a pickle may run whatever its writer liked. These are read with
`weights_only=True`, which refuses everything but plain data.
"""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path
from threading import get_ident
from typing import Any, BinaryIO

import numpy as np
import torch

from seglib.data.disk import writing


class TensorFileError(ValueError):
    """A file cannot be used; the sentence says why and what to do."""


def write(path: Path, content: dict[str, Any]) -> None:
    """Write a file, all of it or nothing; an older one of that name is whole until the new one is.

    Args:
        path: its folder is made if it is not there.
        content: tensors, numbers, words, None, and lists and dicts of these.

    Raises:
        DiskError: the disk is full or may not be written to.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write(Path(folder, "a.pt"), {"weights": torch.ones(2)})
        ...     read(Path(folder, "a.pt"))
        {'weights': tensor([1., 1.])}
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{os.getpid()}.{get_ident()}.part")
        try:
            with part.open("wb") as file:
                _save(_plain(content), file)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def _plain(value: Any) -> Any:
    """The same with Python's numbers in place of NumPy's, which would have to be run to be read."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    return type(value)(map(_plain, value)) if type(value) in (list, tuple) else value


def _save(content: dict[str, Any], file: BinaryIO) -> None:
    """Write it; of a full disk PyTorch speaks in a RuntimeError, behind which is the system's error."""
    try:
        torch.save(content, file)
    except RuntimeError as error:
        if isinstance(error.__context__, OSError):
            raise error.__context__ from None
        raise


def read(path: Path) -> dict[str, Any]:
    """What `write` wrote, with its tensors on the CPU; nothing in the file is run.

    Raises:
        FileNotFoundError: there is no such file.
        TensorFileError: it is cut off or damaged, holds a program, or is something else.
    """
    if path.is_dir():
        raise TensorFileError(f"{path} is a folder; give the file in it")
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    if not zipfile.is_zipfile(path):
        raise TensorFileError(f"{path} is cut off, damaged or no file of seglib's; take a whole copy of it")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise TensorFileError(
            f"{path} holds more than tensors, numbers and words, and nothing of it was read: such a file can "
            "run any program when it is opened; use one that seglib wrote"
        ) from None
    except (RuntimeError, EOFError, ValueError, KeyError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TensorFileError(f"{path} is cut off or damaged ({reason}); take a whole copy of it") from None
    if not isinstance(content, dict):
        raise TensorFileError(f"{path} holds a {type(content).__name__} and is no file of seglib's")
    return content
