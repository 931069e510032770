"""Built-in images with dials: tide pools seen from above, drawn from a seed, with exact masks and instances.

Nothing is downloaded and nothing is stored: image `index` is drawn when it is asked for. What makes
photographs hard is a dial here: how rare a class is, how small, how cluttered the ground, how similar object
and ground are in colour, how blurred. Colours overlap, surfaces are textured and shaded, creatures hide each
other: flat bright shapes would favour methods that look at colour alone.
"""

from dataclasses import dataclass
from numbers import Integral, Real
from typing import ClassVar

import cv2
import numpy as np
import torch
from torch import Tensor
from torchvision.tv_tensors import Image, Mask

from seglib.boxes import from_masks, loosen
from seglib.data.dataset import (
    Instances,
    MaskCounts,
    Part,
    SegmentationDataset,
    count_objects,
    count_pixels,
)
from seglib.labels import VOID, Classes
from seglib.scenes.canvas import Array, Canvas
from seglib.scenes.creatures import SPECIES
from seglib.scenes.surfaces import Lighting, Size, ground, stamp, water


@dataclass(frozen=True)
class Dials:
    """What makes an image easy or hard.

    Only `count`, `object_size`, `rare` and `frequency` change which objects there are and where. All other
    dials leave every object in its place, so that two images of the same seed differ in nothing but the dial.

    Attributes:
        count: (fewest, most) objects in an image, 0..50 each.
        object_size: length of a typical object, as a share of the image's mean side, 0.05..1.
        rare: the class that is rare.
        frequency: how often the rare class is drawn, relative to any other: 1 as often, 0 never.
        clutter: how rough, colourful and littered the ground is, 0..1.
        camouflage: how far the objects take on the colours of the ground below them, 0..1.
        shadow: darkness of cast shadows, 0..1.
        light: unevenness of the light: caustics, clouds, dim corners, 0..1.
        blur: standard deviation of the lens's blur in pixels, 0..10.
        noise: standard deviation of the sensor's noise in grey levels, 0..64.
        void_border: width of the void border around objects in pixels, 0..10; VOC 2012 has about 5.
        box_looseness: size of a box relative to its object, in both directions, 1 (tight) .. 3.

    Raises:
        ValueError: a dial is out of its range, or `rare` is not an object class.

    Example:
        >>> Dials(camouflage=1.5)
        Traceback (most recent call last):
        ...
        ValueError: camouflage=1.5 is out of range; use 0..1.
    """

    count: tuple[int, int] = (2, 5)
    object_size: float = 0.46
    rare: str = "seahorse"
    frequency: float = 0.4
    clutter: float = 0.4
    camouflage: float = 0.1
    shadow: float = 0.4
    light: float = 0.4
    blur: float = 0.5
    noise: float = 2.0
    void_border: int = 1
    box_looseness: float = 1.0

    RANGES: ClassVar[dict[str, tuple[float, float]]] = {
        "object_size": (0.05, 1),
        "frequency": (0, 1),
        "clutter": (0, 1),
        "camouflage": (0, 1),
        "shadow": (0, 1),
        "light": (0, 1),
        "blur": (0, 10),
        "noise": (0, 64),
        "void_border": (0, 10),
        "box_looseness": (1, 3),
    }

    def __post_init__(self) -> None:
        for name, (low, high) in self.RANGES.items():
            value = getattr(self, name)
            if not isinstance(value, Real) or not low <= float(value) <= high:
                raise ValueError(f"{name}={value!r} is out of range; use {low:g}..{high:g}.")
        pair = isinstance(self.count, tuple) and len(self.count) == 2
        if not pair or not 0 <= self.count[0] <= self.count[1] <= 50:
            raise ValueError(f"count={self.count!r} must be (fewest, most) with 0 <= fewest <= most <= 50.")
        if not isinstance(self.void_border, Integral):
            raise ValueError(f"void_border={self.void_border!r} must be a whole number of pixels, 0..10.")
        if self.rare not in SPECIES:
            raise ValueError(f"rare={self.rare!r} is not an object class; use one of {', '.join(SPECIES)}.")


# Which objects a tide pool holds and where they lie.

PAIRS = 0.3  # share of the objects that touch the one before, which is of the same class


@dataclass(frozen=True)
class Placed:
    """One object to draw.

    Attributes:
        label: class index.
        x, y: its centre in pixels, inside the image.
        radius: half its length in pixels.
        heading: in radians.
        seed: of its appearance.
    """

    label: int
    x: float
    y: float
    radius: float
    heading: float
    seed: int


def arrange(rng: np.random.Generator, size: tuple[int, int], dials: Dials) -> list[Placed]:
    """Choose classes and places, in the order of drawing: later objects cover earlier ones.

    Every object takes the same random numbers whatever the dials are, so that most dials move nothing.

    Example:
        >>> [item.label for item in arrange(np.random.default_rng(0), (160, 160), Dials(count=(0, 0)))]
        []
    """
    names = list(SPECIES)
    weights = np.array([dials.frequency if name == dials.rare else 1 for name in names])
    placed: list[Placed] = []
    fewest, most = dials.count
    for _ in range(fewest + int(rng.random() * (most + 1 - fewest))):
        label = 1 + int(rng.choice(len(names), p=weights / weights.sum()))
        pair, heading, scale = rng.random() < PAIRS, rng.uniform(-np.pi, np.pi), rng.uniform(0.8, 1.2)
        spots, seed = rng.uniform(0.14, 0.86, (4, 2)) * size[::-1], int(rng.integers(2**32))
        if adjacent := pair and placed and names[placed[-1].label - 1] != dials.rare:
            label, heading = placed[-1].label, placed[-1].heading + 0.15 * heading
        length = dials.object_size * float(np.sqrt(size[0] * size[1])) * SPECIES[names[label - 1]].size
        radius = 0.5 * length * scale
        x, y = _next_to(placed[-1], radius, heading) if adjacent else _roomiest(spots, placed)
        x, y = np.clip(x, 0.05 * size[1], 0.95 * size[1]), np.clip(y, 0.05 * size[0], 0.95 * size[0])
        placed.append(Placed(label, float(x), float(y), radius, heading, seed))
    return placed


def _next_to(other: Placed, radius: float, heading: float) -> Array:
    """A place at the side of `other`, near enough to touch it."""
    across = 0.45 * (radius + other.radius)
    return np.array([other.x - across * np.sin(heading), other.y + across * np.cos(heading)])


def _roomiest(spots: Array, placed: list[Placed]) -> Array:
    """The spot of (n, 2) that is farthest from all objects so far."""
    room = [min((np.hypot(x - p.x, y - p.y) - p.radius for p in placed), default=0) for x, y in spots]
    return spots[int(np.argmax(room))]


# The image, and the data set of images.

# Colours of the masks: apart from each other for all eyes, and from sand and stones when half transparent.
MASK_COLORS = {
    "background": (0, 0, 0), "fish": (63, 144, 218), "starfish": (255, 169, 14), "crab": (189, 31, 1),
    "jellyfish": (0, 223, 255), "urchin": (131, 45, 182), "snail": (128, 32, 64), "seahorse": (231, 99, 0),
    "kelp": (0, 32, 96), "shell": (223, 255, 255),
}  # fmt: skip
CLASSES = Classes(tuple(MASK_COLORS), tuple(MASK_COLORS.values()))
SPLITS = ("train", "val", "test")
SMALLEST = 12  # pixels: an object with fewer visible ones becomes void, since it cannot be recognised


@dataclass(frozen=True)
class Scene:
    """An image uint8 (3, H, W), its mask uint8 (H, W) with 255 = void, and its instances."""

    image: Image
    mask: Mask
    instances: Instances


def draw_scene(rng: np.random.Generator, size: Size = (160, 160), dials: Dials | None = None) -> Scene:
    """Draw one tide pool.

    Args:
        rng: the same generator state gives the same image; four numbers are taken from it.
        size: (height, width) in pixels, at least 16 each. Objects grow with the image; blur, noise and void
            border stay in pixels.
        dials: what makes it easy or hard; None for the defaults.

    Returns:
        Image, mask and instances. The mask holds background, every instance in its class, and void: a border
        on the background around the objects, and objects of which almost nothing is visible.

    Raises:
        ValueError: `size` is not two whole numbers of at least 16 pixels.

    Example:
        >>> scene = draw_scene(np.random.default_rng(0), size=(48, 64))
        >>> scene.image.shape, scene.mask.shape
        (torch.Size([3, 48, 64]), torch.Size([48, 64]))
    """
    _check_size(size)
    dials = dials or Dials()
    floor, layout, sea, lens = (np.random.default_rng(seed) for seed in rng.integers(0, 2**32, 4))
    unit = float(np.sqrt(size[0] * size[1]))
    azimuth = layout.uniform(1.05, 1.6) * np.pi  # light from above on the sheet, as the eye expects it
    lighting = Lighting(
        light=np.array([0.6 * np.cos(azimuth), 0.6 * np.sin(azimuth), 0.8], np.float32),
        shadow=dials.shadow,
    )
    image = ground(floor, size, dials.clutter, lighting)
    ids = np.zeros(size, np.int32)  # 0, or the number of the object seen in this pixel
    objects = arrange(layout, size, dials)
    for number, item in enumerate(objects, 1):
        _draw(image, ids, number, item, dials.camouflage, lighting)
    image *= water(sea, size, unit, dials.light)
    labels = np.array([item.label for item in objects], np.int64)
    return Scene(_photograph(lens, image, dials), *_annotate(ids, labels, dials))


def _draw(image: Array, ids: Array, number: int, item: Placed, camouflage: float, lighting: Lighting) -> None:
    """Draw one object over the image; `ids` takes its number where it covers at least half of a pixel."""
    rng = np.random.default_rng(item.seed)
    species = list(SPECIES.values())[item.label - 1]
    cos, sin, mirror = np.cos(item.heading), np.sin(item.heading), rng.choice((-1, 1))
    canvas = Canvas(item.radius, np.array([[cos, sin], [-sin * mirror, cos * mirror]]))
    species.draw(canvas, rng)
    base = np.array(species.colors[rng.integers(len(species.colors))]) * rng.uniform(0.88, 1.12, 3)
    own = np.stack([base * 0.3, base, 0.6 * np.array(species.mark) + 0.5 * base])
    row, column, reach = int(item.y), int(item.x), round(item.radius)
    near = image[:, max(row - reach, 0) : row + reach + 1, max(column - reach, 0) : column + reach + 1]
    mean, spread = near.mean((1, 2)), near.std((1, 2))
    own += camouflage * (np.stack([mean - 2 * spread, mean, mean + 2 * spread]) - own)
    own, at = np.clip(own, 0.02, 1), (item.x, item.y)
    window, cover = stamp(rng, image, canvas, at, own, species.material, lighting)
    ids[window][cover >= 0.5] = number


def _photograph(rng: np.random.Generator, image: Array, dials: Dials) -> Image:
    """The camera: blur, noise, 256 levels."""
    if dials.blur:
        image = np.stack([cv2.GaussianBlur(channel, (0, 0), dials.blur) for channel in image])
    levels = image * 255 + dials.noise * rng.standard_normal(image.shape, dtype=np.float32)
    return Image(torch.from_numpy(np.clip(levels, 0, 255).astype(np.uint8)))


def _annotate(ids: Array, labels: Array, dials: Dials) -> tuple[Mask, Instances]:
    """The annotation: every object's visible pixels and box, and the mask with void."""
    seen = np.bincount(ids.ravel(), minlength=len(labels) + 1)[1:] >= SMALLEST
    mask = np.append(0, np.where(seen, labels, VOID)).astype(np.uint8)[ids]
    if dials.void_border:
        square = np.ones((2 * int(dials.void_border) + 1,) * 2, np.uint8)
        mask[(ids == 0) & (cv2.dilate(mask, square) > 0)] = VOID
    masks = torch.from_numpy(ids == (1 + np.flatnonzero(seen))[:, None, None])
    boxes = _boxes(masks, dials.box_looseness)
    return Mask(torch.from_numpy(mask)), Instances(masks, torch.from_numpy(labels[seen]), boxes)


def _boxes(masks: Tensor, looseness: float) -> Tensor:
    if not len(masks):
        return torch.zeros(0, 4, dtype=torch.int64)
    return loosen(from_masks(masks), looseness, (masks.shape[1], masks.shape[2]))


def _check_size(size: Size) -> None:
    pair = isinstance(size, tuple) and len(size) == 2 and all(isinstance(side, Integral) for side in size)
    if not pair or min(size) < 16:
        raise ValueError(f"size={size!r} must be (height, width), whole numbers of at least 16 pixels.")


class Scenes(SegmentationDataset):
    """Tide pools, drawn when they are asked for: the same seed, split and index always give the same image.

    Args:
        length: how many images there are; a longer data set begins with the images of a shorter one.
        split: "train", "val" or "test"; splits never share an image.
        size: (height, width) in pixels, at least 16 each.
        seed: of the whole data set.
        dials: how hard they are; None for the defaults.

    Raises:
        ValueError: there is no such split, `size` is not two whole numbers of at least 16, or `length` or
            `seed` is negative.

    Example:
        >>> image, mask = Scenes(length=10, split="val")[3]
        >>> image.shape, mask.shape
        (torch.Size([3, 160, 160]), torch.Size([160, 160]))
    """

    name = "scenes"
    classes = CLASSES

    def __init__(
        self,
        length: int = 200,
        split: str = "train",
        size: Size = (160, 160),
        seed: int = 0,
        dials: Dials | None = None,
    ) -> None:
        if split not in SPLITS:
            raise ValueError(f"split={split!r} does not exist; use one of {', '.join(SPLITS)}.")
        if not all(isinstance(value, Integral) and value >= 0 for value in (length, seed)):
            raise ValueError(
                f"length={length!r} and seed={seed!r} must both be 0 or more (and whole numbers)."
            )
        _check_size(size)
        self.length, self.split, self.size, self.seed = length, split, size, seed
        self.dials = dials or Dials()

    def __len__(self) -> int:
        return self.length

    def scene(self, index: int) -> Scene:
        """Image, mask and instances of image `index`, drawn once for all three."""
        rng = np.random.default_rng([self.seed, SPLITS.index(self.split), self.position(index)])
        return draw_scene(rng, self.size, self.dials)

    def __getitem__(self, index: int) -> tuple[Image, Mask]:
        scene = self.scene(index)
        return scene.image, scene.mask

    def instances(self, index: int) -> Instances:
        """The objects of image `index`; to have the image too, `scene` draws it only once."""
        return self.scene(index).instances

    def count_mask(self, index: int) -> MaskCounts:
        """Pixels and objects, drawn once for both."""
        scene, number = self.scene(index), len(self.classes)
        return MaskCounts(count_pixels(scene.mask.numpy(), number), count_objects(scene.instances, number))

    def source_bytes(self, index: int, part: Part) -> bytes:
        """Everything that the scene is drawn from."""
        return f"{self.seed} {self.split} {index} {tuple(self.size)} {self.dials}".encode()
