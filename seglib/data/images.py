"""Reading images and masks from files, whatever their mode, with one clear sentence for damaged ones."""

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import ExifTags, ImageOps
from PIL import Image as Pillow
from torch import Tensor
from torchvision.tv_tensors import Image

SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})

# What Pillow raises for damaged files, depending on the format.
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error, zlib.error)


# EXIF orientations that swap the sides -> the dimensions to flip before the transposition.
_FLIPS = {5: (), 6: (-2,), 7: (-2, -1), 8: (-1,)}


class SizeError(ValueError):
    """A mask does not have the size of its image."""


class LabelError(ValueError):
    """A mask holds a value or a colour that is not a class."""


def read_image(path: Path) -> Image:
    """Read the image in a file, upright and in colour.

    EXIF rotation is applied. 16-bit images are scaled to 8 bits (full range onto full range), grey, palette
    and CMYK images become RGB, and transparent ones are blended with white, as on a web page.

    Args:
        path: a file that Pillow opens; of an animation, the first frame is read.

    Returns:
        uint8 (3, H, W), values 0..255.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is empty, cut off, not an image, or holds floating-point values.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "grey.png"
        >>> Pillow.new("L", (4, 3), 128).save(path)
        >>> read_image(path).shape
        torch.Size([3, 3, 4])
    """
    image = ImageOps.exif_transpose(_open(path))
    if image.mode.startswith(("I", "F")):
        image = _eight_bits(image, path)
    if image.has_transparency_data:
        white = Pillow.new("RGBA", image.size, "white")
        image = Pillow.alpha_composite(white, image.convert("RGBA"))
    pixels = np.array(image.convert("RGB"))  # (H, W, 3), a copy that torch may write to
    return Image(torch.from_numpy(pixels).permute(2, 0, 1).contiguous())


def read_labels(path: Path) -> NDArray[Any]:
    """The numbers or the colours in a mask file, unchanged.

    Palette images give their indices, grey images their values, black-and-white images 0 and 1.

    Args:
        path: a mask in a lossless format (PNG), never JPEG.

    Returns:
        (H, W) of any integer dtype, or uint8 (H, W, 3) where the mask is painted in colours.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is empty, cut off, or not an image.
    """
    image = _open(path)
    if image.mode in ("LA", "RGBA"):
        image = image.convert(image.mode[:-1])  # without transparency
    if image.mode not in ("1", "L", "P", "RGB") and not image.mode.startswith("I"):
        raise ValueError(f"{path}: a mask in mode {image.mode} cannot be read; save an 8-bit or palette PNG")
    return np.array(image, np.uint8 if image.mode == "1" else None)


def count_labels(path: Path) -> NDArray[np.int64] | None:
    """The histogram of a mask file, without an array of its pixels.

    Returns:
        (256,) the pixels of each value; None if the mask is painted or does not have 8 bits.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is empty, cut off, or not an image.
    """
    image = _open(path)
    return np.array(image.histogram()) if image.mode in ("L", "P") else None


def match_size(labels: Tensor, image: Image, image_path: Path, source: str) -> Tensor:
    """Check the labels (..., H, W) of an image against the image's size, and turn them if necessary.

    Some labelling tools ignore the EXIF rotation of a photograph. Labels that fit only its unrotated pixels
    are therefore rotated with it.

    Raises:
        ValueError: the sizes differ; the message names both and `source`, where the labels came from.
    """
    size = image.shape[-2:]
    if labels.shape[-2:] == size:
        return labels
    with Pillow.open(image_path) as file:
        orientation = file.getexif().get(ExifTags.Base.Orientation)
    if orientation in _FLIPS and labels.mT.shape[-2:] == size:
        return labels.flip(_FLIPS[orientation]).mT
    raise SizeError(
        f"{source}: the mask is {labels.shape[-1]}x{labels.shape[-2]} (width x height), but its image"
        f" {image_path} is {size[1]}x{size[0]}; a mask must have exactly the size of its image"
    )


def _open(path: Path) -> Pillow.Image:
    """The decoded image; an error in one sentence if it is missing or damaged."""
    try:
        with Pillow.open(path) as image:
            image.load()
            return image
    except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
        raise type(error)(f"{path}: {error.strerror or error}") from None
    except Pillow.DecompressionBombError:
        raise ValueError(f"{path}: too many pixels to be an image of a data set; make it smaller") from None
    except Pillow.UnidentifiedImageError:
        what = "is empty (0 bytes)" if path.stat().st_size == 0 else "is not an image that Pillow can read"
        raise ValueError(f"{path}: the file {what}; replace it or remove it") from None
    except _BROKEN as error:
        raise ValueError(f"{path}: the image is damaged ({error}); copy or download it again") from None


def _eight_bits(image: Pillow.Image, path: Path) -> Pillow.Image:
    """A grey image of 16 bits as one of 8 bits."""
    values = np.asarray(image)
    low, high = values.min(), values.max()
    if values.dtype.kind == "f" or low < 0 or high > 65535:
        found = f"{low}..{high} ({values.dtype})"
        raise ValueError(f"{path}: pixels must be whole numbers of 8 or 16 bits, not {found}; rescale them")
    return Pillow.fromarray(np.round(values / 257).astype(np.uint8))  # 65535 / 257 = 255
