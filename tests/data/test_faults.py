"""One fault at a time in a good folder: one clear sentence that names the file; the disk does not change."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seglib.data.catalog import load
from seglib.data.files import read_image, read_labels

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (30, 40, 3), np.uint8)
MASK = RNG.integers(0, 3, (30, 40)).astype(np.uint8)
FLOATS = RNG.random((30, 40)).astype(np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A good folder: images a and b with masks, three classes."""
    for split in ("train", "val"):
        for name, pixels in (("images", PIXELS), ("masks", MASK)):
            (tmp_path / name / split).mkdir(parents=True)
            for stem in ("a", "b"):
                Image.fromarray(pixels).save(tmp_path / name / split / f"{stem}.png")
    (tmp_path / "classes.txt").write_text("background\ncat\ndog\n")
    return tmp_path


def snapshot(folder: Path) -> dict[Path, bytes | None]:
    return {path: None if path.is_dir() else path.read_bytes() for path in sorted(folder.rglob("*"))}


def complaint(folder: Path) -> str:
    """What opening and reading everything says; fails if nothing is said, or more than a sentence or two."""
    before = snapshot(folder)
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        for _ in load(folder):
            pass
    message = str(caught.value)
    assert "\n" not in message and len(message) < 450, message
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or not caught.value.__context__
    assert snapshot(folder) == before
    return message


def put(folder: Path, which: str, pixels: np.ndarray, suffix: str = "png", **options: object) -> Path:
    """Replace image or mask b by a file of these pixels."""
    (folder / which / "train" / "b.png").unlink()
    path = folder / which / "train" / f"b.{suffix}"
    Image.fromarray(pixels).save(path, **options)
    return path


@pytest.mark.parametrize("which", ["images", "masks"])
@pytest.mark.parametrize("kind", ["png", "jpg", "bmp", "tif", "gif", "webp"])
@pytest.mark.parametrize("share", [0, 0.02, 0.5, 0.9])
@pytest.mark.filterwarnings("ignore:Truncated File Read", "ignore:Corrupt EXIF")
def test_files_that_break_off(folder: Path, which: str, kind: str, share: float) -> None:
    path = put(folder, which, PIXELS if which == "images" else MASK, kind)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    message = complaint(folder)
    assert message.startswith(f"{path}: ")
    assert any(words in message for words in ("is empty", "damaged", "not an image"))


def changed(value: int) -> np.ndarray:
    """The mask with one wrong value."""
    mask = MASK.astype(np.uint8 if value in range(256) else np.int32)
    mask[5, 6] = value
    return mask


FAULTS: dict[str, tuple[str, np.ndarray, str, tuple[str, ...]]] = {
    "another size": ("masks", MASK[:20], "png", ("the mask is 40x20", "b.png is 40x30")),
    "turned the other way": ("masks", MASK.T.copy(), "png", ("the mask is 30x40",)),
    "colours": ("masks", PIXELS, "png", ("the mask is painted in colours", "classes.json")),
    "JPEG": ("masks", MASK * 100, "jpg", ("the mask is saved as JPEG", "export it again as PNG")),
    "value 3": ("masks", changed(3), "png", ("value 3 at row 5, column 6 (1 pixels", "0..2 and 255")),
    "value 254": ("masks", changed(254), "png", ("value 254 at row 5, column 6",)),
    "value -1": ("masks", changed(-1), "tif", ("value -1 at row 5, column 6",)),
    "value 256": ("masks", changed(256), "tif", ("value 256 at",)),
    "value 65535": ("masks", changed(65535), "tif", ("value 65535 at",)),
    "a floating-point mask": ("masks", MASK.astype(np.float32), "tif", ("a mask in mode F cannot be read",)),
    "a floating-point image": ("images", FLOATS, "tif", ("pixels must be whole numbers",)),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_one_file_that_is_wrong(folder: Path, fault: str) -> None:
    which, pixels, suffix, sentences = FAULTS[fault]
    path = put(folder, which, pixels, suffix)
    message = complaint(folder)
    assert message.startswith(f"{path}: ") and all(words in message for words in sentences), message


def test_a_mask_of_other_colours_than_listed(folder: Path) -> None:
    (folder / "classes.txt").write_text("background 0 0 0\ncat 255 0 0\ndog 0 255 0\n")
    painted = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0]], np.uint8)[MASK]
    path = put(folder, "masks", painted)
    assert load(folder)[1][1].tolist() == MASK.tolist()
    painted[4, 7] = (1, 2, 3)
    Image.fromarray(painted).save(path)
    message = complaint(folder)
    assert message.startswith(f"{path}: ") and "(1, 2, 3)" in message and "(7, 4)" in message
    assert '"void_color"' in message


@pytest.mark.parametrize(("lost", "what"), [("images", "masks without an"), ("masks", "images without a")])
def test_missing_partners(folder: Path, lost: str, what: str) -> None:
    place = folder / lost / "train"
    (place / "b.png").unlink()
    with pytest.warns(UserWarning, match=rf"left out {what} (image|mask): 1 \(b\)"):
        assert load(folder).names() == ["a"]
    (place / "a.png").rename(place / "c.png")
    assert "do not match; name them alike, or say which belong together" in complaint(folder)


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("[enforce fail] can't allocate memory")])
def test_an_image_larger_than_the_memory(
    folder: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def full(*_: object) -> None:
        raise error

    monkeypatch.setattr(np, "array", full)
    for path, read in (
        (folder / "images/train/a.png", read_image),
        (folder / "masks/train/a.png", read_labels),
    ):
        with pytest.raises(ValueError, match=rf"{path}: too many pixels for the memory that is free"):
            read(path)


def test_two_images_of_one_stem(folder: Path) -> None:
    Image.new("L", (4, 3)).save(folder / "images" / "train" / "a.jpg")
    assert "a.jpg and a.png have the same stem" in complaint(folder)


def test_a_folder_of_no_known_layout(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=rf"{tmp_path}: the folder is empty\. .*folders\.pairs.* Layouts that are opened:"
    ):
        load(tmp_path)
    (tmp_path / "report.docx").touch()
    (tmp_path / "photos").mkdir()
    with pytest.raises(ValueError, match=r"found photos/, report\.docx\. Name the files alike") as caught:
        load(tmp_path)
    known = ("images/a.jpg, masks/a.png", "PASCAL VOC", "COCO", "SegNet", "Oxford", "YOLO", "labelme")
    assert all(words in str(caught.value) for words in known)
    with pytest.raises(ValueError, match=r"neither a folder nor a \.json file"):
        load(tmp_path / "report.docx")


def test_a_read_only_disk_can_be_read(read_only: Path) -> None:
    before = snapshot(read_only)
    assert load(read_only)[0][1].tolist() == [[0, 1, 2, 0]] * 3 and len(load(read_only).classes) == 3
    assert snapshot(read_only) == before


# ---- JSON that lies ----------------------------------------------------------------------------------------


@pytest.fixture
def coco(tmp_path: Path) -> Callable[..., Path]:
    """A maker of a COCO folder with two images, after `change` was done to the file's content."""

    def write(change: Callable[[dict], object] = lambda content: None) -> Path:
        (tmp_path / "images").mkdir()
        for stem in ("a", "b"):
            Image.fromarray(PIXELS).save(tmp_path / "images" / f"{stem}.png")
        box = [[1, 1, 20, 1, 20, 20, 1, 20]]
        size, shape = {"height": 30, "width": 40}, {"category_id": 9, "segmentation": box}
        content = {
            "images": [{"id": k, "file_name": f"{stem}.png", **size} for k, stem in enumerate("ab")],
            "annotations": [{"id": 5 + k, "image_id": k, **shape} for k in (0, 1)],
            "categories": [{"id": 9, "name": "cat"}],
        }
        change(content)
        (tmp_path / "annotations").mkdir()
        (tmp_path / "annotations" / "instances_train.json").write_text(json.dumps(content))
        return tmp_path

    return write


def image(**fields: object) -> Callable[[dict], object]:
    """Change the entry of image b; fields that are `...` are removed."""
    return lambda content: _change(content["images"][1], fields)


def annotation(**fields: object) -> Callable[[dict], object]:
    return lambda content: _change(content["annotations"][1], fields)


def _change(entry: dict, fields: dict) -> None:
    for key, value in fields.items():
        entry[key] = value
        if value is ...:
            del entry[key]


LIES: dict[str, tuple[Callable[[dict], object], str]] = {
    "image that is absent": (image(file_name="c.png"), r"not in .*images \(c.png\)"),
    "image outside": (image(file_name="../../c.png"), r"'../../c.png' leads out"),
    "absolute image": (image(file_name="/etc/passwd"), "'/etc/passwd' leads out"),
    "annotation of no image": (annotation(image_id=77), "annotation 6 .* image 77"),
    "unknown category": (annotation(category_id=8), "annotation 6 .* category 8"),
    "another size": (image(height=31), "image 1: the mask is 40x31"),
    "no size": (image(height=...), r'images\[1\] needs "height"'),
    "size of many digits": (image(height=10**30), r'images\[1\] needs "height", a size'),
    "name of two lines": (image(file_name="b\n.png"), r"images\[1\] needs \"file_name\", a text of one line"),
    "huge size": (image(height=10**6, width=10**6), "image 1: the mask is 1000000x"),
    "only a box": (annotation(segmentation=...), "annotation 6:.*a box alone is not a mask"),
    "short runs": (
        annotation(segmentation={"size": [30, 40], "counts": [5]}),
        "annotation 6: its run lengths",
    ),
    "no categories": (lambda content: content.pop("categories"), 'no list "categories"'),
    "no images": (lambda content: content.update(images=[], annotations=[]), "no image in the split 'train'"),
    "twice the same name": (
        lambda content: (
            content["categories"].append({"id": 10, "name": "cat"}),
            content["annotations"][0].update(category_id=10),
        ),
        "'cat'",
    ),
    "not an object": (lambda content: content["images"].append("a.png"), r"images\[2\] is not an object"),
    "twice the same id": (image(id=0), "two of the images have the id 0"),
    "id that is a list": (image(id=[0]), r'images\[1\] needs "id"'),
}


@pytest.mark.parametrize("lie", LIES)
def test_json_that_lies(coco: Callable[..., Path], lie: str) -> None:
    change, sentence = LIES[lie]
    folder = coco(change)
    message = complaint(folder)
    assert message.startswith(f"{folder / 'annotations' / 'instances_train.json'}")
    assert re.search(sentence, message), message


@pytest.mark.parametrize("content", [b"", b"{", b'{"images": [', b"\xff\xfe\x00", b"[1, 2]", b"[" * 100_000])
def test_json_that_breaks_off(coco: Callable[..., Path], content: bytes) -> None:
    folder = coco()
    path = folder / "annotations" / "instances_train.json"
    path.write_bytes(content)
    assert complaint(folder).startswith(f"{path}: not ")
