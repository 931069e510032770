"""What the readers and writers of annotation files share: whole files, one sentence about a broken one."""

from __future__ import annotations

import json
import math
import os
import tempfile
import warnings
from collections.abc import Callable, Container
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from seglib.data.annotations import AnnotationSet, Picture
from seglib.data.disk import DiskError

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


def targets(folder: Path, annotations: AnnotationSet, suffix: str) -> list[tuple[Path, Picture]]:
    """For each picture the file of its stem in `folder`.

    Raises:
        ValueError: two pictures would share a file, or a name leads out of the folder.
    """
    names = [PurePosixPath(picture.file_name).with_suffix(suffix) for picture in annotations]
    for place, name in enumerate(names):
        if name.is_absolute() or ".." in name.parts:
            raise ValueError(
                f"{folder}: the picture '{annotations[place].file_name}' leads out of this folder"
            )
    if len(set(names)) < len(names):
        twice = next(name for place, name in enumerate(names) if name in names[:place])
        raise ValueError(f"{folder}: two pictures would be written to {twice}; rename one of them")
    return [(folder / name, picture) for name, picture in zip(names, annotations)]


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
