"""Classes with their names and colours, masks of class indices, and void (255): pixels without a class.

Colour-blind people can tell the colours apart: ten were chosen by an expert, the others are measured.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

VOID = 255
Color = tuple[int, int, int]

BACKGROUND_COLOR: Color = (0, 0, 0)
VOID_COLOR: Color = (224, 224, 192)

# Petroff, "Accessible Color Sequences for Data Visualization", 2021; in matplotlib as "petroff10".
PETROFF10: tuple[Color, ...] = (
    (63, 144, 218), (255, 169, 14), (189, 31, 1), (148, 164, 162), (131, 45, 182),
    (169, 107, 89), (231, 99, 0), (185, 172, 112), (113, 117, 129), (146, 218, 221),
)  # fmt: skip

# How linear RGB looks to eyes that lack one type of cone. Machado, Oliveira, Fernandes, "A
# Physiologically-based Model for Simulation of Color Vision Deficiency", 2009, table 1, severity 1.0.
# The rows: normal, protanope, deuteranope and tritanope eyes.
EYES = np.array(
    [
        [1, 0, 0, 0, 1, 0, 0, 0, 1],
        [0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998],
        [0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.011820, 0.042940, 0.968881],
        [1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.303900],
    ]
).reshape(4, 3, 3)


@dataclass(frozen=True)
class Classes:
    """The classes of a data set; class k has the name `names[k]` and the colour `colors[k]`.

    Attributes:
        names: K class names, in index order; 1 to 255 of them, all different.
        colors: K colours, each (red, green, blue) in 0..255, all different.
        void_color: the colour of pixels that belong to no class (value 255 in a mask); no class may have it.

    Raises:
        ValueError: one of these rules is broken.

    Example:
        >>> classes = Classes.of("background", "fish")
        >>> len(classes), classes.index("fish"), classes.colors[1]
        (2, 1, (63, 144, 218))
    """

    names: tuple[str, ...]
    colors: tuple[Color, ...]
    void_color: Color = VOID_COLOR

    def __post_init__(self) -> None:
        if not 1 <= len(self.names) <= VOID:
            raise ValueError(f"a mask can hold 1 to {VOID} classes, not {len(self.names)}")
        if len(self.names) != len(self.colors):
            raise ValueError(
                f"{len(self.names)} names and {len(self.colors)} colours; each class needs one of both"
            )
        if twice := _repeated(self.names):
            raise ValueError(f"two classes are called {twice!r}; names must differ")
        if twice := _repeated((*self.colors, self.void_color)):
            raise ValueError(
                f"two classes, or a class and void, have the colour {twice}; colours must differ"
            )
        for color in (*self.colors, self.void_color):
            if len(color) != 3 or not all(0 <= value <= 255 for value in color):
                raise ValueError(f"the colour {color} is not (red, green, blue) with values from 0 to 255")

    @classmethod
    def of(cls, *names: str) -> Classes:
        """Classes with these names, in colours that colour-blind people can tell apart."""
        colors = iter(palette(len(names)))
        return cls(names, tuple(BACKGROUND_COLOR if name == "background" else next(colors) for name in names))

    @property
    def background(self) -> int | None:
        """The index of the class called "background", or None."""
        return self.names.index("background") if "background" in self.names else None

    def index(self, name: str) -> int:
        """The index of the class called `name`; ValueError that lists the names if there is no such class."""
        if name in self.names:
            return self.names.index(name)
        close = difflib.get_close_matches(name, self.names, n=1)
        guess = f"; did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"no class is called {name!r}{guess or ';'} the classes are {', '.join(self.names)}")

    def __len__(self) -> int:
        """K, the number of classes; void is not one of them."""
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        """The names in index order."""
        return iter(self.names)


def to_color(mask: Tensor, classes: Classes) -> Tensor:
    """Paint every pixel in the colour of its class.

    Args:
        mask: (H, W) class indices, or 255 for void; any integer dtype.
        classes: K classes.

    Returns:
        (3, H, W) uint8 on the mask's device.

    Raises:
        ValueError: a value is neither a class nor 255.

    Example:
        >>> to_color(torch.tensor([[0, 255]]), Classes.of("background", "fish"))[0]
        tensor([[  0, 224]], dtype=torch.uint8)
    """
    check_mask(mask, len(classes))
    if mask.ndim != 2:
        raise ValueError(f"a mask must be (H, W), not {tuple(mask.shape)}; colour one after the other")
    table = torch.zeros(VOID + 1, 3, dtype=torch.uint8, device=mask.device)
    table[: len(classes)] = torch.tensor(classes.colors, dtype=torch.uint8)
    table[VOID] = torch.tensor(classes.void_color, dtype=torch.uint8)
    return table[mask.long()].permute(2, 0, 1).contiguous()  # (H, W, 3) -> (3, H, W)


def from_color(image: Tensor, classes: Classes) -> Tensor:
    """Read an image that is painted in class colours back into a mask; the void colour becomes 255.

    Args:
        image: (3, H, W) uint8.
        classes: K classes.

    Returns:
        (H, W) uint8 class indices or 255, on the image's device.

    Raises:
        ValueError: the image is not (3, H, W) uint8, or has a colour that is neither a class's nor void's.

    Example:
        >>> classes = Classes.of("background", "fish")
        >>> from_color(to_color(torch.tensor([[0, 1, 255]]), classes), classes)
        tensor([[  0,   1, 255]], dtype=torch.uint8)
    """
    check_image(image, "a colour mask")
    known = _code(torch.tensor([*classes.colors, classes.void_color], device=image.device).T)  # (K + 1,)
    known, order = known.sort()
    code = _code(image)
    place = torch.searchsorted(known, code).clamp_(max=len(classes))
    if (unknown := known[place] != code).any():
        raise ValueError(_unknown_color(image, unknown))
    index = torch.tensor([*range(len(classes)), VOID], dtype=torch.uint8, device=image.device)
    return index[order][place]


def shares(mask: Tensor, classes: Classes) -> Tensor:
    """The share of the pixels of each class, void last.

    Args:
        mask: class indices, or 255 for void; any shape with at least one pixel, any integer dtype.
        classes: K classes.

    Returns:
        (K + 1,) float64 in 0..1 that sums to 1, on the CPU.

    Raises:
        ValueError: the mask is empty, or a value is neither a class nor 255.

    Example:
        >>> shares(torch.tensor([[1, 1, 1, 255]]), Classes.of("background", "fish"))
        tensor([0.0000, 0.7500, 0.2500], dtype=torch.float64)
    """
    check_tensors(mask=mask)
    if not mask.numel():
        raise ValueError(f"the mask is empty: {tuple(mask.shape)}; it needs at least one pixel")
    check_mask(mask, len(classes))
    values, counts = mask.unique(return_counts=True)
    share = torch.zeros(len(classes) + 1, dtype=torch.float64)
    share[values.long().cpu().clamp(max=len(classes))] = counts.cpu().double() / mask.numel()
    return share


def check_tensors(**values: object) -> None:
    """Raise a ValueError unless every value is a tensor; the message says how to make one.

    Example:
        >>> check_tensors(pred=[0, 1])
        Traceback (most recent call last):
        ValueError: pred must be a tensor, not a list; torch.as_tensor makes one of an array or a list
    """
    for name, value in values.items():
        if not isinstance(value, Tensor):
            advice = "torch.as_tensor makes one of an array or a list"
            raise ValueError(f"{name} must be a tensor, not a {type(value).__name__}; {advice}")


def check_classes(classes: object) -> None:
    """Raise a ValueError unless these are `Classes`."""
    if not isinstance(classes, Classes):
        expected = 'the classes of a data set or Classes.of("background", "fish", ...)'
        raise ValueError(f"classes must be {expected}, not {classes!r:.60}")


def check_image(image: object, what: str = "an image") -> None:
    """Raise a ValueError unless `image` is a tensor (3, H, W) uint8 with at least one pixel.

    Args:
        image: anything.
        what: how the message calls it.

    Example:
        >>> check_image(torch.zeros(3, 4, 6, dtype=torch.uint8))
        >>> check_image(torch.zeros(4, 6))
        Traceback (most recent call last):
        ValueError: an image must be a tensor (3, H, W) uint8 with at least one pixel, not (4, 6) float32
    """
    if not isinstance(image, Tensor):
        found = f"a {type(image).__name__}"
    elif image.dtype != torch.uint8 or image.ndim != 3 or len(image) != 3 or not image.numel():
        found = f"{tuple(image.shape)} {str(image.dtype).removeprefix('torch.')}"
    else:
        return
    raise ValueError(f"{what} must be a tensor (3, H, W) uint8 with at least one pixel, not {found}")


def check_mask(mask: Tensor, num_classes: int, what: str = "the mask") -> None:
    """Raise a ValueError unless every value is a class index or 255 (void).

    Args:
        mask: any shape and device.
        num_classes: K.
        what: how the message calls it.

    Raises:
        ValueError: the mask is floating point, or a value is neither 0..K-1 nor 255; the message names the
            value and how often it occurs.

    Example:
        >>> check_mask(torch.tensor([0, 2, 255]), num_classes=2)
        Traceback (most recent call last):
        ValueError: the mask holds the value 2 in 1 pixel, but the classes are 0..1 and 255 is void; ...
    """
    check_tensors(**{what: mask})
    if mask.is_floating_point():
        raise ValueError(
            f"{what} is {mask.dtype}, but class indices are integers; take logits.argmax(dim=1) of scores"
        )
    wrong = (mask >= num_classes) & (mask != VOID)
    if mask.dtype != torch.uint8:
        wrong |= mask < 0
    if wrong.any():
        value = int(mask[wrong][0])
        count = int((mask == value).sum())
        raise ValueError(
            f"{what} holds the value {value} in {count} pixel{'s' * (count > 1)}, but the classes are "
            f"0..{num_classes - 1} and {VOID} is void; add classes or correct the mask"
        )


def describe(mask: Tensor, classes: Classes) -> str:
    """A text description of a mask: objects, largest first, then background, then void.

    Each object class is given with its share of the pixels, the position of their centre on a 3 x 3 grid, and
    the edges of the image that it touches.

    Args:
        mask: (H, W) class indices, or 255 for void.
        classes: K classes.

    Raises:
        ValueError: the mask is not (H, W), is empty, or a value is neither a class nor 255.

    Example:
        >>> mask = torch.tensor([[0, 0, 0, 0], [0, 0, 0, 0], [1, 0, 0, 255]])
        >>> describe(mask, Classes.of("background", "cat"))
        'cat 8 %, lower left, touches the lower and left edges; background 83 %; void 8 %'
    """
    check_classes(classes)
    *share, void = shares(mask, classes).tolist()
    if mask.ndim != 2:
        raise ValueError(f"a mask must be (H, W), not {tuple(mask.shape)}; describe one after the other")
    objects = [index for index in range(len(classes)) if share[index] and index != classes.background]
    parts = [
        f"{classes.names[index]} {percent(share[index])}, {position(mask == index)}"
        for index in sorted(objects, key=lambda index: -share[index])
    ]
    if classes.background is not None and share[classes.background]:
        parts.append(f"background {percent(share[classes.background])}")
    return "; ".join([*parts, f"void {percent(void)}"] if void else parts)


def _repeated(items: tuple) -> object:
    """The first item that occurs twice, or None."""
    return next((item for index, item in enumerate(items) if item in items[:index]), None)


def _code(colors: Tensor) -> Tensor:
    """Colours (3, ...) as one 24-bit number each."""
    red, green, blue = colors.int()
    return red << 16 | green << 8 | blue


def _unknown_color(image: Tensor, unknown: Tensor) -> str:
    y, x = unknown.nonzero()[0].tolist()
    color = image[:, y, x]
    count = int((image == color[:, None, None]).all(dim=0).sum())
    return (
        f"the colour {tuple(color.tolist())} at (x, y) = ({x}, {y}), {count} pixels of it, belongs to no "
        "class; check the palette, and that the image was neither resized smoothly nor saved as JPEG"
    )


def percent(share: float, digits: int = 0) -> str:
    """A share of 0..1 as a percentage, a dash for NaN; never rounded to 0 % or 100 % where it is not.

    Example:
        >>> percent(0.274), percent(0.0004), percent(0.999), percent(0.4567, 1), percent(float("nan"))
        ('27 %', 'under 1 %', 'over 99 %', '45.7 %', '–')
    """
    if share != share:
        return "–"
    least = 10.0**-digits
    if 0 < 100 * share < least:
        return f"under {least:g} %"
    return f"over {100 - least:g} %" if 1 - least / 100 < share < 1 else f"{100 * share:.{digits}f} %"


def position(where: Tensor) -> str:
    """Where pixels are: their centre on a 3 x 3 grid, and the edges of the image that they touch.

    Args:
        where: (H, W) bool, true in at least one pixel.

    Example:
        >>> position(torch.tensor([[0, 0, 0], [0, 0, 0], [0, 1, 1]]).bool())
        'lower right, touches the lower and right edges'
    """
    y, x = ((pixels.double().mean() + 0.5) / length for pixels, length in zip(where.nonzero().T, where.shape))
    rows, columns = ("upper", "centre", "lower"), ("left", "centre", "right")
    spot = " ".join(dict.fromkeys([rows[int(3 * y)], columns[int(3 * x)]]))  # "centre", not "centre centre"
    sides = {"upper": where[0], "lower": where[-1], "left": where[:, 0], "right": where[:, -1]}
    touched = [side for side, pixels in sides.items() if pixels.any()]
    if len(touched) == 4:
        return f"{spot}, touches all four edges"
    return f"{spot}, touches the {_listed(touched)} edge{'s' * (len(touched) > 1)}" if touched else spot


def numbered(names: Sequence[str]) -> tuple[str, ...]:
    """The same names, with a number appended to each that occurs more than once.

    Example:
        >>> numbered(["fish", "crab", "fish"])
        ('fish 1', 'crab', 'fish 2')
    """
    return tuple(
        f"{name} {names[: index + 1].count(name)}" if names.count(name) > 1 else name
        for index, name in enumerate(names)
    )


def _listed(items: list[str]) -> str:
    """["a", "b", "c"] -> "a, b and c"."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def palette(count: int) -> tuple[Color, ...]:
    """The first `count` colours of one fixed list, so that adding a class never recolours the others.

    The first ten are Petroff's. Each further one is the colour of a 13 x 13 x 13 grid that is farthest from
    all before it, from black (background) and from the void colour, where the distance of two colours is
    CIEDE2000 as seen by the eyes that tell them apart worst: normal, protanope, deuteranope or tritanope.
    The smallest distance is 12 for up to 15 colours, 10 for 20, 8 for 32: with many classes trust names and
    outlines, not colours.

    Args:
        count: how many colours, 0 to 255.

    Returns:
        `count` different colours, each (red, green, blue) in 0..255.

    Example:
        >>> palette(2)
        ((63, 144, 218), (255, 169, 14))
    """
    return PETROFF10[:count] if count <= len(PETROFF10) else _extended(count)


def as_seen(colors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Simulate how the four kinds of eyes see colours.

    Args:
        colors: (M, 3) red, green, blue in 0..255.

    Returns:
        (4, M, 3) red, green, blue in 0..1, in the order of `EYES`.
    """
    values = colors / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    seen = (linear @ EYES.transpose(0, 2, 1)).clip(0, 1)  # (4, M, 3)
    return np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055)


@lru_cache
def _extended(count: int) -> tuple[Color, ...]:
    from skimage.color import deltaE_ciede2000, rgb2lab  # only here: a third of a second to import

    levels = np.linspace(0, 255, 13).round()
    grid = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(-1, 3)  # (2197, 3)
    places = rgb2lab(as_seen(grid))
    taken = rgb2lab(as_seen(np.array([BACKGROUND_COLOR, VOID_COLOR, *PETROFF10], float)))
    # For each colour of the grid, the distance to the nearest one already taken, in the worst eyes.
    nearest = deltaE_ciede2000(places[:, :, None], taken[:, None]).min(axis=(0, 2))  # (2197,)
    chosen = [*PETROFF10]
    while len(chosen) < count:
        red, green, blue = map(int, grid[best := nearest.argmax()])
        chosen.append((red, green, blue))
        nearest = np.minimum(nearest, deltaE_ciede2000(places, places[:, best, None]).min(axis=0))
    return tuple(chosen)
