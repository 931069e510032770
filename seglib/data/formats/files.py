"""What the readers and writers of annotation files share."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Container
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from seglib.data.annotations import AnnotatedImage, AnnotationSet
from seglib.files import number

T = TypeVar("T")


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
