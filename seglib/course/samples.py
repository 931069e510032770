"""Made for an exercise: an album with blurred images, a delivery with planted faults, the smallest net."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

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
from seglib.files import writing
from seglib.labels import VOID
from seglib.progress import tracked
from seglib.scenes import Dials, Scenes

ALBUM = {"ordinary": 30, "calm": 15, "blurred": 15}  # images of each kind in `album`, in this order
CALM = (0, 23, 41, 43, 53, 56, 72, 78, 81, 83, 92, 95, 97, 98, 108)  # calm pools that have a seahorse
COLOURS = {"train": (60, 60), "val": (30, 200)}  # images, and pixels of each, in `colours`
SIZE = (96, 96)
LENGTHS = {"train": 24, "val": 8}
SEED = 3


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
    return (
        ordinary
        + even
        + lines
        + Scenes(ALBUM["blurred"], seed=7, size=size, dials=Dials(blur=2.0, noise=10.0))
    )


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
    for split, length in LENGTHS.items():
        for number, (image, mask) in enumerate(Scenes(length, split=split, size=SIZE, seed=SEED)):
            _write(root, split, number, image.permute(1, 2, 0).numpy(), mask.numpy())
    _plant_faults(root)
    with writing(root):
        (root / "classes.txt").write_text("\n".join(Scenes(1).classes.names), encoding="utf-8")
    return {split: load(str(root), split) for split in LENGTHS}


def _plant_faults(root: Path) -> None:
    pools = Scenes(LENGTHS["train"], split="train", size=SIZE, seed=SEED)
    pixels = {k: pools[k][0].permute(1, 2, 0).numpy() for k in (3, 7, 11, 15, 19)}
    masks = {k: pools[k][1].numpy() for k in pixels}
    copy = Image.fromarray(pixels[3]).resize((48, 48)).resize(SIZE)  # not the same bytes, the same pool
    _write(root, "val", 6, np.asarray(copy), masks[3])  # it is in the training split as well
    _write(root, "train", 7, pixels[7], masks[7][:80])  # its mask has another size than its image
    half = Image.fromarray(masks[11]).resize((48, 48), Image.Resampling.BILINEAR)
    mixed = np.asarray(half.resize(SIZE, Image.Resampling.BILINEAR))
    _write(root, "train", 11, pixels[11], mixed)  # its mask holds a value that is not a class
    _write(root, "train", 15, pixels[15], np.full_like(masks[15], 255))  # nobody labelled it: all is void
    _write(root, "train", 19, np.full_like(pixels[19], 2), masks[19])  # the lens cap was on
    empty, mask = Scenes(1, size=SIZE, seed=SEED + 1, dials=Dials(count=(0, 0)))[0]
    _write(root, "train", 5, empty.permute(1, 2, 0).numpy(), mask.numpy())  # odd, but right: no animals


def _write(root: Path, split: str, number: int, image: NDArray[Any], mask: NDArray[Any]) -> None:
    name = f"{'pool' if split == 'train' else 'check'}_{number:02}.png"
    for sub, array in (("images", image), ("masks", mask)):
        path = root / split / sub / name
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.ascontiguousarray(array)).save(path)
