"""The delivery of notebook 03: a small data set in a folder, with faults planted in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seglib.course import store
from seglib.data.catalog import load
from seglib.data.dataset import SegmentationDataset
from seglib.files import writing
from seglib.scenes import Dials, Scenes

SIZE = (96, 96)
LENGTHS = {"train": 24, "val": 8}
SEED = 3
CUT, MIXED, UNLABELLED, CAPPED, LEAKED, EMPTY = 7, 11, 15, 19, 3, 5
#: What must not be trained on, and why. pool_05 is not among them: a pool without animals teaches too.
FAULTS = {
    f"pool_{CUT:02}": "its mask has another size than its image",
    f"pool_{MIXED:02}": "its mask holds a value that is no class",
    f"pool_{UNLABELLED:02}": "nobody has labelled it: every pixel is void",
    f"pool_{CAPPED:02}": "the lens cap was on, and its mask shows animals all the same",
    f"pool_{LEAKED:02}": "it is in the validation split too",
}
ODD = f"pool_{EMPTY:02}"


def delivery(folder: Path | None = None) -> dict[str, SegmentationDataset]:
    """Write the delivery, open it, and return its splits.

    Args:
        folder: where; by default beside the student's progress. What lies there is written anew.

    Raises:
        DiskError: it cannot be written.
    """
    root = folder or store.folder().parent / "delivery"
    for split, length in LENGTHS.items():
        for number, (image, mask) in enumerate(Scenes(length, split=split, size=SIZE, seed=SEED)):
            _write(root, split, number, image.permute(1, 2, 0).numpy(), mask.numpy())
    _plant(root)
    with writing(root):
        (root / "classes.txt").write_text("\n".join(Scenes(1).classes.names), encoding="utf-8")
    return {split: load(str(root), split) for split in LENGTHS}


def _plant(root: Path) -> None:
    """Overwrite what shall be wrong, and the one pool that is only odd."""
    pools = Scenes(LENGTHS["train"], split="train", size=SIZE, seed=SEED)
    pixels = {k: pools[k][0].permute(1, 2, 0).numpy() for k in (CUT, MIXED, UNLABELLED, CAPPED, LEAKED)}
    masks = {k: pools[k][1].numpy() for k in pixels}
    _write(root, "train", CUT, pixels[CUT], masks[CUT][:80])
    half = Image.fromarray(masks[MIXED]).resize((48, 48), Image.Resampling.BILINEAR)
    _write(root, "train", MIXED, pixels[MIXED], np.asarray(half.resize(SIZE, Image.Resampling.BILINEAR)))
    _write(root, "train", UNLABELLED, pixels[UNLABELLED], np.full_like(masks[UNLABELLED], 255))
    _write(root, "train", CAPPED, np.full_like(pixels[CAPPED], 2), masks[CAPPED])
    copy = Image.fromarray(pixels[LEAKED]).resize((48, 48)).resize(SIZE)  # not the same bytes, the same pool
    _write(root, "val", 6, np.asarray(copy), masks[LEAKED])
    empty, mask = Scenes(1, size=SIZE, seed=SEED + 1, dials=Dials(count=(0, 0)))[0]
    _write(root, "train", EMPTY, empty.permute(1, 2, 0).numpy(), mask.numpy())


def _write(root: Path, split: str, number: int, image: NDArray[Any], mask: NDArray[Any]) -> None:
    name = f"{'pool' if split == 'train' else 'check'}_{number:02}.png"
    for sub, array in (("images", image), ("masks", mask)):
        path = root / split / sub / name
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.ascontiguousarray(array)).save(path)
