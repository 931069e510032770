"""CamVid (Brostow et al. 2009) in the layout of the SegNet tutorial: train/ and trainannot/, val/, test/."""

from __future__ import annotations

from pathlib import Path

from seglib.data.files import FileDataset, pair
from seglib.data.splits import SplitError
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
        FileNotFoundError: one of a split's two folders is missing.
        ValueError: a frame has no mask; SplitError where there is no such split.
    """
    if split not in ("train", "val", "test"):
        raise ValueError(f"split must be 'train', 'val' or 'test', got {split!r}")
    if not (root / split).is_dir() and not (root / f"{split}annot").is_dir():
        raise SplitError(f"{root}: there is no split '{split}'; expected {split}/ and {split}annot/")
    values = {k: k for k in range(len(NAMES))} | {len(NAMES): VOID}
    return FileDataset(
        "camvid", split, Classes.of(*NAMES), pair(root / split, root / f"{split}annot"), values=values
    )
