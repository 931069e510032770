"""Built-in pictures with dials: tide pools seen from above, drawn from a seed, with exact masks and instances.

Nothing is downloaded and nothing is stored: picture `index` is drawn when it is asked for. What makes photographs
hard is a dial here: how rare a class is, how small, how cluttered the ground, how alike in colour object and ground,
how blurred. Turning one dial leaves everything else in the picture where it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torchvision.tv_tensors import Image, Mask

from seglib.data.creatures import CREATURES
from seglib.data.dataset import Instances, SegmentationDataset
from seglib.data.ground import ground, water
from seglib.data.sprites import Array, Canvas, Look, noise, render
from seglib.labels import VOID, Classes

CLASSES = Classes(
    names=("background", *CREATURES),
    colors=(
        (0, 0, 0), (0, 114, 178), (213, 94, 0), (230, 159, 0), (126, 47, 142),
        (86, 180, 233), (204, 121, 167), (153, 79, 0), (0, 158, 115), (240, 228, 66),
    ),
)  # fmt: skip
SPLITS = ("train", "val", "test")
SMALLEST_VISIBLE = 0.15  # an object of which less can be seen is void: nobody could name it


@dataclass(frozen=True)
class Dials:
    """What makes a picture easy or hard. Each range is checked; ValueError says which dial is out of it.

    Attributes:
        count: fewest and most objects in a picture, 0..50 each.
        object_size: length of a usual object, as a share of the picture's mean side, 0.05..1.
        rare: the class that is rare.
        frequency: how often the rare class is drawn beside any other: 1 as often, 0 never.
        clutter: how rough, colourful and littered the ground is, 0..1.
        camouflage: how far the objects take on the colours of the ground under them, 0..1.
        shadow: darkness of cast shadows, 0..1.
        light: unevenness of the light: caustics, clouds, dark corners, 0..1.
        blur: standard deviation of the lens's blur in pixels, 0..10.
        noise: standard deviation of the sensor's noise in grey levels, 0..64.
        void_border: width in pixels of the unlabelled rim around objects, 0..10; VOC 2012 has about 5 at 500 pixels.
        box_looseness: how much larger than its object a box is, 0 tight .. 1 twice as wide and high.
    """

    count: tuple[int, int] = (3, 6)
    object_size: float = 0.36
    rare: str = "seahorse"
    frequency: float = 0.35
    clutter: float = 0.6
    camouflage: float = 0.4
    shadow: float = 0.5
    light: float = 0.6
    blur: float = 0.5
    noise: float = 4.0
    void_border: int = 1
    box_looseness: float = 0.0

    def __post_init__(self) -> None:
        if self.rare not in CREATURES:
            raise ValueError(f"rare={self.rare!r} is no object class; use one of {', '.join(CREATURES)}.")
        if not 0 <= self.count[0] <= self.count[1] <= 50:
            raise ValueError(f"count={self.count} must be (fewest, most) with 0 <= fewest <= most <= 50.")
        for name, (low, high) in RANGES.items():
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name}={getattr(self, name)} is out of range; use {low:g}..{high:g}.")


RANGES = {
    "object_size": (0.05, 1.0), "frequency": (0.0, 1.0), "clutter": (0.0, 1.0), "camouflage": (0.0, 1.0),
    "shadow": (0.0, 1.0), "light": (0.0, 1.0), "blur": (0.0, 10.0), "noise": (0.0, 64.0),
    "void_border": (0, 10), "box_looseness": (0.0, 1.0),
}  # fmt: skip


@dataclass(frozen=True)
class Scene:
    """One picture: image uint8 (3, H, W), mask uint8 (H, W) with 255 = void, and its instances."""

    image: Image
    mask: Mask
    instances: Instances


@dataclass(frozen=True)
class _Item:
    """An object that will be drawn: class index, centre and radius in pixels, heading in radians, its own seed."""

    label: int
    x: float
    y: float
    radius: float
    heading: float
    seed: int


def draw_scene(rng: np.random.Generator, size: tuple[int, int] = (160, 160), dials: Dials = Dials()) -> Scene:
    """Draw one tide pool of `size` (height, width)."""
    if min(size) < 16:
        raise ValueError(
            f"size={size} is too small for a scene; height and width must be at least 16 pixels."
        )
    seeds = rng.integers(0, 2**32, 4)
    floor, layout, sea, lens = (np.random.default_rng(seed) for seed in seeds)
    unit = float(np.sqrt(size[0] * size[1]))
    azimuth = layout.uniform(0.9, 1.6) * np.pi  # the light comes from the upper left, as the eye expects
    light = np.array([np.cos(azimuth) * 0.6, np.sin(azimuth) * 0.6, 0.8], np.float32)
    image = ground(floor, size, unit, dials.clutter, light)
    ids = np.zeros(size, np.int32)
    items = _arrange(layout, size, unit, dials)
    grain = noise(floor, (int(unit) + 64, int(unit) + 64), 6, 3) * 0.5
    for number, item in enumerate(items, 1):
        _paint(image, ids, number, item, grain, light, dials)
    image *= water(sea, size, unit, dials.light)[..., None]
    return _finish(lens, image, ids, items, dials)


def _arrange(rng: np.random.Generator, size: tuple[int, int], unit: float, dials: Dials) -> list[_Item]:
    """Choose classes and places; some objects come in touching pairs of the same class."""
    names = list(CREATURES)
    weights = np.array([dials.frequency if name == dials.rare else 1.0 for name in names])
    steps = np.cumsum(weights / weights.sum())
    items: list[_Item] = []
    for _ in range(rng.integers(dials.count[0], dials.count[1] + 1)):
        kind, pair, scale, place, heading, seed = (
            rng.random(), rng.random(), rng.uniform(0.8, 1.2), rng.uniform(0.05, 0.95, (4, 2)),
            rng.uniform(-np.pi, np.pi), int(rng.integers(2**32)),
        )  # fmt: skip
        label = min(int(np.searchsorted(steps, kind)), len(names) - 1) + 1
        spots = place * (size[1], size[0])
        if items and pair < 0.3 and items[-1].label != names.index(dials.rare) + 1:
            before = items[-1]
            label, heading = before.label, before.heading + (heading * 0.15)
        radius = 0.5 * dials.object_size * unit * CREATURES[names[label - 1]].size * scale
        if items and label == items[-1].label and pair < 0.3:
            way = np.array([-np.sin(heading), np.cos(heading)]) * (0.45 * (radius + items[-1].radius))
            spots = np.array([[items[-1].x, items[-1].y]]) + way
        gaps = [min((np.hypot(x - i.x, y - i.y) - i.radius for i in items), default=0.0) for x, y in spots]
        x, y = spots[int(np.argmax(gaps))]
        items.append(_Item(label, float(x), float(y), float(radius), float(heading), seed))
    return items


def _paint(
    image: Array, ids: Array, number: int, item: _Item, grain: Array, light: Array, dials: Dials
) -> None:
    """Draw one object over the picture: first its shadow, then itself; `ids` takes its number where it covers."""
    rng = np.random.default_rng(item.seed)
    creature = list(CREATURES.values())[item.label - 1]
    cos, sin = np.cos(item.heading), np.sin(item.heading)
    flip = rng.choice((-1, 1))
    canvas = Canvas(item.radius, np.array([[cos, sin], [-sin * flip, cos * flip]]))
    creature.draw(canvas, rng)
    base = np.array(creature.colors[rng.integers(len(creature.colors))]) * rng.uniform(0.85, 1.15, 3)
    own = np.stack([base * 0.3, base, 0.5 * np.array(creature.mark) + 0.5 * base * 1.3])
    left, top = round(item.x) - canvas.middle, round(item.y) - canvas.middle
    here = _overlap(image.shape, left, top, 2 * canvas.middle)
    if here is None:
        return
    under = image[here[0]].reshape(-1, 3)
    mean, spread = under.mean(0), under.std(0)
    nearby = np.stack([mean - 2 * spread, mean, mean + 2 * spread])
    colors = np.clip(own + dials.camouflage * (nearby - own), 0.02, 1)
    start = rng.integers(0, max(len(grain) - len(canvas.solid), 1), 2)
    patch = grain[start[0] :, start[1] :]
    if min(patch.shape) < len(canvas.solid):
        patch = np.tile(grain, (4, 4))
    look = Look(colors, creature.bulge, creature.rough, creature.opacity, creature.hover)
    color, cover = render(canvas, look, patch, light)
    away = -light[:2] / 0.6 * (look.hover * item.radius + 1)
    softness = 0.8 + 0.3 * look.hover * item.radius
    cast = _overlap(image.shape, left + round(float(away[0])), top + round(float(away[1])), 2 * canvas.middle)
    if cast is not None:
        dark = cv2.GaussianBlur(cover, (0, 0), softness)[cast[1]] * dials.shadow * look.opacity
        image[cast[0]] *= 1 - dark[..., None]
    alpha = cover[here[1]][..., None] * look.opacity
    image[here[0]] += alpha * (color[here[1]] - image[here[0]])
    ids[here[0]][cover[here[1]] >= 0.5] = number


Window = tuple[slice, slice]


def _overlap(shape: tuple[int, ...], left: int, top: int, side: int) -> tuple[Window, Window] | None:
    """Where a square lies in the picture, and that part of the square; None where they do not meet."""
    y0, y1, x0, x1 = max(top, 0), min(top + side, shape[0]), max(left, 0), min(left + side, shape[1])
    if y0 >= y1 or x0 >= x1:
        return None
    return (slice(y0, y1), slice(x0, x1)), (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))


def _finish(rng: np.random.Generator, image: Array, ids: Array, items: list[_Item], dials: Dials) -> Scene:
    """The lens and the annotator: blur and noise on the picture, mask, void and instances from the ids."""
    if dials.blur:
        image = cv2.GaussianBlur(image, (0, 0), dials.blur)
    levels = image * 255 + dials.noise * rng.standard_normal(image.shape, dtype=np.float32)
    pixels = np.clip(levels, 0, 255).astype(np.uint8)
    masks = ids[None] == np.arange(1, len(items) + 1)[:, None, None]
    labels = np.array([item.label for item in items], np.int64)
    seen = masks.sum((1, 2)) >= 12
    mask = np.concatenate([[0], np.where(seen, labels, VOID)]).astype(np.uint8)[ids]
    if dials.void_border:
        around = np.ones((2 * dials.void_border + 1,) * 2, np.uint8)
        rim = (cv2.dilate((ids > 0).astype(np.uint8), around) > 0) & (ids == 0)
        mask[rim] = VOID
    kept = torch.from_numpy(masks[seen])
    instances = Instances(kept, torch.from_numpy(labels[seen]), _boxes(kept))
    return Scene(
        Image(torch.from_numpy(pixels.transpose(2, 0, 1).copy())), Mask(torch.from_numpy(mask)), instances
    )


def _boxes(masks: torch.Tensor) -> torch.Tensor:
    """The tight boxes of (M, H, W) masks, (M, 4) int64, end-exclusive."""
    boxes = torch.zeros(len(masks), 4, dtype=torch.int64)
    for box, mask in zip(boxes, masks):
        rows, columns = mask.any(1).nonzero(), mask.any(0).nonzero()
        box[:] = torch.stack([columns[0, 0], rows[0, 0], columns[-1, 0] + 1, rows[-1, 0] + 1])
    return boxes


class Scenes(SegmentationDataset):
    """`length` tide pools; the same seed, split and index always give the same picture."""

    name = "scenes"
    classes = CLASSES

    def __init__(
        self,
        length: int = 200,
        split: str = "train",
        size: tuple[int, int] = (160, 160),
        seed: int = 0,
        dials: Dials = Dials(),
    ) -> None:
        if split not in SPLITS:
            raise ValueError(f"split={split!r} does not exist; use one of {', '.join(SPLITS)}.")
        if length < 0 or seed < 0:
            raise ValueError(f"length={length} and seed={seed} must not be negative.")
        self.length, self.split, self.size, self.seed, self.dials = length, split, size, seed, dials

    def __len__(self) -> int:
        return self.length

    def scene(self, index: int) -> Scene:
        """Picture, mask and instances number `index`, drawn now."""
        if not 0 <= index < self.length:
            raise IndexError(f"picture {index} does not exist; this data set has {self.length}.")
        rng = np.random.default_rng([self.seed, SPLITS.index(self.split), index])
        return draw_scene(rng, self.size, self.dials)

    def __getitem__(self, index: int) -> tuple[Image, Mask]:
        scene = self.scene(index)
        return scene.image, scene.mask

    def instances(self, index: int) -> Instances:
        return self.scene(index).instances
