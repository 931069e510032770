"""Images and masks in files, whatever their mode, with one clear sentence for damaged ones."""

import os
import struct
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import ExifTags, ImageOps
from PIL import Image as Pillow
from torch import Tensor
from torchvision.tv_tensors import Image, Mask

from seglib import boxes
from seglib.data.dataset import Instances, Part, SegmentationDataset, SplitError, count_pixels
from seglib.files import write_whole
from seglib.labels import VOID, Classes, check_mask, from_color

PAINTED = (
    "the mask is painted in colours, and which colour is which class is not known; save class indices (an"
    " 8-bit or palette PNG), or list names and colours in a classes.json next to the folders"
)


class Sample(NamedTuple):
    """One image on disk: its name and its two files, as text: 100 000 `Path` objects would take seconds."""

    id: str
    image: str
    mask: str


class FileDataset(SegmentationDataset):
    """Images and masks in files; a file is opened when its sample is accessed.

    Args:
        name: what the data set is called.
        split: "train", "val" or "test".
        classes: names and colours; None if a subclass finds them later.
        samples: the files, in order.
        values: value in a mask file -> class, or 255 for void; by default k is class k.
        painted: the colours of masks that are painted; without it a painted mask is an error.

    Raises:
        ValueError: there are no samples. Reading a sample raises ValueError, naming the file, when a file is
            damaged, SizeError when the sizes differ, LabelError when a value or colour is not a class.
    """

    def __init__(
        self, name: str, split: str, classes: Classes | None, samples: Sequence[Sample], *,
        values: Mapping[int, int] | None = None, painted: Classes | None = None,
    ) -> None:  # fmt: skip
        if not samples:
            raise SplitError(f"{name}: there is no image in the split '{split}'")
        self.name, self.split, self.samples = name, split, samples
        if classes is not None:
            self.classes = classes
        self.values = dict(enumerate(range(len(self.classes)))) if values is None else values
        self.painted = painted

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Image, Mask]:
        sample = self.samples[index]
        image = read_image(Path(sample.image))
        mask = torch.from_numpy(self.decode(index, read_labels(Path(sample.mask))))
        return image, Mask(match_size(mask, image, Path(sample.image), sample.mask))

    def sample_id(self, index: int) -> str:
        """The stem of the image's file."""
        return self.samples[index].id

    def count_pixels(self, index: int) -> NDArray[np.int64]:
        """(K + 1,) the pixels of each class, void last, from the mask's histogram; no image is opened."""
        path, number = Path(self.samples[index].mask), len(self.classes)
        if (image := _open(path)).mode in ("L", "P"):  # the histogram needs no array of the pixels
            histogram = np.array(image.histogram())
            values = np.flatnonzero(histogram)
            with suppress(LabelError):  # raised again below, where its message can say where the value is
                return count_pixels(self.decode(index, values[None]), number, histogram[values])
        return count_pixels(self.decode(index, read_labels(path)), number)

    def source_bytes(self, index: int, part: Part) -> bytes:
        """The file, and for a mask the values' or colours' meaning."""
        sample = self.samples[index]
        if part == "image":
            return Path(sample.image).read_bytes()
        meaning = f"{len(self.classes)} {sorted(self.values.items())} {self.painted} "
        return meaning.encode() + Path(sample.mask).read_bytes()

    def decode(self, index: int, labels: NDArray[Any]) -> NDArray[np.uint8]:
        """Class indices and 255, uint8 (H, W), from what the mask file of sample `index` holds."""
        path = self.samples[index].mask
        if labels.ndim == 2:
            return to_classes(labels, self.values, path)
        if self.painted is None:
            raise LabelError(f"{path}: {PAINTED}")
        try:
            return from_color(torch.from_numpy(labels).permute(2, 0, 1), self.painted).numpy()
        except ValueError as error:
            raise LabelError(f"{path}: {error}") from None


def to_classes(labels: NDArray[Any], values: Mapping[int, int], path: str) -> NDArray[np.uint8]:
    """Class indices from the values in a mask file; 255 is void unless `values` says otherwise.

    Raises:
        LabelError: a value is not in `values`; the message says which, where and how often.

    Example:
        >>> to_classes(np.array([[1, 2, 255]]), {1: 1, 2: 0}, "mask.png")
        array([[  1,   0, 255]], dtype=uint8)
    """
    table = np.full(256, -1, np.int16)
    table[VOID] = VOID
    table[list(values)] = list(values.values())
    inside = (labels >= 0) & (labels < 256)
    mask = np.where(inside, table[np.where(inside, labels, 0)], -1)
    if (mask < 0).any():
        row, column = np.argwhere(mask < 0)[0]
        raise LabelError(
            f"{path}: the mask holds the value {labels[row, column]} at row {row}, column {column}"
            f" ({(mask < 0).sum()} pixels are wrong in total), but the classes are {_ranges(values)}"
            " and 255 (void); correct the mask, or list every class in classes.txt"
        )
    return mask.astype(np.uint8)


def images_in(folder: Path) -> dict[str, str]:
    """The image files of a folder by stem, sorted; nothing is opened, hidden files are ignored.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: two images have the same stem.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder")
    found: dict[str, str] = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            stem, _, suffix = entry.name.rpartition(".")
            if entry.name.startswith(".") or f".{suffix.lower()}" not in SUFFIXES or entry.is_dir():
                continue
            if stem in found:
                twins = " and ".join(sorted([Path(found[stem]).name, entry.name]))
                raise ValueError(f"{folder}: {twins} have the same stem; rename one of them")
            found[stem] = entry.path
    return dict(sorted(found.items()))


def pair(images: Path, masks: Path, stems: Sequence[str] | None = None) -> list[Sample]:
    """Every image of one folder with the mask of the same stem in another.

    Args:
        images: the folder of images.
        masks: the folder of masks.
        stems: only these, in this order; by default all, and then each needs both files.

    Raises:
        FileNotFoundError: one of the folders is missing.
        ValueError: a folder holds no image, or an image or mask has no partner; the stems are named.
    """
    photos, labels = images_in(images), images_in(masks)
    for folder, found in ((images, photos), (masks, labels)):
        if not found:
            raise ValueError(f"{folder}: no image in this folder; expected {', '.join(sorted(SUFFIXES))}")
    stems = [*(photos | labels)] if stems is None else stems
    problems = [
        f"{len(absent)} without {what} in {folder} ({listed(absent)})"
        for folder, found, what in ((images, photos, "an image"), (masks, labels, "a mask"))
        if (absent := [stem for stem in stems if stem not in found])
    ]
    if problems:
        raise ValueError(f"images and masks do not match: {'; '.join(problems)}; each needs both files")
    return [Sample(stem, photos[stem], labels[stem]) for stem in stems]


def listed(names: Sequence[str], most: int = 5) -> str:
    """The first names, and " ..." if there are more."""
    return ", ".join(names[:most]) + " ..." * (len(names) > most)


def instances_of(masks: Tensor, classes: Tensor) -> Instances:
    """Instances with tight boxes from masks (M, H, W) bool; objects without a pixel are left out."""
    some = masks.flatten(1).any(1)
    masks, classes = masks[some], classes[some].long()
    return Instances(masks, classes, boxes.from_masks(masks))


def _ranges(values: Mapping[int, int]) -> str:
    """'0..11' or '0, 5, 9': the values that are classes."""
    known = sorted(values)
    if known == list(range(known[0], known[-1] + 1)):
        return f"{known[0]}..{known[-1]}"
    return ", ".join(map(str, known))


# One file.

SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})

# What Pillow raises for damaged files, depending on the format.
_BROKEN = (
    OSError, SyntaxError, ValueError, EOFError, IndexError, OverflowError, MemoryError, struct.error,
    zlib.error,
)  # fmt: skip


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


def write_mask(path: Path, mask: Tensor, classes: Classes) -> None:
    """Write a mask as a PNG file of class indices, void as 255, that viewers show in the classes' colours.

    Args:
        path: the .png file.
        mask: (H, W) class indices or 255; any integer dtype.
        classes: K classes.

    Raises:
        ValueError: a value is neither a class nor 255.
        DiskError: the file cannot be written; an older file of that name is unchanged.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "mask.png"
        >>> write_mask(path, torch.tensor([[0, 1, 255]]), Classes.of("background", "fish"))
        >>> read_labels(path)
        array([[  0,   1, 255]], dtype=uint8)
    """
    check_mask(mask, len(classes))
    palette = np.zeros((VOID + 1, 3), np.uint8)
    palette[: len(classes)], palette[VOID] = classes.colors, classes.void_color
    image = Pillow.fromarray(mask.cpu().numpy().astype(np.uint8))
    image.putpalette(palette.ravel().tolist())  # now of mode P: the values stay
    write_whole(path, lambda file: image.save(file, "PNG"))
