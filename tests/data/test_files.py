"""Images and masks in files: every kind becomes the same kind of tensor, or is refused in one sentence."""

from __future__ import annotations

import struct
import warnings
import zlib

import cv2
import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from torchvision.tv_tensors import Image as ImageTensor
from torchvision.tv_tensors import Mask

from seglib.data.catalog import load
from seglib.data.files import (
    FileDataset,
    FormatError,
    Sample,
    instances_of,
    match_size,
    read_image,
    read_labels,
)
from seglib.labels import Classes
from tests.data.strangers import (
    BINARY,
    MASK,
    PHOTO,
    V,
    encoded,
    indexed,
    one,
    refusal,
    snapshot,
    turned,
    write,
)

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
RED, WHITE = (200, 30, 40), (255, 255, 255)
THREE = ["sea", "fish", "crab"]
NOISE = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
LABELS = np.random.default_rng(0).integers(0, 3, (30, 40)).astype(np.uint8)


def new(mode, color):
    return Image.new(mode, (4, 3), color)


@pytest.mark.parametrize(
    ("image", "options", "expected"),
    [
        (new("RGB", RED), {}, RED),
        (new("L", 90), {}, (90, 90, 90)),
        (new("1", 1), {}, WHITE),
        (indexed(MASK * 0 + 1, [WHITE, RED]), {}, RED),
        (indexed(MASK * 0 + 1, [RED, RED]), {"transparency": 1}, WHITE),
        (new("RGBA", (*RED, 255)), {}, RED),
        (new("RGBA", (*RED, 0)), {}, WHITE),
        (new("RGBA", (0, 0, 0, 127)), {}, (128, 128, 128)),
        (new("LA", (0, 0)), {}, WHITE),
        (new("L", 10), {"kind": "GIF"}, (10, 10, 10)),
        (new("RGB", RED).convert("CMYK"), {"kind": "JPEG", "quality": 95}, RED),
    ],
)
def test_every_kind_of_image(tmp_path, image, options, expected):
    path = tmp_path / "a.png"
    path.write_bytes(encoded(image, **options))
    read = read_image(path)
    assert read.shape == (3, 3, 4) and read.dtype == torch.uint8 and read.is_contiguous()
    assert read[:, 1, 1].tolist() == pytest.approx(expected, abs=3 if "quality" in options else 0)
    path.unlink()  # on Windows an open file cannot be removed


@pytest.mark.parametrize(
    ("image", "value"),
    [
        (new("L", 7), 7),
        (new("L", 9).convert("P"), 9),
        (new("1", 1), 1),
        (new("LA", (5, 0)), 5),
        (new("I;16", 300), 300),
        (new("RGB", RED), RED),
        (new("RGBA", (*RED, 9)), RED),
    ],
)
def test_labels_are_indices_or_colours(tmp_path, image, value):
    image.save(tmp_path / "m.png")
    labels = read_labels(tmp_path / "m.png")
    assert labels.shape[:2] == (3, 4) and (labels == value).all()


@pytest.mark.parametrize(
    "files",
    [
        one(MASK, "gif"),  # whose palette is in any order
        one(np.stack([MASK] * 3, -1)),  # grey in three channels
        one(encoded(np.stack([MASK] * 3, -1), "WEBP", lossless=True), "webp"),
    ],
)
def test_the_values_of_a_mask_are_those_that_were_saved(tmp_path, files):
    data = load(write(tmp_path, files | {"classes.json": THREE}))
    assert data[0][1].tolist() == MASK.tolist() and data.count_mask(0).pixels.tolist() == [8, 2, 2, 0]


def test_a_sample_is_image_and_mask(tmp_path):
    masked = np.choose(MASK, [0, 1, V]).astype(np.uint8)
    write(tmp_path, one(masked))
    sample, classes = Sample("a", f"{tmp_path}/images/a.jpg", f"{tmp_path}/masks/a.png"), Classes.of(*THREE)
    dataset = FileDataset("mine", "train", classes, [sample])
    image, mask = dataset[0]
    assert isinstance(image, ImageTensor) and image.shape == (3, 3, 4)
    assert isinstance(mask, Mask) and mask.tolist() == masked.tolist()
    assert (len(dataset), dataset.sample_id(0), dataset.instances(0)) == (1, "a", None)
    for values, row in (
        ({0: V, 1: 2, 2: 1}, [V, V, V, V]),
        ({0: 0, 1: 1, V: 2}, [0, 2, 2, 0]),
    ):  # 255 can be a class
        assert FileDataset("mine", "train", classes, [sample], values=values)[0][1][1].tolist() == row


def test_instances_without_pixels_are_left_out():
    masks = torch.zeros(3, 3, 4, dtype=torch.bool)
    masks[0, 1:, 2] = masks[2, 0, 0] = True
    found = instances_of(masks, torch.tensor([1, 2, 1], dtype=torch.uint8))
    assert found.boxes.tolist() == [[2, 1, 3, 3], [0, 0, 1, 1]] and found.classes.tolist() == [1, 1]
    assert found.classes.dtype == found.boxes.dtype == torch.int64
    assert instances_of(masks[:0], torch.zeros(0)).boxes.shape == (0, 4)


# ---- turned images -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_is_turned_as_exif_says_and_its_mask_where_its_size_says_so(tmp_path, orientation):
    path, pixels = tmp_path / "a.png", NOISE[:3, :4]
    Image.fromarray(pixels).save(path, exif=turned(orientation))
    upright = np.array(ImageOps.exif_transpose(Image.open(path)))
    assert np.array_equal(read_image(path), upright.transpose(2, 0, 1))
    mask = torch.from_numpy(pixels[..., 0].copy())
    expected = upright[..., 0] if orientation >= 5 else mask
    assert np.array_equal(match_size(mask, read_image(path), path, "mask.png"), expected)


@pytest.mark.parametrize("orientation", range(2, 9))
def test_exif_where_nothing_can_decide(tmp_path, orientation):
    exif, pixels = turned(orientation), LABELS[:4, :4] // 2
    write(tmp_path, one(pixels) | {"images/a.jpg": encoded(PHOTO.resize((4, 4)), "JPEG", exif=exif)})
    data = load(tmp_path)
    with pytest.warns(UserWarning, match=f"its EXIF orientation is {orientation}. .* look at both together"):
        assert data[0][1].tolist() == pixels.tolist()
    # The mask's own orientation is obeyed, and there is no doubt.
    stored = encoded(np.stack([pixels * 255] * 3, -1), "JPEG", exif=exif, quality=100, subsampling=0)
    write(tmp_path, {"masks/a.png": encoded(pixels, exif=exif), "images/a.jpg": stored})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        photo, labels = load(tmp_path)[0]
    assert labels.tolist() == (photo[0] > 127).byte().tolist()


# ---- images of 16 bits, stacks -----------------------------------------------------------------------------


def with_chunk(png: bytes, kind: bytes, content: bytes) -> bytes:
    """A PNG file with a chunk behind its header."""
    chunk = struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
    return png[:33] + chunk + png[33:]


def test_images_of_twelve_bits_are_not_black(tmp_path):
    """The content decides; PNG's significant bits, which cameras write in two ways, change nothing."""
    values = np.linspace(0, 3780, 12).reshape(3, 4).astype(np.uint16)
    own = encoded(Image.fromarray(values // 4), "TIFF", tiffinfo={281: 2000})  # the file's own range
    for top, grey in ((4095, encoded(values)), (2000, own)):
        write(tmp_path, {"grey.png": grey})
        with pytest.warns(UserWarning, match=rf"grey\.png: 16 bits are scaled to 8: {top} becomes 255"):
            read = read_image(tmp_path / "grey.png")[0]
        assert np.array_equal(read, np.round(values // (1 if top == 4095 else 4) * (255 / top)))
    for top in (4095, 65535, 255):  # also all of 16 bits, and 8 bits in a file of 16
        grey = encoded(np.array([[0, top]], np.uint16))
        colors = cv2.imencode(".png", np.array([[[0, top // 3, top]]], np.uint16))[
            1
        ].tobytes()  # blue, green, red
        for png, bits in ((grey, [12]), (colors, [12] * 3)):
            for path in (tmp_path / "as_is.png", tmp_path / "with_bits.png"):
                path.write_bytes(png if path.stem == "as_is" else with_chunk(png, b"sBIT", bytes(bits)))
                with pytest.warns(UserWarning, match=f"{top} becomes 255"):
                    read = read_image(path)[:, 0, -1]
                assert read.tolist() == ([255, 255, 255] if png is grey else [255, 85, 0])
    write(tmp_path, one(with_chunk(encoded(MASK), b"sBIT", bytes([2])), names=THREE))
    assert load(tmp_path)[0][1].tolist() == MASK.tolist()


def test_what_is_concluded_is_said_once_for_a_data_set(tmp_path):
    deep = np.full((3, 4), 900, np.uint16)
    data = load(write(tmp_path, {"images/train/{a,b}.png": deep, "masks/train/{a,b}.png": MASK}))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert [int(photo.max()) for photo, _ in data] == [224, 224]
    assert len(said) == 1 and "1023 becomes 255" in str(data)


@pytest.mark.parametrize(("which", "suffix"), [("images", "tif"), ("masks", "tif"), ("images", "gif")])
def test_a_stack_is_refused_or_a_page_is_chosen(tmp_path, which, suffix):
    pages = [Image.fromarray(MASK * 0 + k) for k in range(3)]
    kind = {"tif": "TIFF", "gif": "GIF"}[suffix]
    stack = encoded(pages[0], kind, save_all=True, append_images=pages[1:])
    files = {"images/a.png": PHOTO, "masks/a.png": MASK * 0, "classes.json": THREE}
    del files[f"{which}/a.png"]
    write(tmp_path, files | {f"{which}/a.{suffix}": stack})
    refusal(tmp_path, rf"a\.{suffix}: it holds 3 images .*load\(\.\.\., page=0\)")
    with pytest.raises(ValueError, match=r"there is no page 7; it holds 3, counted from 0"):
        load(tmp_path, page=7)[0]
    for page in (0, 2):  # the advice, followed: the other file is for all pages
        photo, labels = load(tmp_path, page=page)[0]
        assert (photo if which == "images" else labels).unique().tolist() == [page]


# ---- what is refused ---------------------------------------------------------------------------------------


def value(number: int) -> np.ndarray:
    """The mask with one wrong value."""
    mask = LABELS.astype(np.uint8 if number in range(256) else np.int32)
    mask[5, 6] = number
    return mask


LOSSY = "changes the values near every edge; export it again as PNG, or see 'A mask saved as JPEG'"
TIFF = encoded(Image.fromarray(BINARY).convert("RGB"), "TIFF", compression="jpeg")
FAULTS: list[tuple[str, object, str]] = [
    ("masks/b.png", LABELS[:20], r"the mask is 40x20.*b\.png is 40x30"),
    ("masks/b.png", LABELS.T.copy(), "the mask is 30x40"),
    ("masks/b.png", NOISE, r"the mask is painted in colours.* classes\.json"),
    ("masks/b.png", value(3), r"value 3 at row 5, column 6 \(1 pixels.* 0\.\.2 and 255"),
    ("masks/b.png", value(254), "value 254 at row 5, column 6"),
    ("masks/b.tif", value(-1), "value -1 at row 5, column 6"),
    ("masks/b.tif", value(256), "value 256 at"),
    ("masks/b.tif", value(65535), "value 65535 at"),
    ("masks/b.tif", LABELS.astype(np.float32), "a mask in mode F cannot be read"),
    ("images/b.tif", LABELS.astype(np.float32) / 3, "pixels must be whole numbers"),
    ("masks/b.jpg", encoded(LABELS * 100, "JPEG"), LOSSY),
    ("masks/b.png", encoded(LABELS * 100, "JPEG"), LOSSY),  # JPEG that is called .png
    ("masks/b.webp", encoded(LABELS * 100, "WEBP", quality=60), LOSSY),
    ("masks/b.tif", TIFF, LOSSY),
]


@pytest.fixture
def folder(tmp_path):
    """A good folder: images a and b with masks, three classes."""
    good = {
        "images/{a,b}.png": NOISE,
        "masks/{a,b}.png": LABELS,
        "train.txt": "a\nb\n",
        "classes.json": THREE,
    }
    return write(tmp_path, good)


def put(folder, name: str, content: object):
    """Another file in place of image or mask b."""
    (folder / name).with_suffix(".png").unlink()
    return write(folder, {name: content}) / name


@pytest.mark.parametrize(("name", "content", "words"), FAULTS)
def test_one_file_that_is_wrong(folder, name, content, words):
    path = put(folder, name, content)
    assert refusal(folder, words).startswith(f"{path}: ")
    if words is LOSSY:
        with pytest.raises(FormatError, match="export it again as PNG"):
            load(folder).count_mask(1)


@pytest.mark.parametrize("which", ["images", "masks"])
@pytest.mark.parametrize("kind", ["png", "jpeg", "bmp", "tiff", "gif", "webp"])
@pytest.mark.parametrize("share", [0, 0.02, 0.5, 0.9])
def test_files_that_break_off(folder, which, kind, share):
    content = encoded(NOISE if which == "images" else LABELS, kind)
    path = put(folder, f"{which}/b.{kind}", content[: int(len(content) * share)])
    assert refusal(folder, "is empty|damaged|not an image").startswith(f"{path}: ")


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("[enforce fail] can't allocate memory")])
def test_an_image_larger_than_the_memory(folder, monkeypatch, error):
    def full(*_):
        raise error

    monkeypatch.setattr(np, "array", full)
    for path, read in ((folder / "images/a.png", read_image), (folder / "masks/a.png", read_labels)):
        with pytest.raises(ValueError, match=rf"{path}: too many pixels for the memory that is free"):
            read(path)


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_a_mask_in_the_transparency(tmp_path, mode):
    file = new(mode, "white")
    file.putalpha(Image.fromarray(BINARY))
    refusal(
        write(tmp_path, one(file, names=["sea", "fish"], values=[0, 255])),
        "one colour is transparent here, opaque",
    )
    file.paste(new(mode, "black"), mask=Image.fromarray(255 - BINARY))
    file.putalpha(Image.fromarray(BINARY))
    assert load(write(tmp_path, {"masks/a.png": file}))[0][1].tolist() == (BINARY // 255).tolist()


def test_a_read_only_disk_can_be_read(read_only):
    before = snapshot(read_only)
    assert load(read_only)[0][1].tolist() == [[0, 1, 2, 0]] * 3 and len(load(read_only).classes) == 3
    assert snapshot(read_only) == before
