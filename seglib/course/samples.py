"""Made for an exercise: blurred images, a delivery with planted faults, pools with boxes, a small net."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torchvision.transforms.functional import gaussian_blur

from seglib.course import store
from seglib.data.catalog import load
from seglib.data.dataset import SegmentationDataset
from seglib.data.quality import grey
from seglib.data.quality import slope as slope_of
from seglib.files import write_text, writing
from seglib.labels import VOID
from seglib.progress import tracked
from seglib.scenes import Dials, Scenes
from seglib.weak.boxes import BoxAnnotations

ALBUM = {"ordinary": 30, "calm": 15, "blurred": 15}  # images of each kind in `album`, in this order
CALM = (0, 23, 41, 43, 53, 56, 72, 78, 81, 83, 92, 95, 97, 98, 108)  # calm pools that have a seahorse
COLOURS = {"train": (60, 60), "val": (30, 200)}  # images, and pixels of each, in `colours`
SIZE = (96, 96)
LENGTHS = {"train": 24, "val": 8}
SEED = 3


class Pool(NamedTuple):
    """Pixels (H, W, 3) and (H, W), uint8, as files hold them."""

    image: NDArray[Any]
    mask: NDArray[Any]


def album(size: tuple[int, int] = (160, 160)) -> SegmentationDataset:
    """Sixty pools: 30 ordinary ones, 15 calm and sharp ones, 15 blurred by 2 pixels and noisy, in this order.

    A calm pool has an even ground, no noise, and a seahorse: to drop it is to drop a class. In half of them
    the light is even as well, in the others it draws its lines on the ground, which are wide and soft.

    Args:
        size: (height, width) of each in pixels.
    """
    small = Dials(count=(1, 2), frequency=1.0, object_size=0.25)
    still = replace(small, clutter=0.0, noise=0.0, light=0.1)
    lit = replace(still, light=1.0, shadow=0.0)
    parts = zip((still, lit), (CALM[::2], CALM[1::2]))
    even, lines = (Scenes(CALM[-1] + 1, seed=6, size=size, dials=d).subset(chosen) for d, chosen in parts)
    ordinary = Scenes(ALBUM["ordinary"], seed=5, size=size)
    blurred = Scenes(ALBUM["blurred"], seed=7, size=size, dials=Dials(blur=2.0, noise=10.0))
    return ordinary + even + lines + blurred


@cache
def colours(split: str) -> tuple[Tensor, Tensor]:
    """What the smallest net sees of some pixels of drawn pools: their colours, and those around them.

    Args:
        split: "train" or "val".

    Returns:
        (N, 9) float32, about -2..2: red, green and blue of the pixel, of a blur of 2 pixels and of one of 5;
        and (N,) int64 true classes, no void.
    """
    images, each = COLOURS[split]
    rng, rows, names = torch.Generator().manual_seed(0), [], []
    for image, mask in tracked(Scenes(images, split=split, size=SIZE), images, "drawing pools"):
        known = (mask.as_subclass(Tensor).flatten() != VOID).nonzero()[:, 0]
        some = known[torch.randperm(len(known), generator=rng)[:each]]
        rows.append(colour_maps(image).flatten(0, 1)[some])
        names.append(mask.as_subclass(Tensor).flatten()[some].long())
    return torch.cat(rows), torch.cat(names)


def colour_shares() -> Tensor:
    """(K,) float32, the classes' shares of the pixels of `colours("train")`."""
    _, truth = colours("train")
    return truth.bincount(minlength=len(Scenes(1).classes)) / len(truth)


def colour_maps(image: Tensor) -> Tensor:
    """What the smallest net sees of an image (3, H, W) uint8: (H, W, 9) float32, see `colours`."""
    own = image.as_subclass(Tensor).float() / 64 - 2
    return torch.cat([own, *(gaussian_blur(own, 4 * s + 1, s) for s in (2, 5))]).movedim(0, 2)


def boxed_pool(number: int, side: int, seed: int) -> tuple[Tensor, Tensor, BoxAnnotations]:
    """Image (3, side, side) uint8, mask (side, side) uint8 and boxes of pool `number` of a "val" split."""
    scene = Scenes(number + 1, split="val", size=(side, side), seed=seed).scene(number)
    boxes = BoxAnnotations(scene.instances.boxes, scene.instances.classes)
    return scene.image.as_subclass(Tensor), scene.mask.as_subclass(Tensor), boxes


def smallest_net(loss: Callable[[Tensor, Tensor], Tensor]) -> nn.Linear:
    """One linear layer, trained on `colours("train")` with a loss, as in notebook 03a.

    Args:
        loss: (N, K) logits and (N,) int64 classes -> a scalar from which the net learns.
    """
    seen, truth = colours("train")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = nn.Linear(seen.shape[1], len(Scenes(1).classes))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.1)
    for _ in range(80):
        optimizer.zero_grad()
        loss(net(seen), truth).backward()
        optimizer.step()
    return net


def slope(image: Tensor, sigma: float) -> Tensor:
    """How steep the grey values are at each pixel after a Gaussian blur, which removes noise.

    Args:
        image: (3, H, W) uint8.
        sigma: standard deviation of the blur in pixels.

    Returns:
        (H, W) float32.
    """
    return torch.from_numpy(slope_of(grey(image), sigma))


def delivery(folder: Path | None = None) -> dict[str, SegmentationDataset]:
    """Write a small data set with five faults and one oddity to disk, open it, and return its splits.

    Args:
        folder: where; next to the student's progress by default. Files that are there are overwritten.

    Raises:
        DiskError: it cannot be written.
    """
    root = folder or store.folder().parent / "delivery"
    pools = {split: _drawn(Scenes(LENGTHS[split], split=split, size=SIZE, seed=SEED)) for split in LENGTHS}
    _plant_faults(**pools)
    for split, name in (("train", "pool"), ("val", "check")):
        for number, (image, mask) in enumerate(pools[split]):
            _save(root / split / "images" / f"{name}_{number:02}.png", image)
            _save(root / split / "masks" / f"{name}_{number:02}.png", mask)
    write_text(root / "classes.txt", "\n".join(Scenes(1).classes.names))
    return {split: load(str(root), split) for split in LENGTHS}


def _plant_faults(train: list[Pool], val: list[Pool]) -> None:
    copy = Image.fromarray(train[3].image).resize((48, 48)).resize(SIZE)  # not the same bytes, the same pool
    val[6] = Pool(np.asarray(copy), train[3].mask)  # it is in the training split as well
    train[5] = _drawn(Scenes(1, size=SIZE, seed=SEED + 1, dials=Dials(count=(0, 0))))[0]  # odd, but right
    train[7] = train[7]._replace(mask=train[7].mask[:80])  # its mask has another size than its image
    half = Image.fromarray(train[11].mask).resize((48, 48), Image.Resampling.BILINEAR)
    mixed = np.asarray(half.resize(SIZE, Image.Resampling.BILINEAR))
    train[11] = train[11]._replace(mask=mixed)  # its mask holds a value that is not a class
    train[15] = train[15]._replace(mask=np.full_like(train[15].mask, VOID))  # nobody labelled it
    train[19] = train[19]._replace(image=np.full_like(train[19].image, 2))  # the lens cap was on


def _drawn(pools: Scenes) -> list[Pool]:
    return [Pool(np.ascontiguousarray(image.permute(1, 2, 0)), mask.numpy()) for image, mask in pools]


def _save(path: Path, pixels: NDArray[Any]) -> None:
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
