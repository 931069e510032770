from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image as Pillow

from seglib.data import formats
from seglib.data.annotations import AnnotatedImage, AnnotationSet
from seglib.files import DiskError, write_text

FOUND = Path(__file__).parent / "annotations"  # written by hand, as they are found in the wild


def changed(content: dict, *path: object, value: object) -> dict:
    """A copy of JSON content with one field changed, or taken away where `value` is `...`."""
    content = json.loads(json.dumps(content))
    place = content
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    if value is ...:
        del place[path[-1]]
    return content


COCO_FAULTS = [
    (("annotations", 0, "bbox"), [1, 2, 3], r"\[0\] \"bbox\" must be a list of 4 numbers, it is \[1"),
    (("annotations", 1, "bbox"), ..., r"annotations\[1\] \"bbox\" must be a list of 4 numbers, it is None"),
    (("annotations", 0, "bbox"), [0, 0, 0, 4], r"annotations\[0\]: the box .* of 'dog' has no area"),
    (("annotations", 0, "bbox"), [30, 0, 20, 4], r"the object 'dog' has a corner at \(50, 4\), outside of"),
    (("annotations", 0, "segmentation", 0), [1, 1, 2, 2], r"must be a list of 6, 8, 10, \.\.\. numbers"),
    (("annotations", 0, "segmentation", 0, 3), "x", r"\"segmentation\" must be a number, it is 'x'"),
    (("annotations", 0, "seconds"), -1, r"'dog' cannot have taken -1 seconds"),
    (("annotations", 0, "seconds"), "long", r"annotations\[0\] \"seconds\" must be a number, it is 'long'"),
    (("annotations", 0, "category_id"), 99, r"belongs to category 99, but the file lists no such category"),
    (("images", 1, "file_name"), "000000391895.jpg", r"two images are called '000000391895.jpg'"),
    (("categories", 0, "name"), "cat", r"two classes are called 'cat'"),
    (("images",), ..., r"not a COCO file: it has no list \"images\""),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value", "message"), COCO_FAULTS)
@pytest.mark.filterwarnings("ignore:.*run lengths")
def test_a_broken_coco_file_is_told_in_one_sentence(
    tmp_path: Path, path: tuple, value: object, message: str
) -> None:
    content = changed(json.loads((FOUND / "coco.json").read_text()), *path, value=value)
    (tmp_path / "bad.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"bad\.json.*" + message) as caught:
        formats.read(tmp_path / "bad.json")
    assert "\n" not in str(caught.value)


LABELME_FAULTS = [
    (("shapes", 1, "label"), ..., r"shapes\[1\] has no \"label\""),
    (("shapes", 1, "points"), [[1, 1], [2, 2]], r"shapes\[1\] \"points\": a polygon needs more corners"),
    (("shapes", 0, "points"), [[1, 1], [1, 9]], r"shapes\[0\]: the box \(1, 1, 1, 9\) of 'cat' has no area"),
    (("shapes", 1, "points", 0), [1], r"shapes\[1\] \"points\" must be a list of 2 numbers"),
    (("imagePath",), None, r"\"imagePath\" must name the image, it is None"),
    (("imageWidth",), "wide", r"\"imageWidth\" must be a number, it is 'wide'"),
    (("imageWidth",), ..., r"no \"imageWidth\" and \"imageHeight\", and no image"),
]


@pytest.mark.parametrize(("path", "value", "message"), LABELME_FAULTS)
@pytest.mark.filterwarnings("ignore:.*neither polygon")
def test_a_broken_labelme_file_is_told(tmp_path: Path, path: tuple, value: object, message: str) -> None:
    content = changed(json.loads((FOUND / "labelme/pond.json").read_text()), *path, value=value)
    (tmp_path / "bad.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"bad\.json: .*" + message):
        formats.read(tmp_path)


VOC_FAULTS = [
    ("<width>500</width>", "", r"the file has no <size><width>, or it is empty"),
    ("<name>aeroplane</name>", "", r"object 1 has no <name>"),
    ("<xmax>375</xmax>", "", r"object 1 has no <bndbox><xmax>"),
    ("<xmax>375<", "<xmax>right<", r"object 1, <xmax> must be a number, it is 'right'"),
    (
        "<xmax>375<",
        "<xmax>50<",
        r"object 1: the box \(103, 77, 50, 183\) of 'aeroplane' has no area or swapped",
    ),
    ("<xmax>375<", "<xmax>900<", r"a corner at \(900, 183\), outside of .*500 wide"),
    ("</annotation>\n", "", r"not XML, or it breaks off"),
    ("<annotation>\n\t<folder>", "<html>\n\t<folder>", r"not XML, or it breaks off"),
]


@pytest.mark.parametrize(("before", "after", "message"), VOC_FAULTS)
def test_a_broken_voc_file_is_told(tmp_path: Path, before: str, after: str, message: str) -> None:
    text = (FOUND / "voc/2007_000032.xml").read_text()
    assert before in text
    (tmp_path / "bad.xml").write_text(text.replace(before, after))
    with pytest.raises(ValueError, match=r"bad\.xml: .*" + message):
        formats.read(tmp_path)


YOLO_FAULTS = [
    ("2 0.5 0.5 0.2 0.2", r"pond\.txt, line 1: the class 2 is not one of 0\.\.1 \(cat, dog\)"),
    ("dog 0.5 0.5 0.2 0.2", r"line 1: the class dog is not one of"),
    ("0 0.5 0.5 0.2", r"line 1: 3 numbers after the class; a box has 4, an outline 6, 8, 10"),
    ("0 0.5 0.5 0.2 0.2 0.9", r"line 1: 5 numbers after the class"),
    ("0 20 10 5 5", r"line 1: coordinates must be shares of the image, 0\.\.1; these look like pixels"),
    ("0 a 0.5 0.2 0.2", r"line 1: a coordinate must be a number, it is 'a'"),
    ("0 0.5 0.5 0 0.2", r"line 1: the box .* of 'cat' has no area"),
]


@pytest.mark.parametrize(("line", "message"), YOLO_FAULTS)
def test_a_broken_yolo_line_is_told(tmp_path: Path, line: str, message: str) -> None:
    shutil.copytree(FOUND / "darknet", tmp_path, dirs_exist_ok=True)
    Pillow.new("L", (40, 20)).save(tmp_path / "pond.png")
    (tmp_path / "pond.txt").write_text(line)
    with pytest.raises(ValueError, match=message):
        formats.read(tmp_path)


def test_yolo_without_images_or_names_is_told(tmp_path: Path) -> None:
    shutil.copytree(FOUND / "yolo", tmp_path, dirs_exist_ok=True)
    with pytest.raises(FileNotFoundError, match="images: no such folder"):
        formats.read(tmp_path)
    (tmp_path / "images").mkdir()
    with pytest.raises(ValueError, match=r"pond\.txt: there is no image of this name in .*images"):
        formats.read(tmp_path)
    (tmp_path / "data.yaml").write_text("names: {1: dog}")
    with pytest.raises(ValueError, match=r"data\.yaml: \"names\" must be a list, or numbered from 0"):
        formats.read(tmp_path)
    (tmp_path / "data.yaml").unlink()
    with pytest.raises(ValueError, match="no class names"):
        formats.read(tmp_path)


def test_no_annotations_at_all(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such file or folder"):
        formats.read(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"there is neither \.json, \.xml nor labels"):
        formats.read(tmp_path)
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(ValueError, match=r"a\.json: not JSON, or it breaks off"):
        formats.read(tmp_path / "a.json")
    with pytest.raises(ValueError, match="format must be one of 'coco', 'labelme', 'voc', 'yolo', not 'csv'"):
        formats.write(tmp_path / "a", AnnotationSet((), ()), "csv")


@pytest.mark.parametrize("format", ["labelme", "voc", "yolo"])
def test_nothing_is_written_outside_of_the_folder_or_twice(tmp_path: Path, format: str) -> None:
    with pytest.raises(ValueError, match=r"'\.\./a\.png' leads out of this folder"):
        formats.write(tmp_path / "x", AnnotationSet((), (AnnotatedImage("../a.png", 2, 2),)), format)
    twins = AnnotationSet((), (AnnotatedImage("a.png", 2, 2), AnnotatedImage("a.jpg", 2, 2)))
    with pytest.raises(ValueError, match=r"two images would be written to a\."):
        formats.write(tmp_path / "x", twins, format)
    assert not list(tmp_path.rglob("*.*"))


def test_a_file_is_whole_at_any_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "drawn.json"
    write_text(path, "old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(
        DiskError, match=r"drawn\.json: cannot be written \(No space left on device\); free some space"
    ):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
