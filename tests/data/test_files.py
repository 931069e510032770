"""Images with mask files: pairing by stem, values to classes."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torchvision.tv_tensors import Image as ImageTensor
from torchvision.tv_tensors import Mask

from seglib.data.files import FileDataset, Sample, images_in, instances_of, pair, to_classes
from seglib.labels import VOID, Classes

CLASSES = Classes.of("background", "cat", "dog")
MASK = np.array([[0, 1, 1, 255], [0, 2, 2, 255], [0, 0, 0, 0]], np.uint8)


def write(folder: Path, mask: np.ndarray, stem: str = "a") -> Sample:
    for name in ("images", "masks"):
        (folder / name).mkdir(exist_ok=True)
    sample = Sample(stem, f"{folder}/images/{stem}.jpg", f"{folder}/masks/{stem}.png")
    Image.new("RGB", (mask.shape[1], mask.shape[0]), (9, 9, 9)).save(sample.image)
    Image.fromarray(mask).save(sample.mask)
    return sample


def test_a_sample_is_image_and_mask(tmp_path: Path) -> None:
    dataset = FileDataset("mine", "train", CLASSES, [write(tmp_path, MASK)])
    image, mask = dataset[0]
    assert isinstance(image, ImageTensor) and image.shape == (3, 3, 4)
    assert isinstance(mask, Mask) and mask.tolist() == MASK.tolist()
    assert (len(dataset), dataset.sample_id(0), dataset.instances(0)) == (1, "a", None)
    with pytest.raises(IndexError):
        dataset[1]
    assert len(list(dataset)) == 1


def test_values_are_translated(tmp_path: Path) -> None:
    values = {0: VOID, 1: 2, 2: 1}
    dataset = FileDataset("mine", "train", CLASSES, [write(tmp_path, MASK)], values=values)
    assert dataset[0][1].tolist() == [[255, 2, 2, 255], [255, 1, 1, 255], [255] * 4]


def test_255_can_be_a_class() -> None:
    stored = np.array([[0, 255]], np.uint8)
    assert to_classes(stored, {0: 0, 255: 1}, "m.png").tolist() == [[0, 1]]


@pytest.mark.parametrize("value", [3, 254, 256, 300, -1])
def test_unknown_values_are_named(value: int) -> None:
    stored = np.array([[0, 1, 2], [0, value, value]], np.int32)
    with pytest.raises(
        ValueError, match=rf"m.png.*value {value} at row 1, column 1 \(2 pixels.*0\.\.2 and 255"
    ):
        to_classes(stored, {0: 0, 1: 1, 2: 2}, "m.png")


def test_painted_masks(tmp_path: Path) -> None:
    sample = write(tmp_path, MASK)
    table = np.zeros((256, 3), np.uint8)
    table[:3], table[VOID] = CLASSES.colors, CLASSES.void_color
    Image.fromarray(table[MASK]).save(sample.mask)
    dataset = FileDataset("mine", "train", CLASSES, [sample], painted=CLASSES)
    assert dataset[0][1].tolist() == MASK.tolist()
    with pytest.raises(ValueError, match=r"a\.png.*painted in colours"):
        FileDataset("mine", "train", CLASSES, [sample])[0]


def test_pairs_are_sorted_and_hidden_or_other_files_passed_over(tmp_path: Path) -> None:
    samples = [write(tmp_path, MASK, stem) for stem in ("b", "a.2", "a")]
    (tmp_path / "images" / ".DS_Store").touch()
    (tmp_path / "images" / "._a.jpg").touch()
    (tmp_path / "masks" / "notes.txt").touch()
    assert pair(tmp_path / "images", tmp_path / "masks") == sorted(samples)


def test_suffixes_in_capitals(tmp_path: Path) -> None:
    (tmp_path / "IMG_1.JPG").touch()
    assert list(images_in(tmp_path)) == ["IMG_1"]


def test_instances_without_pixels_are_left_out() -> None:
    import torch

    masks = torch.zeros(3, 3, 4, dtype=torch.bool)
    masks[0, 1:, 2] = masks[2, 0, 0] = True
    found = instances_of(masks, torch.tensor([1, 2, 1], dtype=torch.uint8))
    assert found.boxes.tolist() == [[2, 1, 3, 3], [0, 0, 1, 1]] and found.classes.tolist() == [1, 1]
    assert found.classes.dtype == found.boxes.dtype == torch.int64
    nothing = instances_of(masks[:0], torch.zeros(0))
    assert nothing.boxes.shape == (0, 4) and len(nothing) == 0
