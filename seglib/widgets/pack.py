"""What is sent to the browser, once: an image as a file, label maps as deflated bytes; checked first."""

import io
import math
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from PIL import Image as Pillow
from torch import Tensor

from seglib.data.dataset import Instances
from seglib.labels import VOID, Classes, check_image, check_mask, describe, percent, shares

LOSSLESS_UP_TO = 256 * 256  # pixels; a PNG of more than that is large, and its pixels cannot be told apart
LARGEST = 2048  # pixels of the longer side that are sent: notebooks with large photographs stay small


def check(image: Tensor, maps: Mapping[str, Tensor], classes: Classes) -> None:
    """Raise a ValueError, one sentence, unless an image and its label maps fit together.

    Raises:
        ValueError: the image is not (3, H, W) uint8; there is no map; a map is not (H, W) class indices of
            the image's size, or holds a value that is neither a class nor 255.
    """
    check_image(image, "the image")
    if not maps:
        raise ValueError('there is no label map to show; give at least one, as in maps={"truth": mask}')
    for name, mask in maps.items():
        if not isinstance(mask, Tensor):
            kind = type(mask).__name__
            raise ValueError(f"the label map {name!r} must be a tensor of class indices, not a {kind}")
        if mask.shape != image.shape[1:]:
            sizes = f"{tuple(mask.shape)}, the image {tuple(image.shape[1:])}"
            raise ValueError(f"the label map {name!r} has the size {sizes}; both must be the same (H, W)")
        check_mask(mask, len(classes), f"the label map {name!r}")


def instance_ids(instances: Instances, size: Sequence[int]) -> Tensor:
    """Number the objects of an image.

    Args:
        instances: the objects.
        size: (height, width) of the image.

    Returns:
        (H, W) int64: 0 where there is no object, else its number from 1, the higher one where two overlap.

    Raises:
        ValueError: the objects' masks have another size.
    """
    numbers = torch.arange(1, len(instances) + 1)[:, None, None]
    ids = (instances.masks.cpu() * numbers).amax(0) if instances else torch.zeros(size).long()
    if tuple(ids.shape) != tuple(size):
        raise ValueError(f"the instances have the size {tuple(ids.shape)}, the image {tuple(size)}")
    return ids


def encode(image: Tensor) -> bytes:
    """(3, H, W) uint8 -> PNG up to 256 x 256 pixels, JPEG of quality 90 above."""
    return encoded(image, "PNG") if image[0].numel() <= LOSSLESS_UP_TO else jpeg(image)


def jpeg(image: Tensor) -> bytes:
    """(3, H, W) uint8 -> JPEG of quality 90, for images whose pixels need not be exact."""
    return encoded(image, "JPEG", quality=90, subsampling=0)


def encoded(image: Tensor, kind: str, **options: int) -> bytes:
    """(3, H, W) uint8 -> a file of a kind that Pillow knows."""
    file = io.BytesIO()
    Pillow.fromarray(image.permute(1, 2, 0).cpu().contiguous().numpy()).save(file, kind, **options)
    return file.getvalue()


def deflate(labels: Tensor, dtype: str = "u1") -> bytes:
    """(H, W) integers -> zlib bytes of its rows, top first; `dtype` as NumPy writes it ("<u2": two bytes)."""
    return zlib.compress(labels.cpu().numpy().astype(dtype).tobytes())


def thumbnail(image: Tensor, labels: Tensor | None = None) -> dict[str, Any]:
    """A small image (3, H, W) as thumbs.js reads it, with its labels (H, W) where it has any."""
    packed = None if labels is None else deflate(labels)
    return {"width": image.shape[2], "height": image.shape[1], "image": jpeg(image), "labels": packed}


def names_and_colors(classes: Classes) -> list[dict[str, Any]]:
    """The classes as the browser reads them."""
    return [{"name": name, "color": color} for name, color in zip(classes.names, classes.colors)]


def stride_of(size: Sequence[int], largest: int = LARGEST) -> int:
    """1, 2, 4, ...: of so many pixels across and down one is shown, so that a side has at most `largest`.

    Example:
        >>> stride_of((480, 640)), stride_of((3000, 4000)), stride_of((10, 4097))
        (1, 2, 4)
    """
    return int(2 ** max(0, math.ceil(math.log2(max(size) / largest))))


def scale_of(stride: int) -> str:
    """A sentence about the pixels that are left out; "" where none is."""
    return f"Shown is 1 of every {stride} pixels across and down." if stride > 1 else ""


def image_data(image: Tensor, stride: int = 1) -> dict[str, Any]:
    """An image (3, H, W) uint8 with its size, as the browser reads it; `stride` is that of `stride_of`."""
    size = {"width": image.shape[2], "height": image.shape[1], "stride": stride, "note": scale_of(stride)}
    return size | {"image": encode(image)}


def pack(
    image: Tensor, maps: Mapping[str, Tensor], classes: Classes, instances: Tensor | None, stride: int
) -> dict[str, Any]:
    """Everything `paint.js` unpacks: the image, its label maps with their words and shares, the classes.

    The first map is the truth, with which the others are compared.
    """
    truth = next(iter(maps.values()))
    return {
        **image_data(image, stride),
        "classes": names_and_colors(classes),
        "void": classes.void_color,
        "maps": [
            {
                "name": name,
                "words": describe(mask, classes),
                "shares": [percent(share) for share in shares(mask, classes).tolist()],
                "verdicts": _verdicts(mask, truth),
                "labels": deflate(mask),
            }
            for name, mask in maps.items()
        ],
        "instances": None if instances is None else deflate(instances, "<u2"),
    }


def _verdicts(pred: Tensor, truth: Tensor) -> dict[str, str]:
    """How much of a label map (H, W) is right, wrong, and void in the truth, in percent."""
    void = truth == VOID
    where = {"right": (pred == truth) & ~void, "wrong": (pred != truth) & ~void, "void": void}
    return {verdict: percent(pixels.sum().item() / pixels.numel()) for verdict, pixels in where.items()}
