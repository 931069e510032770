"""CamVid in the SegNet layout."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seglib.data.photographs import CAMVID_NAMES, camvid
from seglib.labels import VOID


@pytest.fixture
def root(tmp_path: Path) -> Path:
    mask = np.arange(12, dtype=np.uint8).reshape(3, 4)
    for split in ("train", "val", "test"):
        for folder, image in ((split, Image.new("RGB", (4, 3))), (f"{split}annot", Image.fromarray(mask))):
            (tmp_path / folder).mkdir()
            image.save(tmp_path / folder / f"{split}_1.png")
    return tmp_path


def test_eleven_classes_and_void(root: Path) -> None:
    dataset = camvid(root, "val")
    assert dataset.classes.names == CAMVID_NAMES and len(CAMVID_NAMES) == 11
    assert dataset[0][1].flatten().tolist() == [*range(11), VOID]
    assert dataset.sample_id(0) == "val_1" and dataset.instances(0) is None


def test_unknown_split(root: Path) -> None:
    with pytest.raises(ValueError, match="'train', 'val' or 'test', got 'all'"):
        camvid(root, "all")


@pytest.mark.photographs
def test_real_frames(photographs: Path) -> None:
    parts = {split: camvid(photographs / "camvid", split) for split in ("train", "val", "test")}
    assert {split: len(part) for split, part in parts.items()} == {"train": 367, "val": 101, "test": 233}
    image, mask = parts["test"][7]
    assert image.shape[1:] == mask.shape and set(mask.unique().tolist()) <= {*range(11), VOID}
