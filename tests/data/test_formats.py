from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow
from pycocotools.coco import COCO
from torchvision.datasets import VOCDetection

from seglib.data import formats
from seglib.data.annotations import AnnotatedImage, Annotation, AnnotationSet
from seglib.data.formats import coco_json, voc_xml

FOUND = Path(__file__).parent / "annotations"  # written by hand, as they are found in the wild

BOX = Annotation("fish", (1, 2, 5, 4), seconds=6.25)
SHAPE = Annotation.outline("crab", [(0, 0), (3.5, 0), (3.5, 2.25)], seconds=41)
POND = AnnotatedImage("pond.png", 8, 6, (BOX, SHAPE), seconds=60.5)
EMPTY = AnnotatedImage("sea/empty.png", 4, 3)
SET = AnnotationSet(("crab", "fish"), (POND, EMPTY))


def images(folder: Path, annotations: AnnotationSet) -> None:
    """The images themselves, which YOLO needs for their size."""
    for image in annotations:
        (path := folder / "images" / image.file_name).parent.mkdir(parents=True, exist_ok=True)
        Pillow.new("L", (image.width, image.height)).save(path)


def there_and_back(folder: Path, annotations: AnnotationSet, format: str) -> AnnotationSet:
    path = folder / ("drawn.json" if format == "coco" else format)
    formats.write(path, annotations, format)
    if format == "yolo":
        images(path, annotations)
    return formats.read(path)


def rounded_shape(one: Annotation) -> tuple[list, list]:
    parts = [[(round(x, 3), round(y, 3)) for x, y in polygon] for polygon in one.polygons]
    return [round(value, 3) for value in one.box], parts


def rounded(annotations: AnnotationSet) -> list:
    """Everything but the seconds, coordinates to a thousandth of a pixel."""
    return [
        (
            image.file_name,
            image.width,
            image.height,
            [
                (one.name, *rounded_shape(one))
                for one in image.annotations
            ],
        )
        for image in annotations
    ]  # fmt: skip


def test_coco_gives_back_everything(tmp_path: Path) -> None:
    assert there_and_back(tmp_path, SET, "coco") == SET


def test_labelme_gives_back_everything(tmp_path: Path) -> None:
    assert there_and_back(tmp_path, SET, "labelme") == SET


def test_yolo_gives_back_boxes_outlines_and_classes(tmp_path: Path) -> None:
    again = there_and_back(tmp_path, SET, "yolo")
    assert rounded(again) == rounded(SET)
    assert again.names == SET.names


def test_voc_gives_back_boxes_and_seconds(tmp_path: Path) -> None:
    again = there_and_back(tmp_path, SET, "voc")
    assert [image.boxes().tolist() for image in again] == [image.boxes().tolist() for image in SET]
    assert [[one.seconds for one in image.annotations] for image in again] == [[6.25, 41], []]
    assert again[0].seconds == 60.5


@st.composite
def drawings(draw: st.DrawFn) -> AnnotationSet:
    width, height = draw(st.integers(2, 300)), draw(st.integers(2, 300))
    coordinate = {"allow_nan": False, "width": 32}
    xs, ys = st.floats(0, width, **coordinate), st.floats(0, height, **coordinate)
    names = draw(st.lists(st.text("aä b", min_size=1).map(str.strip).filter(bool), min_size=1, unique=True))
    objects = []
    for _ in range(draw(st.integers(0, 3))):
        name = draw(st.sampled_from(names))
        corners = draw(st.lists(st.tuples(xs, ys), min_size=3, max_size=6))
        (left, right), (top, bottom) = ((min(v), max(v)) for v in zip(*corners))
        if right - left < 0.01 or bottom - top < 0.01:
            continue
        whole = draw(st.booleans())
        objects.append(
            Annotation.outline(name, corners) if whole else Annotation(name, (left, top, right, bottom))
        )
    return AnnotationSet(tuple(sorted(names)), (AnnotatedImage("a.png", width, height, tuple(objects)),))


@pytest.mark.parametrize("format", ["coco", "labelme", "yolo"])
@given(drawn=drawings())
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_drawing_survives(tmp_path: Path, format: str, drawn: AnnotationSet) -> None:
    shutil.rmtree(tmp_path / format, ignore_errors=True)
    again = there_and_back(tmp_path, drawn, format)
    for before, after in zip(rounded(drawn), rounded(again)):
        assert before[:3] == after[:3]
        for (name, box, parts), (name_after, box_after, parts_after) in zip(before[3], after[3], strict=True):
            assert name == name_after
            near(box, box_after)
            for part, part_after in zip(parts, parts_after, strict=True):
                near(part, part_after)


def near(before: Sequence, after: Sequence) -> None:
    """Equal to the thousandth; a whole number may come back as an integer."""
    torch.testing.assert_close(torch.tensor(before).double(), torch.tensor(after).double(), atol=2e-3, rtol=0)


def test_parts_of_one_object_stay_together(tmp_path: Path) -> None:
    parts = [[(0, 0), (2, 0), (2, 2)], [(4, 4), (6, 4), (6, 6)]]
    objects = (Annotation.outline("fish", *parts), Annotation.outline("fish", *reversed(parts)))
    drawn = AnnotationSet(("fish",), (AnnotatedImage("a.png", 8, 8, objects),))
    assert there_and_back(tmp_path, drawn, "coco") == drawn
    assert there_and_back(tmp_path, drawn, "labelme") == drawn
    with pytest.raises(ValueError, match=r"a\.png: an object 'fish' has 2 parts, a YOLO line holds one"):
        formats.write(tmp_path / "yolo", drawn, "yolo")


def test_coco_as_found() -> None:
    with pytest.warns(UserWarning, match=r"coco\.json: left out 1 shapes, which are run lengths"):
        found = formats.read(FOUND / "coco.json")
    assert found.names == ("cat", "dog")
    dog, cat = found[0].annotations
    assert dog.box == (10.5, 4.25, 30.5, 20) and cat == Annotation("cat", (0, 0, 4, 3))
    assert dog.polygons[1] == ((11, 18), (13, 18), (13, 20), (11, 20))
    assert found[1] == AnnotatedImage("empty.jpg", 40, 30)


def test_pycocotools_reads_what_we_write(tmp_path: Path) -> None:
    coco_json.write(tmp_path / "drawn.json", SET)
    coco = COCO(str(tmp_path / "drawn.json"))
    box, shape = coco.loadAnns(coco.getAnnIds(coco.getImgIds()[0]))
    assert box["bbox"] == [1, 2, 4, 2] and coco.loadCats(box["category_id"])[0]["name"] == "fish"
    assert shape["area"] == pytest.approx(3.5 * 2.25 / 2)
    assert (coco.annToMask(shape) == POND.masks()[1].numpy()).all()


def test_labelme_as_found() -> None:
    with pytest.warns(UserWarning, match="left out 1 shapes, which are neither polygon nor rectangle"):
        (pond,) = formats.read(FOUND / "labelme")
    assert (pond.file_name, pond.width, pond.height) == ("photos/pond.jpg", 40, 30)
    cat, two_parts, dog = pond.annotations
    assert cat == Annotation("cat", (10, 4.5, 30.5, 20))  # from any two opposite corners
    assert len(two_parts.polygons) == 2 and two_parts.box == (1, 1, 14, 6.25)
    assert dog.polygons == (((20, 20), (25, 20), (25, 25)),)


def test_voc_counts_from_one_and_its_last_pixel_is_inside() -> None:
    (image,) = formats.read(FOUND / "voc")
    plane, person = image.annotations  # the person's head is a part, not an object
    assert plane.box == (103, 77, 375, 183)
    assert person.box == (0, 0, image.width, image.height)


def test_torchvision_reads_the_voc_that_we_write(tmp_path: Path) -> None:
    voc_xml.write(tmp_path, SET)
    tree = voc_xml.ElementTree.parse(tmp_path / "pond.xml").getroot()
    first = VOCDetection.parse_voc_xml(tree)["annotation"]["object"][0]
    assert first["bndbox"] == {"xmin": "2", "ymin": "3", "xmax": "5", "ymax": "4"}


def test_voc_of_tools_that_count_from_zero(tmp_path: Path) -> None:
    text = (FOUND / "voc" / "2007_000032.xml").read_text().replace("<xmin>1<", "<xmin>0<")
    (tmp_path / "a.xml").write_text(text)
    with pytest.raises(
        ValueError, match=r"a\.xml: object 2 starts at pixel 0, .* read it with first_pixel=0"
    ):
        formats.read(tmp_path)
    text = (
        text.replace("<xmax>500<", "<xmax>499<")
        .replace("<ymin>1<", "<ymin>0<")
        .replace("281</ymax", "280</ymax")
    )
    (tmp_path / "a.xml").write_text(text)
    (image,) = voc_xml.read(tmp_path, first_pixel=0)
    assert image.annotations[1].box == (0, 0, 500, 281)


@pytest.mark.parametrize("layout", ["yolo", "darknet"])
def test_yolo_as_found(tmp_path: Path, layout: str) -> None:
    shutil.copytree(FOUND / layout, tmp_path / layout)
    folder = tmp_path / layout / ("images/train" if layout == "yolo" else "")
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("pond.jpg", "empty.jpg"):
        Pillow.new("L", (40, 20)).save(folder / name)
    found = formats.read(tmp_path / layout)
    empty, pond = sorted(found, key=lambda image: image.file_name)
    assert found.names == ("cat", "dog") and empty.annotations == ()
    assert pond.annotations[0] == Annotation("dog", (15, 5, 25, 15))
    if layout == "yolo":
        assert pond.annotations[1].polygons == (((4, 2), (20, 2), (20, 18), (4, 18)),)
        assert pond.file_name == "train/pond.jpg"
