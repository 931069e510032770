"""Built-in pictures with dials: tide pools from above, drawn from a seed, with exact masks and instances.

Nothing is downloaded and nothing is stored: picture `index` is drawn when it is asked for. What makes
photographs hard is a dial here: how rare a class is, how small, how cluttered the ground, how alike in colour
object and ground, how blurred. Colours overlap, surfaces are textured and shaded, creatures hide each other:
flat bright shapes would flatter every method that looks at colour alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral

import cv2
import numpy as np
import torch
from torch import Tensor
from torchvision.tv_tensors import Image, Mask

from seglib.boxes import from_masks, loosen
from seglib.data.dataset import Instances, SegmentationDataset
from seglib.data.dials import Dials
from seglib.data.ground import ground
from seglib.data.layout import Placed, arrange
from seglib.data.light import Look, Scenery, Size, stamp, water
from seglib.data.species import SPECIES
from seglib.data.sprites import Array, Canvas
from seglib.labels import VOID, Classes

CLASSES = Classes.of("background", *SPECIES)
SPLITS = ("train", "val", "test")
SMALLEST = 12  # pixels: an object of which fewer can be seen becomes void, since nobody could name it


@dataclass(frozen=True)
class Scene:
    """One picture: image uint8 (3, H, W), mask uint8 (H, W) with 255 = void, and its instances."""

    image: Image
    mask: Mask
    instances: Instances


def draw_scene(rng: np.random.Generator, size: Size = (160, 160), dials: Dials | None = None) -> Scene:
    """Draw one tide pool.

    Args:
        rng: the same generator state gives the same picture; four numbers are taken from it.
        size: (height, width) in pixels, at least 16 each. Objects grow with the picture; blur, noise and void
            border stay in pixels.
        dials: what makes it easy or hard; None for the defaults.

    Returns:
        Image, mask and instances. The mask is background, every instance painted in its class, and void: a
        rim on the background around the objects, and objects of which almost nothing can be seen.

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
    scenery = Scenery(
        light=np.array([0.6 * np.cos(azimuth), 0.6 * np.sin(azimuth), 0.8], np.float32),
        shadow=dials.shadow,
    )
    image = ground(floor, size, dials.clutter, scenery)
    ids = np.zeros(size, np.int32)  # 0, or the number of the object seen in this pixel
    objects = arrange(layout, size, dials)
    for number, thing in enumerate(objects, 1):
        _draw(image, ids, number, thing, dials.camouflage, scenery)
    image *= water(sea, size, unit, dials.light)
    labels = np.array([thing.label for thing in objects], np.int64)
    return Scene(_photograph(lens, image, dials), *_annotate(ids, labels, dials))


def _draw(image: Array, ids: Array, number: int, thing: Placed, camouflage: float, scenery: Scenery) -> None:
    """Draw one object over the picture; `ids` takes its number where it covers at least half of a pixel."""
    rng = np.random.default_rng(thing.seed)
    species = list(SPECIES.values())[thing.label - 1]
    cos, sin, mirror = np.cos(thing.heading), np.sin(thing.heading), rng.choice((-1, 1))
    canvas = Canvas(thing.radius, np.array([[cos, sin], [-sin * mirror, cos * mirror]]))
    species.draw(canvas, rng)
    base = np.array(species.colors[rng.integers(len(species.colors))]) * rng.uniform(0.88, 1.12, 3)
    own = np.stack([base * 0.3, base, 0.6 * np.array(species.mark) + 0.5 * base])
    row, column, reach = int(thing.y), int(thing.x), round(thing.radius)
    near = image[:, max(row - reach, 0) : row + reach + 1, max(column - reach, 0) : column + reach + 1]
    mean, spread = near.mean((1, 2)), near.std((1, 2))
    own += camouflage * (np.stack([mean - 2 * spread, mean, mean + 2 * spread]) - own)
    look = Look(np.clip(own, 0.02, 1), species.bulge, species.rough, species.opacity, species.hover)
    window, cover = stamp(rng, image, canvas, (thing.x, thing.y), look, scenery)
    ids[window][cover >= 0.5] = number


def _photograph(rng: np.random.Generator, image: Array, dials: Dials) -> Image:
    """The camera: blur, noise, 256 levels."""
    if dials.blur:
        image = np.stack([cv2.GaussianBlur(channel, (0, 0), dials.blur) for channel in image])
    levels = image * 255 + dials.noise * rng.standard_normal(image.shape, dtype=np.float32)
    return Image(torch.from_numpy(np.clip(levels, 0, 255).astype(np.uint8)))


def _annotate(ids: Array, labels: Array, dials: Dials) -> tuple[Mask, Instances]:
    """The annotator: every object's visible pixels and box, the mask, and what is left void."""
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
    """Tide pools drawn when they are asked for: the same seed, split and index always give the same picture.

    Args:
        length: how many pictures there are; a longer data set begins with the pictures of a shorter one.
        split: "train", "val" or "test"; splits never share a picture.
        size: (height, width) in pixels, at least 16 each.
        seed: another seed, another sea.
        dials: what makes them easy or hard; None for the defaults.

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
        if length < 0 or seed < 0:
            raise ValueError(f"length={length} and seed={seed} must both be 0 or more.")
        _check_size(size)
        self.length, self.split, self.size, self.seed = length, split, size, seed
        self.dials = dials or Dials()

    def __len__(self) -> int:
        return self.length

    def scene(self, index: int) -> Scene:
        """Image, mask and instances of picture `index`, drawn once for all three."""
        if not 0 <= index < self.length:
            raise IndexError(
                f"picture {index} does not exist; this data set has {self.length}, counted from 0."
            )
        return draw_scene(
            np.random.default_rng([self.seed, SPLITS.index(self.split), index]), self.size, self.dials
        )

    def __getitem__(self, index: int) -> tuple[Image, Mask]:
        scene = self.scene(index)
        return scene.image, scene.mask

    def instances(self, index: int) -> Instances:
        """The objects of picture `index`; to have the picture too, `scene` draws it only once."""
        return self.scene(index).instances
