"""What is drawn on images: boxes and polygons, their files, how well they agree with the true objects."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pycocotools.coco import COCO

from seglib import boxes
from seglib.data.annotations import (
    AnnotatedImage,
    Annotation,
    AnnotationSet,
    agreement,
    read_coco,
    write_coco,
)
from seglib.data.dataset import Instances
from seglib.data.files import write_mask
from seglib.labels import Classes
from tests.data.conftest import changed

CLASSES = Classes.of("background", "crab", "fish")
FOUND = Path(__file__).parent / "annotations" / "coco.json"  # written by hand, as found in the wild


def fish(*box: float, **fields: object) -> Annotation:
    return Annotation("fish", box, **fields)


def test_a_box_is_the_pixels_that_it_touches() -> None:
    image = AnnotatedImage("a", 4, 3, (fish(0.5, 1, 2.25, 3.5), Annotation("crab", (-1, 0, 1, 1))))
    assert image.boxes().tolist() == [[0, 1, 3, 3], [0, 0, 1, 1]]
    assert image.masks()[0].int().tolist() == [[0, 0, 0, 0], [1, 1, 1, 0], [1, 1, 1, 0]]
    nothing = AnnotatedImage("a", 4, 3)
    assert nothing.boxes().shape == (0, 4) and nothing.masks().shape == (0, 3, 4)


def test_a_polygon_is_filled() -> None:
    square = Annotation.outline("fish", [(1, 1), (3, 1), (3, 3), (1, 3)])
    image = AnnotatedImage("a", 4, 4, (square,))
    assert image.masks()[0].int().tolist() == [[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
    objects = image.instances(CLASSES)
    assert objects.classes.tolist() == [2]
    assert (boxes.from_masks(objects.masks) == objects.boxes).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: fish(0, 0, math.nan, 1), "not a finite number"),
        (lambda: fish(0, 0, 1, 1, polygons=(((0, 0), (1, 1)),)), "a polygon of 'fish' has 2 corners"),
        (lambda: AnnotatedImage("a", 0, 3), "a .* 0 pixels wide"),
        (lambda: AnnotationSet(("eel",), (AnnotatedImage("a", 4, 3, (fish(0, 0, 1, 1),)),)), "not 'fish'"),
        (lambda: AnnotatedImage("a", 4, 3, (fish(0, 0, 1, 1),)).instances(Classes.of("eel")), "'fish'"),
    ],
)
def test_what_cannot_be_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_coco_as_found() -> None:
    with pytest.warns(UserWarning, match=r"coco\.json: left out 1 objects stored as run lengths"):
        found = read_coco(FOUND)
    assert found.names == ("cat", "dog")
    dog, cat = found.images[0].annotations
    assert dog.box == (10.5, 4.25, 30.5, 20) and cat == Annotation("cat", (0, 0, 4, 3))
    assert dog.polygons[1] == ((11, 18), (13, 18), (13, 20), (11, 20))
    assert found.images[1] == AnnotatedImage("empty.jpg", 40, 30)


COCO_FAULTS = [
    (("annotations", 0, "bbox"), [1, 2, 3], r"annotations\[0\]: \"bbox\" must be a list of 4"),
    (("annotations", 1, "bbox"), ..., r"annotations\[1\]: \"bbox\" must be .* got None"),
    (("annotations", 0, "bbox"), [None, 1, 2, 3], r"\"bbox\" must be .* finite numbers"),
    (("annotations", 0, "bbox"), [0, 0, 0, 4], r"annotations\[0\]: the box .* of 'dog' has no area"),
    (("annotations", 0, "bbox"), [30, 0, 20, 4], r"images\[0\]: .* corner at \(50, 4\), outside of"),
    (("annotations", 0, "segmentation"), "x", r"\"segmentation\" must be a list of 6, 8"),
    (("annotations", 0, "segmentation", 0), [1, 1, 2, 2], r"must be a list of 6, 8, 10 \.\.\. finite"),
    (("annotations", 0, "segmentation", 0, 3), "x", r"annotations\[0\]: \"segmentation\" must be"),
    (("annotations", 0, "seconds"), -1, r"'dog' cannot have taken -1 seconds"),
    (("annotations", 0, "seconds"), "long", r"annotations\[0\]: \"seconds\" must be"),
    (("annotations", 0, "seconds"), math.inf, "inf seconds|finite"),
    (("images", 1, "file_name"), "000000391895.jpg", r"two images are called '000000391895.jpg'"),
    (("categories", 0, "name"), "cat", r"two classes are called 'cat'"),
]  # fmt: skip


def coco_with(folder: Path, path: tuple, value: object) -> Path:
    """The file as found with one field changed, or removed if `value` is `...`."""
    content = changed(json.loads(FOUND.read_text()), path, value)
    (folder / "changed.json").write_text(json.dumps(content))
    return folder / "changed.json"


@pytest.mark.parametrize(("path", "value", "message"), COCO_FAULTS)
@pytest.mark.filterwarnings("ignore:.*run lengths")
def test_a_broken_coco_file(tmp_path: Path, path: tuple, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=r"changed\.json.*" + message) as caught:
        read_coco(coco_with(tmp_path, path, value))
    assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("ignore:.*run lengths")
def test_ids_may_be_numbers_and_text(tmp_path: Path) -> None:
    path = coco_with(tmp_path, ("categories",), [{"id": key, "name": f"{key}"} for key in ("b", 7, 3, "a")])
    assert read_coco(path).names == ("3", "7", "a", "b")


BOX = Annotation("fish", (1, 2, 5, 4), seconds=6.25)
SHAPE = Annotation.outline("crab", [(0, 0), (3.5, 0), (3.5, 2.25)], seconds=41)
PARTS = Annotation.outline("fish", [(0, 0), (2, 0), (2, 2)], [(4, 4), (6, 4), (6, 6)])
POND = AnnotatedImage("pond.png", 8, 6, (BOX, SHAPE, PARTS), seconds=60.5)
SET = AnnotationSet(("crab", "fish"), (POND, AnnotatedImage("sea/empty.png", 4, 3)))


@st.composite
def drawings(draw: st.DrawFn) -> AnnotationSet:
    width, height = draw(st.integers(2, 300)), draw(st.integers(2, 300))
    coordinate = {"allow_nan": False, "width": 32}
    xs, ys = st.floats(0, width, **coordinate), st.floats(0, height, **coordinate)
    names = draw(st.lists(st.text("aä b", min_size=1).map(str.strip).filter(bool), min_size=1, unique=True))
    objects = []
    for corners in draw(st.lists(st.lists(st.tuples(xs, ys), min_size=3, max_size=6), max_size=3)):
        (left, right), (top, bottom) = ((min(v), max(v)) for v in zip(*corners))
        if right - left >= 0.01 and bottom - top >= 0.01:
            name, box = draw(st.sampled_from(names)), (left, top, right, bottom)
            objects.append(
                Annotation.outline(name, corners) if draw(st.booleans()) else Annotation(name, box)
            )
    return AnnotationSet(tuple(names), (AnnotatedImage("a.png", width, height, tuple(objects)),))


@given(drawn=drawings())
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_drawing_survives(tmp_path: Path, drawn: AnnotationSet) -> None:
    write_coco(tmp_path / "drawn.json", drawn)
    again = read_coco(tmp_path / "drawn.json")
    assert again.names == drawn.names
    for before, after in zip(drawn.images[0].annotations, again.images[0].annotations, strict=True):
        assert before.name == after.name and before.polygons == after.polygons
        torch.testing.assert_close(torch.tensor(before.box), torch.tensor(after.box), atol=2e-3, rtol=0)


def test_we_and_pycocotools_read_what_is_written(tmp_path: Path) -> None:
    write_coco(tmp_path / "drawn.json", SET)
    assert read_coco(tmp_path / "drawn.json") == SET
    coco = COCO(str(tmp_path / "drawn.json"))
    box, shape, _ = coco.loadAnns(coco.getAnnIds(coco.getImgIds()[0]))
    assert box["bbox"] == [1, 2, 4, 2] and coco.loadCats(box["category_id"])[0]["name"] == "fish"
    assert shape["area"] == pytest.approx(3.5 * 2.25 / 2)
    assert (coco.annToMask(shape) == POND.masks()[1].numpy()).all()


def test_a_mask_is_written_as_indices_in_the_classes_colours(tmp_path: Path) -> None:
    classes = Classes.of("background", "fish")
    write_mask(path := tmp_path / "mask.png", torch.tensor([[0, 1, 255]]), classes)
    image = Image.open(path)
    assert image.mode == "P" and np.array(image).tolist() == [[0, 1, 255]]
    assert np.array(image.convert("RGB")).tolist() == [[*map(list, (*classes.colors, classes.void_color))]]
    with pytest.raises(ValueError, match="holds the value 2"):
        write_mask(path, torch.tensor([[2]]), classes)


def drawn(*objects: tuple[int, tuple[int, int, int, int]]) -> Instances:
    annotations = tuple(Annotation(CLASSES.names[k], box) for k, box in objects)
    return AnnotatedImage("a", 10, 10, annotations).instances(CLASSES)


def test_each_drawn_object_is_judged_against_the_one_it_means() -> None:
    truth = drawn((1, (0, 0, 4, 4)), (2, (5, 5, 9, 9)), (2, (0, 8, 2, 10)))
    result = agreement(drawn((1, (5, 5, 9, 7)), (1, (0, 0, 4, 4)), (1, (9, 0, 10, 1))), truth, by="boxes")
    assert result.iou.tolist() == [0.5, 1, 0]
    assert result.match.tolist() == [1, 0, -1]
    assert result.right_class.tolist() == [False, True, False]
    assert result.missed == (2,)
    assert str(result) == "3 drawn: mean IoU 0.50, worst 0.00, 1 with the right class; 1 missed"
    twice = agreement(drawn((1, (0, 0, 4, 4)), (1, (0, 0, 4, 3))), drawn((1, (0, 0, 4, 4))))
    assert twice.iou.tolist() == [1, 0]


def test_masks_are_compared_by_pixels() -> None:
    triangle = Annotation.outline("crab", [(0, 0), (8, 0), (0, 8)])
    shape = AnnotatedImage("a", 10, 10, (triangle,)).instances(CLASSES)
    box = drawn((1, (0, 0, 8, 8)))
    torch.testing.assert_close(agreement(shape, box).iou, shape.masks.sum()[None] / 64)
    assert agreement(shape, box, by="boxes").iou.tolist() == [1]


def test_nothing_drawn_and_nothing_there() -> None:
    assert str(agreement(drawn(), drawn((1, (0, 0, 2, 2))))) == "nothing drawn; 1 objects missed"
    result = agreement(drawn((1, (0, 0, 2, 2))), drawn())
    assert result.iou.tolist() == [0] and result.right_class.tolist() == [False]
    with pytest.raises(ValueError, match="by must be 'masks' or 'boxes', not 'pixels'"):
        agreement(drawn(), drawn(), by="pixels")
    with pytest.raises(ValueError, match=r"\(10, 10\), the true \(4, 4\)"):
        agreement(drawn(), AnnotatedImage("b", 4, 4).instances(CLASSES))
