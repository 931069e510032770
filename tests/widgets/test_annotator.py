from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from seglib.data.annotations import AnnotatedImage, Annotation, AnnotationSet, read_coco, write_coco
from seglib.data.catalog import load
from seglib.data.dataset import Instances
from seglib.files import DiskError
from seglib.labels import Classes
from seglib.scenes import Scenes
from seglib.widgets.annotator import Annotator
from tests.refused import refused
from tests.widgets.kit import pixels

CLASSES = Classes.of("background", "fish", "crab")
GREY = torch.full((3, 60, 80), 90, dtype=torch.uint8)
BOX = {"label": 0, "points": [[10, 20], [30, 50]], "seconds": 6.5}
OTHER = {"label": 1, "points": [[40, 5], [80, 25]], "seconds": 5.5}
PART = [(1, 1), (3, 1), (3, 3)]
TRIANGLE = {"label": 1, "points": [[10, 10], [40, 10], [40, 40.5]], "seconds": 30.0}


def annotator(path: Path | None = None, **state: Any) -> Annotator:
    return Annotator([GREY, GREY, GREY], classes=CLASSES, path=path, **state)


def draw(widget: Annotator, index: int, *objects: dict[str, Any], seconds: float = 20.0) -> None:
    """What the browser sends when objects are finished."""
    work = [*widget.work]
    work[index] = {"objects": [*objects], "seconds": seconds}
    widget.set_state({"change": widget.change + 1})
    widget.set_state({"work": work})


def test_what_the_browser_sends_can_be_worked_with() -> None:
    widget = annotator()
    draw(widget, 1, BOX, OTHER, seconds=20)
    drawn = widget.image(1)
    assert drawn.boxes().tolist() == [[10, 20, 30, 50], [40, 5, 80, 25]]
    assert [one.name for one in drawn.annotations] == ["fish", "crab"]
    assert [one.seconds for one in drawn.annotations] == [6.5, 5.5]
    assert widget.instances(1).classes.tolist() == [1, 2]
    assert drawn.masks().shape == (2, 60, 80) and int(drawn.masks()[0].sum()) == 20 * 30
    assert widget.seconds_per_object == 10
    assert [image.file_name for image in widget.annotations] == ["image 2"]
    assert widget.status == "2 boxes; not saved in a file"
    nothing = annotator()
    assert math.isnan(nothing.seconds_per_object) and len(nothing.annotations) == 0
    assert nothing.image(0).masks().shape == (0, 60, 80)


def test_polygons_are_filled_and_compared() -> None:
    pools = Scenes(length=1)
    truth = pools.instances(0)
    assert truth is not None
    widget = Annotator(pools, classes=pools.classes, kind="polygons")
    x1, y1, x2, y2 = truth.boxes[0].tolist()
    label = int(truth.classes[0]) - 1
    draw(widget, 0, {"label": label, "points": [[x1, y1], [x2, y1], [x2, y2], [x1, y2]], "seconds": 9.0})
    result = widget.agreement(0)
    share = truth.masks[0].sum() / ((x2 - x1) * (y2 - y1))
    assert float(result.iou[0]) == pytest.approx(float(share), abs=1e-6)
    assert result.right_class.tolist() == [True] and len(result.missed) == len(truth) - 1
    boxes = Annotator(pools, classes=pools.classes)
    draw(boxes, 0, {"label": label, "points": [[x1, y1], [x2, y2]], "seconds": 9.0})
    assert boxes.agreement(0).iou.tolist() == [1]
    with pytest.raises(ValueError, match="the true objects of these images are not known"):
        annotator().agreement(0)
    nothing = Instances(torch.zeros(0, 60, 80).bool(), torch.zeros(0).long(), torch.zeros(0, 4).long())
    assert annotator().agreement(0, truth=nothing).missed == ()


@pytest.mark.parametrize(("kind", "one", "other"), [("boxes", BOX, OTHER), ("polygons", TRIANGLE, TRIANGLE)])
def test_the_same_path_goes_on_where_the_work_was_left(
    tmp_path: Path, kind: str, one: dict[str, Any], other: dict[str, Any]
) -> None:
    path = tmp_path / "mine" / "drawn.json"
    first = annotator(path, kind=kind)
    assert not path.exists()
    draw(first, 0, one, seconds=12.5)
    draw(first, 2, other, one)
    again = annotator(path, kind=kind)
    assert again.work == first.work and again.index == 1
    assert again.status.endswith(f"3 {kind} in drawn.json")
    assert again.annotations == first.annotations == read_coco(path)
    draw(again, 0, seconds=13)  # all deleted: the image stays, with its time
    assert annotator(path, kind=kind).work[0] == {"objects": [], "seconds": 13}


def test_the_file_is_coco_json_and_keeps_images_that_are_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "drawn.json"
    kept = AnnotatedImage("elsewhere.png", 9, 9, (Annotation("crab", (1, 1, 2, 2), seconds=4),), 5)
    write_coco(path, AnnotationSet(("crab",), (kept,)))
    draw(annotator(path), 0, BOX)
    assert kept in read_coco(path).images and len(read_coco(path)) == 2
    content = json.loads(path.read_text())
    size = {"file_name": "image 1", "width": 80, "height": 60, "seconds": 20}
    assert content["images"][1] == {"id": 2} | size
    drawn = content["annotations"][1]
    assert (drawn["bbox"], drawn["seconds"]) == ([10, 20, 20, 30], 6.5)
    assert [category["name"] for category in content["categories"]] == ["crab", "fish"]


SERVICE = {
    "info": {"description": "as a labelling service exports it", "version": "1.0"},
    "licenses": [{"id": 1, "name": "CC BY 4.0", "url": ""}],
    "categories": [
        {"id": 7, "name": "crab", "supercategory": "animal", "keypoints": ["eye"]},
        {"id": 3, "name": "fish", "supercategory": "animal"},
        {"id": 0, "name": "animals-1", "supercategory": "none"},
    ],
    "images": [
        {"id": "a7", "license": 1, "file_name": "image 1", "height": 60, "width": 80, "flickr_url": ""},
        {"id": 12, "file_name": "elsewhere.jpg", "height": 30, "width": 40, "date_captured": "2013"},
    ],
    "annotations": [
        {"id": 90, "image_id": "a7", "category_id": 7, "bbox": [0, 0, 2, 60], "area": 120, "iscrowd": 1,
         "segmentation": {"counts": [0, 120, 4680], "size": [60, 80]}},
        {"id": 91, "image_id": "a7", "category_id": 7, "bbox": [10, 5, 20, 15.5], "area": 155, "iscrowd": 1,
         "segmentation": [[10, 5, 30, 5, 30, 20.5]], "attributes": {"occluded": True}, "score": 0.25},
        {"id": 33, "image_id": 12, "category_id": 3, "bbox": [0, 0, 4, 3], "area": 6, "iscrowd": 0,
         "segmentation": [[0, 0, 4, 0, 4, 3], [5, 5, 9, 5, 9, 8]], "attributes": {"occluded": False}},
        {"id": 92, "image_id": "a7", "category_id": 3, "bbox": [40, 5, 8, 8], "area": 32,
         "segmentation": [[40, 5, 48, 5, 48, 13]], "track": 5},
    ],
    "videos": [],
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*run lengths")
def test_what_another_tool_wrote_is_carried_along_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "drawn.json"
    path.write_text(json.dumps(SERVICE))
    widget = annotator(path, kind="polygons")
    (crab, fish), _ = widget.work[0]["objects"], widget.work[1]
    draw(widget, 0, crab, fish, TRIANGLE)
    now = json.loads(path.read_text())
    new = now["annotations"].pop()
    assert (new["id"], new["image_id"], new["category_id"]) == (93, "a7", 7)
    assert now["images"][0].pop("seconds") == 20 and now == SERVICE
    draw(widget, 0, {**crab, "points": [[10, 5], [30, 5], [30, 25]]}, TRIANGLE)  # one moved, one deleted
    now = json.loads(path.read_text())
    moved = {"bbox": [10, 5, 20, 20], "segmentation": [[10, 5, 30, 5, 30, 25]], "area": 200}
    assert now["annotations"][1] == {**SERVICE["annotations"][1], **moved}
    assert [one["id"] for one in now["annotations"]] == [90, 91, 33, 93]
    assert annotator(path, kind="polygons").work[0]["objects"] == widget.work[0]["objects"]


def test_a_file_that_somebody_else_changed_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "drawn.json"
    one, two = annotator(path), annotator(path)
    draw(one, 0, BOX)
    with pytest.raises(ValueError, match=r"drawn\.json was changed by another annotator .*drawn\.mine\.json"):
        draw(two, 0, OTHER)
    assert "was changed by another annotator" in two.error
    assert read_coco(path) == one.annotations
    assert read_coco(tmp_path / "drawn.mine.json") == two.annotations
    three = annotator(path)
    draw(one, 1, BOX)
    with pytest.raises(ValueError, match=r"drawn\.mine2\.json"):
        draw(three, 0, OTHER)
    with pytest.raises(ValueError, match=r"drawn\.mine2\.json"):
        draw(three, 0, OTHER, BOX)
    assert read_coco(tmp_path / "drawn.mine.json") == two.annotations


@pytest.mark.parametrize(
    ("one", "size", "kind", "message"),
    [
        (Annotation("eel", (1, 1, 2, 2)), (80, 60), "boxes", "class 'eel', .* drawn are fish, crab"),
        (Annotation.outline("fish", PART), (80, 60), "boxes", "drawn.json holds polygons"),
        (Annotation("fish", (1, 1, 2, 2)), (60, 80), "boxes", "image 1 is 80 x 60 pixels, .* 60 x 80"),
        (Annotation.outline("fish", PART, PART), (80, 60), "polygons", "an object 'fish' has 2 parts;"),
        (None, (80, 60), "boxes", r"drawn\.json: not JSON"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_and_stays(
    tmp_path: Path, one: Annotation | None, size: tuple[int, int], kind: str, message: str
) -> None:
    path = tmp_path / "drawn.json"
    if one:
        write_coco(path, AnnotationSet((one.name,), (AnnotatedImage("image 1", *size, (one,)),)))
    else:
        path.write_text('{"images": [')
    before = path.read_bytes()
    with pytest.raises(ValueError, match=message):
        annotator(path, index=0, kind=kind)
    assert path.read_bytes() == before


def test_a_full_disk_is_told_and_the_next_object_saves_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "drawn.json"
    widget = annotator(path)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(DiskError, match="the disk is full"):
            draw(widget, 0, BOX)
    assert widget.saved_change == 0 and "disk is full" in widget.error and len(widget.work[0]["objects"]) == 1
    draw(widget, 1, OTHER)
    assert widget.error == "" and widget.saved_change == widget.change == 2
    assert [len(image.annotations) for image in read_coco(path)] == [1, 1]


@pytest.mark.parametrize(
    ("label", "points", "message"),
    [
        (7, [[1, 1], [2, 2]], "an object has the label 7; there are 0..1"),
        (0, [[1, 1], [1, 2]], "has no area"),
        (0, [[1, 1], [99, 2]], r"a corner at \(99, 2\), outside of image 1"),
    ],
)
def test_nonsense_from_the_browser_is_refused(
    tmp_path: Path, label: int, points: list[list[int]], message: str
) -> None:
    widget = annotator(tmp_path / "drawn.json")
    draw(widget, 0, BOX)
    with pytest.raises(ValueError, match=message):
        draw(widget, 0, BOX, {"label": label, "points": points, "seconds": 1})
    assert "ValueError" in widget.error
    assert len(read_coco(tmp_path / "drawn.json")[0].annotations) == 1


def test_images_are_sent_when_they_are_wanted(tmp_path: Path) -> None:
    for name, side in (("a.png", 30), ("b.png", 50)):
        Pillow.new("RGB", (side, 40)).save(tmp_path / name)
    (tmp_path / "c.jpg").write_bytes(b"no image")
    widget = Annotator(tmp_path, classes=CLASSES)
    assert widget.gallery.names == ("a.png", "b.png", "c.jpg")
    assert (widget.fetched["index"], widget.fetched["width"]) == (0, 30)
    widget.set_state({"requested": [1, 1234]})
    assert (widget.fetched["index"], widget.fetched["width"], widget.fetched["asked"]) == (1, 50, 1234)
    assert pixels(widget.fetched["image"]).shape == (40, 50, 3)
    with pytest.raises(ValueError, match=r"c\.jpg"):
        widget.set_state({"requested": [2, 1235]})
    assert "c.jpg" in widget.error
    with pytest.raises(FileNotFoundError, match=r"nowhere\.png"):
        Annotator(["nowhere.png"], classes=CLASSES)


def test_a_large_image_travels_small_and_is_drawn_on_in_its_own_pixels() -> None:
    widget = Annotator(torch.zeros(3, 30, 4096, dtype=torch.uint8), classes=CLASSES)
    assert pixels(widget.fetched["image"]).shape == (15, 2048, 3)
    assert (widget.fetched["width"], widget.fetched["height"]) == (4096, 30)
    draw(widget, 0, {"label": 0, "points": [[4000, 1], [4096, 30]], "seconds": 1})
    assert widget.image(0).boxes().tolist() == [[4000, 1, 4096, 30]]


test_a_mistake_gets_one_sentence = refused(
    lambda images, arguments: Annotator(images, **{"classes": CLASSES} | arguments),
    ([], {}, "there is no image to annotate"),
    ([GREY.float()], {}, r"image 1 must be a tensor .*, not \(3, 60, 80\) float32"),
    ([GREY, "a.png"], {}, "partly files and partly tensors"),
    ([GREY], {"kind": "masks"}, "kind must be 'boxes' or 'polygons', not 'masks'"),
    ([GREY], {"classes": Classes.of("background")}, "nothing to draw: the only class is the background"),
    ([GREY], {"index": 3}, "there is no image 3; the last is 0"),
)


def test_without_a_kernel_an_image_shows_what_was_drawn_in_its_colours() -> None:
    widget = annotator()
    draw(widget, 0, BOX, OTHER)
    draw(widget, 2, BOX)
    shown = pixels(widget.still()).astype(int)
    assert shown.shape[1] > 800  # two images next to each other
    for color in CLASSES.colors[1:]:
        assert (np.abs(shown - color).max(axis=2) < 3).sum() > 300
    page = widget.to_html()
    assert page.startswith('<div data-seglib="annotator"><img alt="Annotator for boxes')
    assert ' src="data:image/png;' in page and "<script" not in page
    assert "image 1: fish, crab, in 20 s" in page and "image 3: fish" in repr(widget)


@pytest.mark.photographs
@pytest.mark.parametrize("name", ["pets", "camvid"])
def test_photographs_are_annotated_under_their_own_names(
    photographs: Path, tmp_path: Path, name: str
) -> None:
    dataset = load(name, split="train").subset([3, 5])
    widget = Annotator(dataset, classes=dataset.classes, path=tmp_path / "drawn.json")
    draw(widget, 1, {"label": 0, "points": [[1, 2], [9, 8]], "seconds": 3.0})
    image = dataset[1][0]
    (drawn,) = read_coco(tmp_path / "drawn.json")
    assert drawn.file_name == f"{name}/train/{dataset.sample_id(1)}"
    assert (drawn.height, drawn.width) == tuple(image.shape[1:])
    assert Annotator(dataset, classes=dataset.classes, path=tmp_path / "drawn.json").index == 0
