"""Images of 12 and 16 bits as images of 8 bits, so that they are not black."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Note = Callable[[str, str], object]  # takes a topic and a sentence, as `SegmentationDataset.note`


def warn(topic: str, text: str) -> None:
    """A note of a function that has no data set to keep it."""
    warnings.warn(text, stacklevel=3)


def deep_colors(path: Path, page: int | None) -> NDArray[np.uint16]:
    """(H, W, 3) the colours of a 16-bit image, turned as stored, which Pillow would cut to 8 bits."""
    import cv2

    flags = cv2.IMREAD_ANYDEPTH | cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    done, images = cv2.imdecodemulti(np.fromfile(path, np.uint8), flags) if page else (True, ())
    found = images[page] if page else cv2.imdecode(np.fromfile(path, np.uint8), flags)
    if not done or found is None:
        raise ValueError(f"{path}: colours of 16 bits that cannot be read; save it with 8 bits")
    return np.ascontiguousarray(found[..., ::-1])


def eight_bits(values: NDArray[Any], path: Path, top: int, note: Note) -> NDArray[np.uint8]:
    """An image of 16 bits as one of 8 bits; `top` becomes 255, if it is known and holds all values."""
    low, high = int(values.min()), int(values.max())
    if values.dtype.kind == "f" or low < 0 or high > 65535:
        found = f"{values.min()}..{values.max()} ({values.dtype})"
        raise ValueError(f"{path}: pixels must be whole numbers of 8 or 16 bits, not {found}; rescale them")
    if not 0 < top < 65535 or top < high:
        top = max(255, (1 << high.bit_length()) - 1)
    note("16 bits", f"{path}: 16 bits are scaled to 8: {top} becomes 255; every image by its own content")
    return np.round(values * (255 / top)).astype(np.uint8)
