"""Images with mask files: every kind of image becomes the same kind of tensor; pairing by stem; classes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from torchvision.tv_tensors import Image as ImageTensor
from torchvision.tv_tensors import Mask

from seglib.data.files import (
    FileDataset,
    Sample,
    instances_of,
    match_size,
    read_image,
    read_labels,
)
from seglib.data.pairing import pair
from seglib.data.tree import images_in
from seglib.labels import VOID, Classes

CLASSES = Classes.of("background", "cat", "dog")
MASK = np.array([[0, 1, 1, 255], [0, 2, 2, 255], [0, 0, 0, 0]], np.uint8)
RED = (200, 30, 40)


def save(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


def palette(*color: int) -> Image.Image:
    image = Image.new("P", (4, 3), 1)
    image.putpalette([0, 0, 0, *color])
    return image


@pytest.mark.parametrize(
    ("image", "suffix", "options", "expected"),
    [
        (Image.new("RGB", (4, 3), RED), "png", {}, RED),
        (Image.new("L", (4, 3), 90), "png", {}, (90, 90, 90)),
        (Image.new("1", (4, 3), 1), "png", {}, (255, 255, 255)),
        (palette(*RED), "png", {}, RED),
        (palette(*RED), "png", {"transparency": 1}, (255, 255, 255)),
        (Image.new("RGBA", (4, 3), (*RED, 255)), "png", {}, RED),
        (Image.new("RGBA", (4, 3), (*RED, 0)), "png", {}, (255, 255, 255)),
        (Image.new("RGBA", (4, 3), (0, 0, 0, 127)), "png", {}, (128, 128, 128)),
        (Image.new("LA", (4, 3), (0, 0)), "png", {}, (255, 255, 255)),
        (Image.new("L", (4, 3), 10), "gif", {}, (10, 10, 10)),
    ],
)
def test_every_kind_of_image(
    tmp_path: Path, image: Image.Image, suffix: str, options: dict, expected: tuple[int, ...]
) -> None:
    path = save(tmp_path / f"a.{suffix}", image, **options)
    read = read_image(path)
    assert read.shape == (3, 3, 4) and read.dtype == torch.uint8 and read.is_contiguous()
    assert tuple(read[:, 0, 0].tolist()) == expected
    path.unlink()  # on Windows an open file cannot be removed


def test_cmyk_jpeg_has_its_colour(tmp_path: Path) -> None:
    image = Image.new("RGB", (16, 16), RED).convert("CMYK")
    read = read_image(save(tmp_path / "a.jpg", image, quality=95))
    assert np.abs(read[:, 8, 8].numpy().astype(int) - RED).max() <= 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation(tmp_path: Path, orientation: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 4, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / "a.png", Image.fromarray(pixels), exif=exif)
    upright = np.array(ImageOps.exif_transpose(Image.open(path)))
    assert torch.equal(read_image(path), torch.from_numpy(upright).permute(2, 0, 1))
    mask = torch.from_numpy(pixels[..., 0].copy())
    # Labels drawn on the unrotated pixels are recognised by their size, and rotated.
    expected = torch.from_numpy(upright[..., 0].copy()) if orientation >= 5 else mask
    assert torch.equal(match_size(mask, read_image(path), path, "mask.png"), expected)


@pytest.mark.parametrize(
    ("image", "value"),
    [
        (Image.new("L", (4, 3), 7), 7),
        (Image.fromarray(np.full((3, 4), 9, np.uint8)).convert("P"), 9),
        (Image.new("1", (4, 3), 1), 1),
        (Image.new("LA", (4, 3), (5, 0)), 5),
        (Image.new("I;16", (4, 3), 300), 300),
        (Image.new("RGB", (4, 3), RED), RED),
        (Image.new("RGBA", (4, 3), (*RED, 9)), RED),
    ],
)
def test_labels_are_indices_or_colours(tmp_path: Path, image: Image.Image, value: object) -> None:
    labels = read_labels(save(tmp_path / "m.png", image))
    assert labels.shape[:2] == (3, 4) and (labels == value).all()


def write(folder: Path, mask: np.ndarray, stem: str = "a") -> Sample:
    for name in ("images", "masks"):
        (folder / name).mkdir(exist_ok=True)
    sample = Sample(stem, f"{folder}/images/{stem}.jpg", f"{folder}/masks/{stem}.png")
    Image.new("RGB", (mask.shape[1], mask.shape[0]), (9, 9, 9)).save(sample.image)
    Image.fromarray(mask).save(sample.mask)
    return sample


def test_a_sample_is_image_and_mask(tmp_path: Path) -> None:
    sample = write(tmp_path, MASK)
    dataset = FileDataset("mine", "train", CLASSES, [sample])
    image, mask = dataset[0]
    assert isinstance(image, ImageTensor) and image.shape == (3, 3, 4)
    assert isinstance(mask, Mask) and mask.tolist() == MASK.tolist()
    assert (len(dataset), dataset.sample_id(0), dataset.instances(0)) == (1, "a", None)
    for values, expected in (
        ({0: VOID, 1: 2, 2: 1}, [[255, 2, 2, 255], [255, 1, 1, 255], [255] * 4]),
        ({0: 0, 1: 1, 2: 1, 255: 2}, [[0, 1, 1, 2], [0, 1, 1, 2], [0] * 4]),  # 255 can be a class
    ):
        translated = FileDataset("mine", "train", CLASSES, [sample], values=values)
        assert translated[0][1].tolist() == expected


def test_pairs_are_sorted_and_hidden_or_other_files_passed_over(tmp_path: Path) -> None:
    samples = [write(tmp_path, MASK, stem) for stem in ("b", "a.2", "a")]
    (tmp_path / "images" / ".DS_Store").touch()
    (tmp_path / "images" / "._a.jpg").touch()
    (tmp_path / "masks" / "notes.txt").touch()
    assert pair(tmp_path / "images", tmp_path / "masks") == sorted(samples)
    (tmp_path / "IMG_1.JPG").touch()
    assert list(images_in(tmp_path)) == ["IMG_1"]


def test_instances_without_pixels_are_left_out() -> None:
    masks = torch.zeros(3, 3, 4, dtype=torch.bool)
    masks[0, 1:, 2] = masks[2, 0, 0] = True
    found = instances_of(masks, torch.tensor([1, 2, 1], dtype=torch.uint8))
    assert found.boxes.tolist() == [[2, 1, 3, 3], [0, 0, 1, 1]] and found.classes.tolist() == [1, 1]
    assert found.classes.dtype == found.boxes.dtype == torch.int64
    assert instances_of(masks[:0], torch.zeros(0)).boxes.shape == (0, 4)
