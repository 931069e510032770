"""Images and masks in files, whatever their mode, with one clear sentence for damaged ones."""

import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
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
from seglib.data.bit_depth import Note, deep_colors, eight_bits, warn
from seglib.data.dataset import Instances, Part, SegmentationDataset, SplitError, count_pixels
from seglib.files import as_path, write_whole
from seglib.labels import VOID, Classes, Color, check_mask, from_color

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
        painted: the colours of masks that are painted; without it a painted mask is an error. Where a palette
            holds only these colours, they decide, not the order of the palette.
        page: which image of a file that holds several, from 0.

    Raises:
        ValueError: there are no samples. Reading a sample raises ValueError, naming the file, when a file is
            damaged, SizeError when the sizes differ, LabelError when a value or colour is not a class,
            FormatError when a mask is in a format that changes its values.
    """

    def __init__(
        self, name: str, split: str, classes: Classes | None, samples: Sequence[Sample], *,
        values: Mapping[int, int] | None = None, painted: Classes | None = None, page: int | None = None,
    ) -> None:  # fmt: skip
        if not samples:
            raise SplitError(f"{name}: there is no image in the split '{split}'")
        self.name, self.split, self.samples = name, split, samples
        if classes is not None:
            self.classes = classes
            self.values = dict(enumerate(range(len(classes)))) if values is None else values
        self.painted, self.page = painted, page
        self.palette: dict[int, tuple[Color, str]] = {}  # value -> its colour in the first file that has it

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Image, Mask]:
        sample = self.samples[index]
        image = read_image(Path(sample.image), self.page, self.note)
        opened = open_mask(Path(sample.mask), self.page)
        mask = torch.from_numpy(self.decode(index, self._labels(opened, sample.mask)))
        note = None if opened.info["oriented"] else self.note
        return image, Mask(match_size(mask, image, Path(sample.image), sample.mask, note))

    def sample_id(self, index: int) -> str:
        """The stem of the image's file."""
        return self.samples[index].id

    def count_pixels(self, index: int) -> NDArray[np.int64]:
        """(K + 1,) the pixels of each class, void last, from the mask's histogram; no image is opened."""
        path, number = self.samples[index].mask, len(self.classes)
        image = open_mask(Path(path), self.page)
        if image.mode == "L" or (image.mode == "P" and image.info["kind"] != "GIF" and not self.painted):
            histogram = np.array(image.histogram())  # which needs no array of the pixels
            values = np.flatnonzero(histogram)
            with suppress(LabelError):  # raised again below, where its message can say where the value is
                return count_pixels(self.decode(index, values[None]), number, histogram[values])
        return count_pixels(self.decode(index, self._labels(image, path)), number)

    def source_bytes(self, index: int, part: Part) -> bytes:
        """The file, and for a mask the values' or colours' meaning."""
        sample = self.samples[index]
        page = b"" if self.page is None else f"page {self.page} ".encode()
        if part == "image":
            return page + Path(sample.image).read_bytes()
        meaning = f"{len(self.classes)} {sorted(self.values.items())} {self.painted} "
        return page + meaning.encode() + Path(sample.mask).read_bytes()

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
            remedy = 'a colour that is no class can be the "void_color" of a classes.json'
            raise LabelError(f"{path}: {error}; {remedy}") from None

    def _labels(self, image: Pillow.Image, path: str) -> NDArray[Any]:
        """The numbers or colours of an opened mask; a note where files give one number two colours."""
        labels = labels_in(image, path, self.painted)
        if image.mode == "P" and labels.ndim == 2 and self.painted is None and image.info["kind"] != "GIF":
            colors = palette_of(image)
            for value in np.unique(labels).tolist():
                color, first = self.palette.setdefault(value, (colors[value], path))
                if color != colors[value]:
                    two = f"{color} in {Path(first).name} and {colors[value]} in {Path(path).name}"
                    self.note("palettes", f"{path}: palettes differ: value {value} is {two}. {_PALETTES}")
        return labels


_PALETTES = (
    "The values decide, as no colours are listed; if the colours mean the classes, list names and colours in"
    " classes.txt, one `name red green blue` a line"
)


def to_classes(labels: NDArray[Any], values: Mapping[int, int], path: str) -> NDArray[np.uint8]:
    """Class indices from the values in a mask file; 255 is void unless `values` says otherwise.

    Raises:
        LabelError: a value is not in `values`; the message says which, where and how often.

    Example:
        >>> to_classes(np.array([[1, 2, 255]]), {1: 1, 2: 0}, "mask.png")
        array([[  1,   0, 255]], dtype=uint8)
    """
    table = np.full(max([VOID, *values]) + 1, -1, np.int16)
    table[VOID] = VOID
    table[list(values)] = list(values.values())
    inside = (labels >= 0) & (labels < len(table))
    mask = np.where(inside, table[np.where(inside, labels, 0)], -1)
    if (mask < 0).any():
        row, column = np.argwhere(mask < 0)[0]
        raise LabelError(
            f"{path}: the mask holds the value {labels[row, column]} at row {row}, column {column}"
            f" ({(mask < 0).sum()} pixels are wrong in total), but the classes are {_ranges(values)}"
            " and 255 (void); correct the mask, list every class in classes.txt, several values of one class"
            ' as "values": [..., [1, 2]], or what is no class as "void": [...] in classes.json'
        )
    return mask.astype(np.uint8)


def instances_of(masks: Tensor, classes: Tensor) -> Instances:
    """Instances with tight boxes from masks (M, H, W) bool; objects without a pixel are left out."""
    some = masks.flatten(1).any(1)
    masks, classes = masks[some], classes[some].long()
    return Instances(masks, classes, boxes.from_masks(masks))


def _ranges(values: Mapping[int, int]) -> str:
    """'0..11' or '0, 5, 9': the values that are classes."""
    known = sorted(value for value, label in values.items() if label != VOID) or [0]
    if known == list(range(known[0], known[-1] + 1)):
        return f"{known[0]}..{known[-1]}"
    return ", ".join(map(str, known))


# One file.

SUFFIXES = frozenset(
    {".bmp", ".gif", ".jfif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
)
HEIC = (".heic", ".heif")  # of phones; Pillow cannot read them
AS_JPEG = (
    "Export them as JPEG from the photo app; an iPhone itself takes JPEG with Settings > Camera > Formats >"
    " Most Compatible"
)
# What Pillow raises for damaged files, depending on the format.
_BROKEN = (
    OSError, SyntaxError, ValueError, TypeError, EOFError, KeyError, IndexError, OverflowError, MemoryError,
    struct.error, zlib.error,
)  # fmt: skip
_FLIPS = {5: (), 6: (-2,), 7: (-2, -1), 8: (-1,)}  # EXIF orientation -> dimensions to flip, then transposed


class SizeError(ValueError):
    """A mask does not have the size of its image."""


class LabelError(ValueError):
    """A mask holds a value or a colour that is not a class."""


class FormatError(ValueError):
    """A mask is in a format that changes its values."""


def read_image(path: Path, page: int | None = None, note: Note = warn) -> Image:
    """Read the image in a file, upright and in colour.

    EXIF rotation is applied. 16-bit images are scaled to 8 bits: what becomes 255 is the TIFF's own
    MaxSampleValue or, without it, the smallest of 255, 511, 1023, ..., 65535 that holds the largest value, so
    that 12 bits in a 16-bit file are not black. Grey, palette and CMYK images become RGB, and transparent
    ones are blended with white, as on a web page.

    Args:
        path: a file that Pillow opens.
        page: which image of a stack or an animation, from 0; a file of several without it is refused.
        note: is told of what was concluded; by default it becomes a warning.

    Returns:
        uint8 (3, H, W), values 0..255.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is empty, cut off, not an image, holds floating-point values or several images.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "grey.png"
        >>> Pillow.new("L", (4, 3), 128).save(path)
        >>> read_image(path).shape
        torch.Size([3, 3, 4])
    """
    with _enough_memory(path):
        return _upright_colors(_open(path, page), path, note)


def _upright_colors(image: Pillow.Image, path: Path, note: Note) -> Image:
    top = int((getattr(image, "tag_v2", None) or {}).get(281, (0,))[0])  # MaxSampleValue
    if image.info["deep"]:
        image = Pillow.fromarray(eight_bits(deep_colors(path, image.info["page"]), path, top, note))
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith(("I", "F")):
        image = Pillow.fromarray(eight_bits(np.asarray(image), path, top, note))
    if image.has_transparency_data:
        white = Pillow.new("RGBA", image.size, "white")
        image = Pillow.alpha_composite(white, image.convert("RGBA"))
    pixels = np.array(image.convert("RGB"))  # (H, W, 3), a copy that torch may write to
    return Image(torch.from_numpy(pixels).permute(2, 0, 1).contiguous())


def read_labels(path: Path, page: int | None = None) -> NDArray[Any]:
    """The numbers or the colours in a mask file, unchanged, turned as its own EXIF orientation says.

    Palette images give their indices, grey images their values, black-and-white images 0 and 1. A GIF, whose
    palette is in any order, gives its colours; grey colours of a GIF, and of an image in colour that is grey,
    are the values.

    Args:
        path: a mask in a lossless format (PNG).
        page: which image of a file that holds several, from 0.

    Returns:
        (H, W) of any integer dtype, or uint8 (H, W, 3) where the mask is painted in colours.

    Raises:
        FileNotFoundError: there is no such file.
        FormatError: the format is JPEG, or another that does not keep values.
        ValueError: the file is empty, cut off, or not an image.
    """
    with _enough_memory(path):
        return labels_in(open_mask(path, page), str(path), None)


def open_mask(path: Path, page: int | None) -> Pillow.Image:
    """The decoded mask, upright; `info["oriented"]` is whether it has an orientation of its own."""
    image = _open(path, page)
    kind, oriented = image.format, ExifTags.Base.Orientation in image.getexif()
    lossy = {"JPEG": "JPEG", "MPO": "JPEG", "JPEG2000": "JPEG 2000"}.get(str(kind))
    if kind == "WEBP" and b"VP8L" not in path.read_bytes()[:4096]:
        lossy = "WebP with losses"
    if kind == "TIFF" and "jpeg" in str(image.info.get("compression")):
        lossy = "TIFF with JPEG compression"
    if lossy:
        raise FormatError(
            f"{path}: the mask is saved as {lossy}, which changes the values near every edge; export it again"
            " as PNG, or see 'A mask saved as JPEG' in docs/bring-your-data.md"
        )
    if oriented:
        image = ImageOps.exif_transpose(image)
    image.info |= {"kind": kind, "oriented": oriented}
    return image


def labels_in(image: Pillow.Image, path: str, colors: Classes | None) -> NDArray[Any]:
    """What `read_labels` returns, of an opened mask; the colours of a palette that holds only `colors`."""
    if image.mode in ("LA", "RGBA"):
        pixels, clear = (channels := np.array(image))[..., :-1], channels[..., -1] == 0
        if clear.any() and (~clear & (pixels == pixels[clear][0]).all(-1)).any():
            raise LabelError(f"{path}: one colour is transparent here, opaque there; save it without alpha")
        image = image.convert(image.mode[:-1])
    if image.mode not in ("1", "L", "P", "RGB") and not image.mode.startswith("I"):
        raise ValueError(f"{path}: a mask in mode {image.mode} cannot be read; save an 8-bit or palette PNG")
    labels = np.array(image, np.uint8 if image.mode == "1" else None)
    if image.mode == "P":
        palette = palette_of(image)
        used = {palette[value] for value in np.unique(labels).tolist()}
        known = set() if colors is None else {*colors.colors, colors.void_color}
        if image.info.get("kind") != "GIF" and not used <= known:
            if some := used & known - {(0, 0, 0)}:
                two = f"{min(some)} is in the class list and {min(used - known)} is not"
                raise LabelError(f"{path}: of the palette's colours, {two}; list the colours of all classes")
            return labels
        labels = np.array(palette, np.uint8)[labels]
    if labels.ndim == 3 and colors is None and all((labels[..., k] == labels[..., 0]).all() for k in (1, 2)):
        labels = labels[..., 0]
    return labels


def palette_of(image: Pillow.Image) -> list[Color]:
    """The 256 colours of a palette image; those that it lacks are black."""
    values = (image.getpalette("RGB") or [])[: 3 * 256]
    values += [0] * (3 * 256 - len(values))
    return list(zip(values[0::3], values[1::3], values[2::3]))


def match_size(
    labels: Tensor, image: Image, image_path: Path, source: str, note: Note | None = warn
) -> Tensor:
    """Check the labels (..., H, W) of an image against the image's size, and turn them if necessary.

    Some labelling tools ignore the EXIF rotation of a photograph. Labels that fit only its unrotated pixels
    are therefore rotated with it. Where they fit both ways (upside down, mirrored, square) nothing can
    decide: they are taken to be upright, and `note` is told; None if it is known that they are.

    Raises:
        ValueError: the sizes differ; the message names both and `source`, where the labels came from.
    """
    size = image.shape[-2:]
    with Pillow.open(image_path) as file:
        orientation = file.getexif().get(ExifTags.Base.Orientation, 1)
    if labels.shape[-2:] == size:
        if note and orientation in range(2, 9 if size[0] == size[1] else 5):
            note("orientation", f"{image_path}: its EXIF orientation is {orientation}. {_DOUBT}")
        return labels
    if orientation in _FLIPS and labels.mT.shape[-2:] == size:
        return labels.flip(_FLIPS[orientation]).mT
    raise SizeError(
        f"{source}: the mask is {labels.shape[-1]}x{labels.shape[-2]} (width x height), but its image"
        f" {image_path} is {size[1]}x{size[0]}; a mask must have exactly the size of its image"
    )


_DOUBT = (
    "The photograph is turned upright, and the mask is taken to be upright: look at both together. If they do"
    " not fit, turn the mask's file, or remove the orientation from the photograph"
)


def _open(path: Path, page: int | None) -> Pillow.Image:
    """The decoded image; an error in one sentence if it is missing or damaged.

    A file of one image is read whichever page is asked for: one mask may belong to a whole stack.
    `info["page"]` is the page of a stack, else None; `info["deep"]` is whether there are colours of 16 bits
    each, of which Pillow keeps only the upper 8.
    """
    path = as_path(path)
    problem = ""
    try:
        with Pillow.open(path) as image:
            count = _images(image)
            page = page if count > 1 else None
            if page is None and count > 1:
                problem = f"it holds {count} images (a stack or an animation), {_CHOOSE}"
            elif page is not None and page not in range(count):
                problem = f"there is no page {page}; it holds {count}, counted from 0"
            else:
                image.seek(page or 0)
                image.info["page"] = page
                image.info["deep"] = image.mode in ("RGB", "RGBA") and ";16" in str(image.tile)
                image.load()
    except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
        raise type(error)(f"{path}: {error.strerror or error}") from None
    except Pillow.DecompressionBombError:
        raise ValueError(f"{path}: too many pixels to be an image of a data set; make it smaller") from None
    except Pillow.UnidentifiedImageError:
        what = "is empty (0 bytes)" if path.stat().st_size == 0 else "is not an image that Pillow can read"
        raise ValueError(f"{path}: the file {what}; replace it or remove it") from None
    except _BROKEN as error:
        raise ValueError(f"{path}: the image is damaged ({error}); copy or download it again") from None
    if problem:
        raise ValueError(f"{path}: {problem}")
    return image


@contextmanager
def _enough_memory(path: Path) -> Iterator[None]:
    """One sentence where an image of a hundred megapixels, say, is more than there is memory for."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "memory" not in str(error):  # torch's is a RuntimeError
            raise
        raise ValueError(f"{path}: too many pixels for the memory that is free; make it smaller") from None


_CHOOSE = "and which one is meant is not known; choose one with load(..., page=0), or save one image a file"


def _images(image: Pillow.Image) -> int:
    """How many images a file holds; a phone's previews and a TIFF's smaller copies do not count."""
    count = 1 if image.format in ("MPO", "JPEG") else getattr(image, "n_frames", 1)
    if image.format != "TIFF" or count == 1:
        return count
    full = 0
    for number in range(count):
        image.seek(number)
        full += not image.tag_v2.get(254, 0) & 1  # type: ignore[attr-defined]  # NewSubfileType: reduced
    image.seek(0)
    return full


def write_mask(path: Path, mask: Tensor, classes: Classes) -> None:
    """Write a mask as a PNG file of class indices, void as 255, that viewers show in the classes' colours.

    Args:
        path: the .png file.
        mask: (H, W) class indices or 255; any integer dtype.
        classes: K classes.

    Raises:
        ValueError: the mask is not (H, W) or is empty, or a value is neither a class nor 255.
        DiskError: the file cannot be written; an older file of that name is unchanged.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "mask.png"
        >>> write_mask(path, torch.tensor([[0, 1, 255]]), Classes.of("background", "fish"))
        >>> read_labels(path)
        array([[  0,   1, 255]], dtype=uint8)
    """
    check_mask(mask, len(classes))
    if mask.ndim != 2 or not mask.numel():
        raise ValueError(f"a mask must be (H, W), not {tuple(mask.shape)}; write one after the other")
    palette = np.zeros((VOID + 1, 3), np.uint8)
    palette[: len(classes)], palette[VOID] = classes.colors, classes.void_color
    image = Pillow.fromarray(mask.cpu().numpy().astype(np.uint8))
    image.putpalette(palette.ravel().tolist())  # now of mode P: the values stay
    write_whole(path, lambda file: image.save(file, "PNG"))
