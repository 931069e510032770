"""Writing to a disk that may be full or read-only."""

from __future__ import annotations

import errno
import json
import math
import os
import pickle
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from threading import get_ident
from typing import Any, BinaryIO, TypeVar

import numpy as np
import torch

from seglib.data.annotations import AnnotatedImage, AnnotationSet

_FULL = {errno.ENOSPC, errno.EDQUOT}
_CLOSED = {errno.EROFS, errno.EACCES, errno.EPERM}


class DiskError(OSError):
    """A file cannot be written; the sentence says why and what to do."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the system's errors about a full or read-only disk into one sentence; let others pass.

    Raises:
        DiskError: the disk is full, or `path` cannot be written to.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise DiskError(f"{path}: the disk is full; free some space and run this again") from None
        if error.errno in _CLOSED:
            raise DiskError(
                f"{path}: no permission to write here; choose another folder with root=..."
            ) from None
        raise


# Files of tensors, numbers and words: written whole or not at all, and never able to run a program.
#
# PyTorch's usual files are pickles, and opening a pickle may run whatever its writer liked. These are read
# with `weights_only=True`, which refuses everything but plain data.


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


# What the readers and writers of annotation files share: whole files, one sentence about a broken one.

T = TypeVar("T")


def write_text(path: Path, text: str) -> None:
    """Write a file that is whole at any moment: the old one stays until the new one is on the disk.

    Raises:
        DiskError: the disk is full, or nothing may be written here.
    """
    new = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, delete=False) as file:
            new = Path(file.name)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.chmod(path.stat().st_mode if path.exists() else 0o644)  # a temporary file is private
        new.replace(path)
    except OSError as error:
        if new is not None:
            new.unlink(missing_ok=True)
        raise DiskError(
            f"{path}: cannot be written ({error.strerror}); free some space or choose another folder"
        ) from None


def files_in(path: Path, suffix: str) -> dict[Path, PurePosixPath]:
    """The file itself, or the files with this suffix in a folder, each with where it lies in that folder.

    Raises:
        FileNotFoundError: there is no such file or folder.
        ValueError: the folder holds none.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file or folder")
    files = [path] if path.is_file() else sorted(path.rglob(f"*{suffix}"))
    if not files:
        raise ValueError(f"{path}: there is no {suffix} file in this folder")
    folder = path.parent if path.is_file() else path
    return {file: PurePosixPath(file.parent.relative_to(folder).as_posix()) for file in files}


def targets(folder: Path, annotations: AnnotationSet, suffix: str) -> list[tuple[Path, AnnotatedImage]]:
    """For each image the file of its stem in `folder`.

    Raises:
        ValueError: two images would share a file, or a name leads out of the folder.
    """
    names = [PurePosixPath(image.file_name).with_suffix(suffix) for image in annotations]
    for place, name in enumerate(names):
        if name.is_absolute() or ".." in name.parts:
            raise ValueError(f"{folder}: the image '{annotations[place].file_name}' leads out of this folder")
    if len(set(names)) < len(names):
        twice = next(name for place, name in enumerate(names) if name in names[:place])
        raise ValueError(f"{folder}: two images would be written to {twice}; rename one of them")
    return [(folder / name, image) for name, image in zip(names, annotations)]


def read_json(path: Path) -> Any:
    """What a JSON file holds; ValueError where it is none."""
    try:
        return json.loads(path.read_bytes())
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{path}: not JSON, or it breaks off ({error}); export or copy it again") from None


def number(value: Any, place: str) -> float:
    """A finite number, also where it stands as text; a whole one as int.

    Args:
        value: what the file holds.
        place: where it holds it, for the message.

    Example:
        >>> number("45.5", "xmin"), number(3.0, "xmin")
        (45.5, 3)
    """
    try:
        result = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        result = math.nan
    if not math.isfinite(result):
        raise ValueError(f"{place} must be a number, it is {value!r}")
    return int(result) if result.is_integer() else result


def numbers(values: Any, place: str, lengths: Container[int]) -> list[float]:
    """A list of numbers, as many as one of `lengths`; ValueError that names the place where it is none."""
    if not isinstance(values, list) or len(values) not in lengths:
        raise ValueError(f"{place} must be a list of {_shown(lengths)} numbers, it is {values!r:.60}")
    return [number(value, place) for value in values]


def seconds(value: Any, place: str) -> float | None:
    """The field "seconds", which only this course writes: None where it is not there."""
    return None if value is None else number(value, f'{place} "seconds"')


def timed(took: float | None) -> dict[str, float]:
    """The field "seconds" to be written, where somebody counted."""
    return {} if took is None else {"seconds": took}


def naming(place: object, make: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """`make(...)`; what it complains about gets the name of the file, or the place in it, put before."""
    try:
        return make(*args, **kwargs)
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None


def left_out(path: Path, count: int, what: str) -> None:
    """Warn of shapes that are neither a box nor an outline."""
    if count:
        warnings.warn(f"{path}: left out {count} shapes, which are {what}", stacklevel=4)


def _shown(lengths: Container[int]) -> str:
    return "6, 8, 10, ..." if isinstance(lengths, range) else str(*lengths)  # type: ignore[misc]
