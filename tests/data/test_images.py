"""Reading files: every kind of image becomes the same kind of tensor."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from seglib.data.files import match_size, read_image, read_labels

RED = (200, 30, 40)


def save(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


def test_rgb_is_read_as_it_is(tmp_path: Path) -> None:
    pixels = np.arange(3 * 4 * 3, dtype=np.uint8).reshape(3, 4, 3)
    image = read_image(save(tmp_path / "a.png", Image.fromarray(pixels)))
    assert image.dtype == torch.uint8 and image.is_contiguous()
    assert torch.equal(image, torch.from_numpy(pixels).permute(2, 0, 1))


@pytest.mark.parametrize(
    ("photo", "suffix", "expected"),
    [
        (Image.new("L", (4, 3), 90), "png", (90, 90, 90)),
        (Image.new("1", (4, 3), 1), "png", (255, 255, 255)),
        (Image.new("RGB", (4, 3), RED).quantize(4), "png", RED),
        (Image.new("RGBA", (4, 3), (*RED, 255)), "png", RED),
        (Image.new("RGBA", (4, 3), (*RED, 0)), "png", (255, 255, 255)),
        (Image.new("RGBA", (4, 3), (0, 0, 0, 127)), "png", (128, 128, 128)),
        (Image.new("LA", (4, 3), (0, 0)), "png", (255, 255, 255)),
        (Image.new("I;16", (4, 3), 65535), "png", (255, 255, 255)),
        (Image.new("I;16", (4, 3), 257 * 100), "tif", (100, 100, 100)),
        (Image.new("I", (4, 3), 257 * 7), "tif", (7, 7, 7)),
    ],
    ids=[
        "grey",
        "1-bit",
        "palette",
        "opaque",
        "transparent",
        "half",
        "grey-alpha",
        "white16",
        "grey16",
        "int32",
    ],
)
def test_modes(tmp_path: Path, photo: Image.Image, suffix: str, expected: tuple[int, ...]) -> None:
    image = read_image(save(tmp_path / f"a.{suffix}", photo))
    assert image.shape == (3, 3, 4) and image.dtype == torch.uint8
    assert tuple(image[:, 0, 0].tolist()) == expected


def test_palette_with_a_transparent_colour_is_laid_on_white(tmp_path: Path) -> None:
    photo = Image.new("P", (4, 3), 1)
    photo.putpalette([0, 0, 0, *RED])
    image = read_image(save(tmp_path / "a.png", photo, transparency=1))
    assert tuple(image[:, 0, 0].tolist()) == (255, 255, 255)


def test_cmyk_jpeg_has_its_colour(tmp_path: Path) -> None:
    photo = Image.new("RGB", (16, 16), RED).convert("CMYK")
    image = read_image(save(tmp_path / "a.jpg", photo, quality=95))
    assert np.abs(image[:, 8, 8].numpy().astype(int) - RED).max() <= 3


def test_first_frame_of_an_animation(tmp_path: Path) -> None:
    frames = [Image.new("L", (4, 3), 10), Image.new("L", (4, 3), 200)]
    path = save(tmp_path / "a.gif", frames[0], save_all=True, append_images=frames[1:])
    assert read_image(path).float().mean() == 10


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation(tmp_path: Path, orientation: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 4, 3), np.uint8)
    image = Image.fromarray(pixels)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / "a.png", image, exif=exif)
    upright = np.array(ImageOps.exif_transpose(Image.open(path)))
    assert torch.equal(read_image(path), torch.from_numpy(upright).permute(2, 0, 1))
    mask = torch.from_numpy(pixels[..., 0].copy())
    if orientation >= 5:  # labels drawn on the unrotated pixels are recognised by their size, and rotated
        turned = match_size(mask, read_image(path), path, "mask.png")
        assert torch.equal(turned, torch.from_numpy(upright[..., 0].copy()))
    else:
        assert torch.equal(match_size(mask, read_image(path), path, "mask.png"), mask)


@pytest.mark.parametrize(
    ("image", "value"),
    [
        (Image.new("L", (4, 3), 7), 7),
        (Image.fromarray(np.full((3, 4), 9, np.uint8)).convert("P"), 9),
        (Image.new("1", (4, 3), 1), 1),
        (Image.new("LA", (4, 3), (5, 0)), 5),
        (Image.new("I;16", (4, 3), 300), 300),
    ],
    ids=["grey", "palette", "1-bit", "grey-alpha", "16-bit"],
)
def test_labels_are_indices(tmp_path: Path, image: Image.Image, value: int) -> None:
    labels = read_labels(save(tmp_path / "m.png", image))
    assert labels.shape == (3, 4) and (labels == value).all()


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_labels_may_be_colours(tmp_path: Path, mode: str) -> None:
    labels = read_labels(save(tmp_path / "m.png", Image.new("RGB", (4, 3), RED).convert(mode)))
    assert labels.shape == (3, 4, 3) and tuple(labels[0, 0]) == RED


def test_reading_closes_the_file(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", Image.new("L", (4, 3)))
    read_image(path)
    path.unlink()  # on Windows an open file cannot be removed
    buffer = io.BytesIO()
    Image.new("L", (4, 3)).save(buffer, "PNG")
    assert not path.exists()
