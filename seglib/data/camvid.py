"""CamVid (Brostow et al. 2009) in the layout of the SegNet tutorial: train/ and trainannot/, val/, test/."""

from __future__ import annotations

from pathlib import Path

from seglib.data.files import FileDataset, pair
from seglib.labels import VOID, Classes

NAMES = (
    "sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian", "bicyclist",
)  # fmt: skip


def camvid(root: Path, split: str = "train") -> FileDataset:
    """The street scenes of CamVid with the 11 classes of SegNet; value 11 in the files is void.

    Neighbouring frames are nearly the same picture: the official split keeps sequences together, a split by
    chance would not.

    Args:
        root: the folder with `train/`, `trainannot/`, `val/`, `valannot/`, `test/`, `testannot/`.
        split: "train", "val" or "test".

    Raises:
        FileNotFoundError: a folder is missing.
        ValueError: a frame has no mask, or the split is unknown.
    """
    if split not in ("train", "val", "test"):
        raise ValueError(f"split must be 'train', 'val' or 'test', got {split!r}")
    values = {k: k for k in range(len(NAMES))} | {len(NAMES): VOID}
    return FileDataset(
        "camvid", split, Classes.of(*NAMES), pair(root / split, root / f"{split}annot"), values=values
    )
