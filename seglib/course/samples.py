"""Data sets made for an exercise: an album with blurred images, and a delivery with faults planted in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from seglib.course import store
from seglib.data.catalog import load
from seglib.data.dataset import SegmentationDataset
from seglib.data.quality import grey
from seglib.data.quality import slope as slope_of
from seglib.files import writing
from seglib.scenes import Dials, Scenes

ALBUM = {"ordinary": 30, "calm": 15, "blurred": 15}  # images of each kind in `album`, in this order
SIZE = (96, 96)
LENGTHS = {"train": 24, "val": 8}
SEED = 3


def album(size: tuple[int, int] = (160, 160)) -> SegmentationDataset:
    """Sixty pools: 30 ordinary ones, 15 calm and sharp ones, 15 blurred by 2 pixels and noisy, in this order.

    Args:
        size: (height, width) of each in pixels.
    """
    calm = Dials(clutter=0.0, noise=0.0, light=0.1, count=(1, 1))
    blurred = Dials(blur=2.0, noise=10.0)
    parts = zip(ALBUM.values(), (5, 6, 7), (Dials(), calm, blurred))
    first, second, third = (Scenes(length, seed=seed, size=size, dials=d) for length, seed, d in parts)
    return first + second + third


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
