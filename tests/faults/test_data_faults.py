"""One fault at a time in a sound folder: one clear sentence that names the file; the disk stays as it is."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seglib.data.catalog import load

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (30, 40, 3), np.uint8)
MASK = RNG.integers(0, 3, (30, 40)).astype(np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sound folder: images a and b with masks, three classes."""
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
    assert caught.value.__cause__ is None and (
        caught.value.__suppress_context__ or not caught.value.__context__
    )
    assert snapshot(folder) == before
    return message


def test_the_sound_folder_is_sound(folder: Path) -> None:
    assert [mask.tolist() for _, mask in load(folder)] == [MASK.tolist()] * 2


def cut(path: Path, share: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


@pytest.mark.parametrize("which", ["images", "masks"])
@pytest.mark.parametrize("kind", ["png", "jpg", "bmp", "tif", "gif", "webp"])
@pytest.mark.parametrize("share", [0, 0.02, 0.5, 0.9])
def test_files_that_break_off(folder: Path, which: str, kind: str, share: float) -> None:
    path = folder / which / "train" / f"b.{kind}"
    (folder / which / "train" / "b.png").unlink()
    Image.fromarray(PIXELS if which == "images" else MASK).save(path)
    cut(path, share)
    message = complaint(folder)
    assert message.startswith(f"{path}: ")
    assert any(words in message for words in ("is empty", "damaged", "not an image"))


@pytest.mark.parametrize("content", [b"hello", b"\x89PNG\r\n\x1a\n" + b"\xff" * 50, b"%PDF-1.4", bytes(1000)])
def test_files_that_are_no_images(folder: Path, content: bytes) -> None:
    path = folder / "images" / "train" / "a.png"
    path.write_bytes(content)
    assert complaint(folder).startswith(f"{path}: ")


def test_a_folder_called_like_a_image(folder: Path) -> None:
    path = folder / "images" / "train" / "a.png"
    path.unlink()
    path.mkdir()
    assert f"1 without an image in {path.parent} (a)" in complaint(folder)


def test_a_mask_of_another_size(folder: Path) -> None:
    path = folder / "masks" / "train" / "b.png"
    Image.fromarray(MASK[:20]).save(path)
    message = complaint(folder)
    assert (
        message.startswith(f"{path}: the mask is 40x20")
        and f"{folder / 'images' / 'train' / 'b.png'} is 40x30" in message
    )


def test_a_mask_of_a_image_that_was_turned_the_other_way(folder: Path) -> None:
    path = folder / "masks" / "train" / "b.png"
    Image.fromarray(MASK.T.copy()).save(path)
    assert f"{path}: the mask is 30x40" in complaint(folder)


def test_a_mask_of_colours(folder: Path) -> None:
    path = folder / "masks" / "train" / "b.png"
    Image.fromarray(PIXELS).save(path)
    message = complaint(folder)
    assert message.startswith(f"{path}: the mask is painted in colours") and "classes.json" in message


def test_a_mask_of_other_colours_than_listed(folder: Path) -> None:
    (folder / "classes.txt").write_text("background 0 0 0\ncat 255 0 0\ndog 0 255 0\n")
    path = folder / "masks" / "train" / "b.png"
    painted = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0]], np.uint8)[MASK]
    Image.fromarray(painted).save(path)
    assert load(folder)[1][1].tolist() == MASK.tolist()
    painted[4, 7] = (1, 2, 3)
    Image.fromarray(painted).save(path)
    message = complaint(folder)
    assert message.startswith(f"{path}: ") and "(1, 2, 3)" in message and "(7, 4)" in message


def test_a_mask_saved_as_jpeg(folder: Path) -> None:
    (folder / "masks" / "train" / "b.png").unlink()
    Image.fromarray(MASK * 100).save(folder / "masks" / "train" / "b.jpg", quality=90)
    assert f"{folder / 'masks' / 'train' / 'b.jpg'}: the mask holds the value" in complaint(folder)


@pytest.mark.parametrize("value", [3, 254])
def test_a_value_outside_the_classes(folder: Path, value: int) -> None:
    path = folder / "masks" / "train" / "b.png"
    changed = MASK.copy()
    changed[5, 6] = value
    Image.fromarray(changed).save(path)
    message = complaint(folder)
    assert (
        message.startswith(f"{path}: the mask holds the value {value} at row 5, column 6")
        and "0..2" in message
    )


@pytest.mark.parametrize("value", [-1, 256, 65535])
def test_a_value_no_byte_can_hold(folder: Path, value: int) -> None:
    path = folder / "masks" / "train" / "b.tif"
    (folder / "masks" / "train" / "b.png").unlink()
    Image.fromarray(np.where(MASK == 2, value, MASK.astype(np.int32))).save(path)
    assert f"{path}: the mask holds the value {value}" in complaint(folder)


def test_floating_point_images(folder: Path) -> None:
    (folder / "images" / "train" / "b.png").unlink()
    path = folder / "images" / "train" / "b.tif"
    Image.fromarray(RNG.random((30, 40)).astype(np.float32)).save(path)
    assert complaint(folder).startswith(f"{path}: pixel values must be whole numbers")


def test_floating_point_masks(folder: Path) -> None:
    (folder / "masks" / "train" / "b.png").unlink()
    path = folder / "masks" / "train" / "b.tif"
    Image.fromarray(MASK.astype(np.float32)).save(path)
    assert complaint(folder).startswith(f"{path}: a mask in mode F cannot be read")


@pytest.mark.parametrize(("lost", "said"), [("images", "an image"), ("masks", "a mask")])
def test_a_missing_partner(folder: Path, lost: str, said: str) -> None:
    (folder / lost / "train" / "b.png").unlink()
    assert f"1 without {said} in {folder / lost / 'train'} (b)" in complaint(folder)


def test_many_missing_partners(folder: Path) -> None:
    for k in range(20):
        Image.new("L", (4, 3)).save(folder / "images" / "train" / f"x{k:02}.png")
    assert (
        "20 without a mask" in (message := complaint(folder)) and "(x00, x01, x02, x03, x04 ...)" in message
    )


def test_two_images_of_one_stem(folder: Path) -> None:
    Image.new("L", (4, 3)).save(folder / "images" / "train" / "a.jpg")
    assert "a.jpg and a.png have the same stem" in complaint(folder)


@pytest.mark.parametrize("emptied", ["images", "masks"])
def test_an_empty_folder_of_images(folder: Path, emptied: str) -> None:
    for path in (folder / emptied / "train").iterdir():
        path.unlink()
    assert complaint(folder).startswith(f"{folder / emptied / 'train'}: no image in this folder")


def test_nothing_known(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=rf"{tmp_path}: the folder is empty\. A data set is laid out in one of"
    ):
        load(tmp_path)
    (tmp_path / "report.docx").touch()
    (tmp_path / "photos").mkdir()
    with pytest.raises(
        ValueError, match=r"found photos/, report\.docx\. A data set is laid out in one of"
    ) as caught:
        load(tmp_path)
    assert all(
        words in str(caught.value)
        for words in ("images/ and masks/", "PASCAL VOC", "COCO", "SegNet", "Oxford")
    )
    with pytest.raises(ValueError, match=r"neither a folder nor a \.json file"):
        load(tmp_path / "report.docx")


def test_a_read_only_disk_can_be_read() -> None:
    """Nothing is written beside the images, so a read-only disk is as good as any."""
    folder = Path(tempfile.mkdtemp(prefix="seglib-read-only-"))
    for name, pixels in (("images", PIXELS), ("masks", MASK)):
        (folder / name).mkdir()
        Image.fromarray(pixels).save(folder / name / "a.png")
        (folder / name).chmod(0o555)
    folder.chmod(0o555)
    before = snapshot(folder)
    user = os.geteuid() if hasattr(os, "geteuid") else None
    if user == 0:
        os.seteuid(65534)
    try:
        assert load(folder)[0][1].tolist() == MASK.tolist() and len(load(folder).classes) == 3
    finally:
        if user == 0:
            os.seteuid(0)
        assert snapshot(folder) == before
        for path in (folder, folder / "images", folder / "masks"):
            path.chmod(0o755)
        shutil.rmtree(folder)


# ---- JSON that lies ----------------------------------------------------------------------------------------


@pytest.fixture
def coco(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Write a COCO folder of two images after `change` was done to what the file says."""

    def write(change: Callable[[dict], object] = lambda said: None) -> Path:
        (tmp_path / "images").mkdir()
        for stem in ("a", "b"):
            Image.fromarray(PIXELS).save(tmp_path / "images" / f"{stem}.png")
        box = [[1, 1, 20, 1, 20, 20, 1, 20]]
        said = {
            "images": [
                {"id": k, "file_name": f"{stem}.png", "height": 30, "width": 40}
                for k, stem in enumerate("ab")
            ],
            "annotations": [
                {"id": 5 + k, "image_id": k, "category_id": 9, "iscrowd": 0, "segmentation": box}
                for k in (0, 1)
            ],
            "categories": [{"id": 9, "name": "cat"}],
        }
        change(said)
        (tmp_path / "annotations").mkdir()
        (tmp_path / "annotations" / "instances_train.json").write_text(json.dumps(said))
        return tmp_path

    yield write


def test_the_sound_file_is_sound(coco: Callable[..., Path]) -> None:
    assert [int((mask == 1).sum()) for _, mask in load(coco())] == [19 * 19] * 2


LIES: dict[str, tuple[Callable[[dict], object], str]] = {
    "image that is absent": (
        lambda said: said["images"][1].update(file_name="c.png"),
        "not in .*images (c.png)",
    ),
    "image outside": (
        lambda said: said["images"][1].update(file_name="../../b.png"),
        "'../../b.png' leads out",
    ),
    "absolute image": (
        lambda said: said["images"][1].update(file_name="/etc/passwd"),
        "'/etc/passwd' leads out",
    ),
    "annotation of no image": (
        lambda said: said["annotations"][1].update(image_id=77),
        "annotation 6 .* image 77",
    ),
    "unknown category": (
        lambda said: said["annotations"][1].update(category_id=8),
        "annotation 6 .* category 8",
    ),
    "another size": (lambda said: said["images"][1].update(height=31), "image 1: the mask is 40x31"),
    "sides swapped": (
        lambda said: said["images"][1].update(height=40, width=30),
        "image 1: the mask is 30x40",
    ),
    "no size": (lambda said: said["images"][1].pop("height"), r'images[1] needs "height"'),
    "size as text": (lambda said: said["images"][1].update(height="30"), r'images[1] needs "height"'),
    "negative size": (lambda said: said["images"][1].update(height=-30), r'images[1] needs "height"'),
    "huge size": (
        lambda said: said["images"][1].update(height=10**6, width=10**6),
        "image 1: the mask is 1000000x",
    ),
    "only a box": (
        lambda said: said["annotations"][1].pop("segmentation"),
        "annotation 6: .* a box alone is not a mask",
    ),
    "far corner": (
        lambda said: said["annotations"][1].update(segmentation=[[0, 0, 9e9, 0, 0, 9]]),
        "annotation 6: ",
    ),
    "two corners": (
        lambda said: said["annotations"][1].update(segmentation=[[0, 0, 9, 9]]),
        "annotation 6: .* three",
    ),
    "short runs": (
        lambda said: said["annotations"][1].update(segmentation={"size": [30, 40], "counts": [5]}),
        "annotation 6: its run lengths add up to 5 pixels, the image has 1200",
    ),
    "no categories": (lambda said: said.pop("categories"), 'no list "categories"'),
    "no images": (
        lambda said: said.update(images=[], annotations=[]),
        "there is no image in the split 'train'",
    ),
    "twice the same name": (lambda said: said["categories"].append({"id": 10, "name": "cat"}), "'cat'"),
    "entry of another kind": (lambda said: said["images"].append("a.png"), "images[2] is not an object"),
    "twice the same id": (lambda said: said["images"][1].update(id=0), "two of the images have the id 0"),
    "id that is a list": (lambda said: said["images"][1].update(id=[0]), r'images[1] needs "id"'),
}


@pytest.mark.parametrize("lie", LIES)
def test_json_that_lies(coco: Callable[..., Path], lie: str) -> None:
    change, said = LIES[lie]
    folder = coco(change)
    message = complaint(folder)
    assert message.startswith(f"{folder / 'annotations' / 'instances_train.json'}")
    place = 0
    for words in said.split(" .* ") if " .* " in said else said.split(".*"):
        assert words in message[place:], message
        place = message.index(words, place)


@pytest.mark.parametrize("content", [b"", b"{", b'{"images": [', b"\xff\xfe\x00", b"[1, 2]", b"[" * 100_000])
def test_json_that_breaks_off(coco: Callable[..., Path], content: bytes) -> None:
    folder = coco()
    path = folder / "annotations" / "instances_train.json"
    path.write_bytes(content)
    message = complaint(folder)
    assert message.startswith(f"{path}: not ")


def test_an_image_folder_that_is_missing(coco: Callable[..., Path]) -> None:
    folder = coco()
    shutil.rmtree(folder / "images")
    assert "2 of its images are not in" in complaint(folder)
