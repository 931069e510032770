"""Outlines that labelling tools write, COCO, labelme and YOLO-seg: whole and with one fault at a time."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as pycoco
from pycocotools.coco import COCO

from seglib.data.catalog import load
from seglib.data.coco import segmentation_mask
from seglib.data.dataset import SegmentationDataset, SplitError
from tests.data.conftest import changed
from tests.data.strangers import LAYOUTS, PHOTO, V, coco, encoded, refusal, turned, write

FOUND = Path(__file__).parent / "annotations"  # written by hand, as they are found in the wild
RECTANGLE = {"label": "cat", "points": [[2, 1], [6, 5]], "shape_type": "rectangle"}
SPLITS = ("train", "val", "test")
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def shown(dataset: SegmentationDataset, index: int = 0) -> list[tuple[str, list[int]]]:
    """The objects of an image: names and boxes."""
    found = dataset.instances(index)
    names = [dataset.classes.names[k] for k in found.classes.tolist()]
    return sorted(zip(names, found.boxes.tolist()))


# ---- COCO: one shape ---------------------------------------------------------------------------------------

LARGE = np.zeros((200, 300), bool)  # whose compressed text has large and negative differences
LARGE[:, 10:200], LARGE[::3, 220], LARGE[50, 250:] = True, True, True


@given(arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9))))
@example(LARGE)
def test_both_kinds_of_run_lengths(mask):
    packed = pycoco.encode(np.asfortranarray(mask.astype(np.uint8)))
    column = mask.T.ravel()
    counts = np.diff([0, *np.flatnonzero(np.diff(column)) + 1, column.size]).tolist()
    for runs in (packed["counts"].decode(), [0, *counts] if column[0] else counts):
        found = segmentation_mask({"size": [*mask.shape], "counts": runs}, *mask.shape)
        assert np.array_equal(found, mask)


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        (None, "no polygon"),
        ("abc", "no polygon"),
        ([[1, 2, 3, 4]], "at least three corners"),
        ([[1, 2, 3, 4, 5, 6, 7]], "at least three corners"),
        ([0, 0, 4, 0, 4, 4], "at least three corners"),
        ([[0, 0, 1e9, 0, 4, 4]], "1000000000.0 is far outside"),
        ([[0, 0, float("nan"), 0, 4, 4]], "nan is far outside"),
        ([[0, 0, "x", 0, 4, 4]], "'x' is far outside"),
        ({"counts": [20]}, r"size None is not the image's \[4, 5\]"),
        ({"size": [4, 5], "counts": [3, 4]}, "add up to 7 pixels, the image has 20"),
        ({"size": [4, 5], "counts": [21, -1]}, "neither a list of whole numbers"),
        ({"size": [4, 5], "counts": [3.5, 16.5]}, "neither a list of whole numbers"),
        ({"size": [4, 5], "counts": ""}, "add up to 0"),
        ({"size": [4, 5], "counts": "~~~~zzzzqqqq"}, "run lengths"),
        ({"size": [4, 5], "counts": "é☃"}, "run lengths"),
        ({"size": [4, 5]}, "neither"),
    ],
)
def test_broken_shapes_are_refused(segmentation, message):
    with pytest.raises(ValueError, match=message):
        segmentation_mask(segmentation, 4, 5)


# ---- COCO: whole files -------------------------------------------------------------------------------------


def box(x1: int, y1: int, x2: int, y2: int) -> list[list[int]]:
    return [[x1, y1, x2, y1, x2, y2, x1, y2]]


def content(**fields: Any) -> dict[str, Any]:
    """Two images of 6 x 4: a large dog under a small cat next to a crowd of cats; and an empty one."""
    crowd = {"size": [4, 6], "counts": [0, 8, 16]}  # the first two columns
    shapes = [(17, 0, box(3, 1, 5, 3)), (18, 0, box(1, 0, 5, 4)), (17, 1, crowd)]
    size = {"height": 4, "width": 6}
    return {
        "images": [{"id": 7, "file_name": "a.jpg"} | size, {"id": 3, "file_name": "b.jpg"} | size],
        "categories": [{"id": 18, "name": "dog"}, {"id": 17, "name": "cat"}],
        "annotations": [
            {"id": k, "image_id": 7, "category_id": category, "iscrowd": crowded, "segmentation": shape}
            for k, (category, crowded, shape) in enumerate(shapes)
        ],
    } | fields


def pets(root: Path, said: dict[str, Any] | None = None) -> Path:
    return write(root, {"train/{a,b}.jpg": PHOTO.resize((6, 4)), "instances_train.json": said or content()})


def test_small_over_large_over_crowd(tmp_path):
    dataset = load(pets(tmp_path))
    assert dataset.classes.names == ("background", "cat", "dog") and len(dataset) == 2
    mask, outer, inner = dataset[0][1], [V, 2, 2, 2, 2, 0], [V, 2, 2, 1, 1, 0]
    assert mask.tolist() == [outer, inner, inner, outer]
    assert not dataset[1][1].any() and len(dataset.instances(1)) == 0
    found = dataset.instances(0)  # the visible parts
    assert shown(dataset) == [("cat", [3, 1, 5, 3]), ("dog", [1, 0, 5, 4])]
    assert found.masks.sum(dim=(1, 2)).tolist() == [12, 4]
    for one, index in zip(found.masks, found.classes):
        assert (mask[one] == index).all()
    exif = encoded(PHOTO.resize((6, 4)), "JPEG", exif=turned(6))  # the shapes turn with their photograph
    image, mask = load(write(tmp_path, {"train/a.jpg": exif}))[0]
    assert image.shape == (3, 6, 4) and mask[:, 0].tolist() == [V, 2, 2, 2, 2, 0] and (mask[0] == V).all()


def test_each_shape_agrees_with_pycocotools(tmp_path):
    rng = np.random.default_rng(0)
    shape = {"image_id": 3, "category_id": 17, "iscrowd": 0, "area": 1, "bbox": [0, 0, 1, 1]}
    drawn = [(rng.random((4, 2)) * [6, 4]).ravel().tolist() for _ in range(20)]
    said = content(annotations=[shape | {"id": k, "segmentation": [one]} for k, one in enumerate(drawn)])
    theirs = COCO(pets(tmp_path, said) / "instances_train.json")
    for one in said["annotations"]:
        assert np.array_equal(segmentation_mask(one["segmentation"], 4, 6), theirs.annToMask(one))


def test_categories_called_background_or_ignore_and_headings(tmp_path):
    categories = content()["categories"]
    dataset = load(pets(tmp_path, content(categories=[*categories, {"id": 0, "name": "background"}])))
    assert dataset.classes.names == ("background", "cat", "dog") and dataset.class_of == {0: 0, 17: 1, 18: 2}
    dataset = load(pets(tmp_path, content(categories=[{"id": 18, "name": "Ignore"}, categories[1]])))
    assert dataset.classes.names == ("background", "cat") and "Ignore, crowds" in str(dataset)
    assert dataset[0][1].unique().tolist() == [0, 1, V] and shown(dataset) == [("cat", [3, 1, 5, 3])]
    strange = [categories[0] | {"supercategory": ["a", {}]}, categories[1], {"id": 2, "name": "a"}]
    assert load(pets(tmp_path, content(categories=strange))).classes.names == (
        "background",
        "a",
        "cat",
        "dog",
    )


def test_a_coco_file_that_is_named(tmp_path):
    write(tmp_path, LAYOUTS["COCO 2017"])
    data = load(tmp_path / "annotations/instances_val2017.json")
    assert data.folder == tmp_path / "val2017" and len(data) == 1
    files = [f"{k}.png" for k in range(20)]
    write(tmp_path / "one", {"mine.json": coco(files), f"images/{{{','.join(files)}}}": PHOTO})
    parts = [load(tmp_path / "one/mine.json", split) for split in SPLITS]
    assert sum(map(len, parts)) == 20 and all(map(len, parts))
    (tmp_path / "annotations/instances_train2017.json").unlink()
    write(tmp_path, {"annotations/{one,two}_train.json": coco()})
    refusal(tmp_path, r"several COCO files \(.*\); name the one to open: load\(")


def test_crowds_are_void_and_can_be_objects(tmp_path):
    run = {"id": 0, "image_id": 0, "category_id": 1, "iscrowd": 1}
    run["segmentation"] = {"size": [3, 4], "counts": [3, 6, 3]}
    write(tmp_path, {"a.jpg": PHOTO, "brush.json": coco(annotations=[run])})
    with pytest.warns(UserWarning, match="1 of 1 objects are marked iscrowd: 1.*crowds='objects'"):
        assert load(tmp_path)[0][1].unique().tolist() == [0, V]
    write(tmp_path, {"classes.json": {"classes": "of something else"}})  # which COCO does not need
    data = load(tmp_path, crowds="objects")
    assert data[0][1].unique().tolist() == [0, 1] and len(data.instances(0)) == 1 and not data.notes
    with pytest.raises(ValueError, match="crowds must be 'void' or 'objects'"):
        load(tmp_path, crowds="both")


def test_an_image_under_two_ids_is_one_image_and_there_must_be_one(tmp_path):
    write(tmp_path, {"a.jpg": PHOTO, "all.json": coco(["a.jpg", "a.jpg"])})
    said = json.loads((tmp_path / "all.json").read_text())
    write(tmp_path, {"all.json": changed(said, ("annotations", 0, "segmentation"), box(0, 0, 1, 2))})
    data = load(tmp_path)
    assert len(data) == 1 and len(data.instances(0)) == 2
    assert "left out images that are listed under two ids, merged: 1" in str(data)
    with pytest.raises(SplitError, match="no image in the split 'val'"):
        load(tmp_path, "val")
    refusal(write(tmp_path, {"all.json": coco([])}), "no image in the split 'train'")


@pytest.mark.parametrize("name", ["C:\\Users\\ann\\a.jpg", "/home/ann/a.jpg", "../upload/a.jpg", "day/a.jpg"])
def test_names_with_folders_and_of_another_machine(tmp_path, name):
    place = name if name == "day/a.jpg" else "a.jpg"
    files = {f"pond/{place}": PHOTO, "images/other.jpg": PHOTO, "all.json": coco([name])}
    data = load(write(tmp_path, files))
    assert data.sample_id(0) == "a" and data[0][0].shape == (3, 3, 4)
    assert "without their folders" in data.notes.get("moved", "") or name == place


IMAGE, SHAPE = ("images", 1), ("annotations", 1)
LIES = [
    ((*IMAGE, "file_name"), "c.png", r"not in .*images \(c.png\)"),
    ((*IMAGE, "file_name"), "../../c.png", r"'../../c.png' leads out"),
    ((*IMAGE, "file_name"), "/etc/passwd", "'/etc/passwd' leads out"),
    ((*IMAGE, "file_name"), "b\n.png", r"images\[1\] needs \"file_name\", a text of one line"),
    ((*IMAGE, "height"), 4, "image 1: the mask is 4x4"),
    ((*IMAGE, "height"), ..., r'images\[1\] needs "height"'),
    ((*IMAGE, "height"), 10**30, r'images\[1\] needs "height", a size'),
    (IMAGE, {"id": 1, "file_name": "b.jpg", "height": 10**6, "width": 10**6}, "the mask is 1000000x"),
    ((*IMAGE, "id"), 0, "two of the images have the id 0"),
    ((*IMAGE, "id"), [0], r'images\[1\] needs "id"'),
    (IMAGE, "b.jpg", r"images\[1\] is not an object"),
    ((*SHAPE, "image_id"), 77, "annotation 1 .* image 77"),
    ((*SHAPE, "category_id"), 8, "annotation 1 .* category 8"),
    ((*SHAPE, "segmentation"), ..., "annotation 1:.*a box alone is not a mask"),
    ((*SHAPE, "segmentation"), {"size": [3, 4], "counts": [5]}, "annotation 1: its run lengths"),
    (("annotations",), [{"id": 7, "image_id": 0, "category_id": 1}],
     "annotation 7: as all others, .*a box alone is not a mask.*07a"),
    (("annotations",), [{"id": 7, "image_id": 0, "category_id": 1, "segmentation": []}],
     "annotation 7: as all others, .*a box alone is not a mask.*07a"),
    (("annotations",), [{"image_id": 0, "category_id": 1, "segmentation": [[0.1, 0.1, 0.9, 0.1, 0.9, 1]]}],
     "its outlines are shares of the image, 0..1"),
    (("categories",), ..., 'no list "categories"'),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value", "words"), LIES)
def test_json_that_lies(tmp_path, path, value, words):
    said = changed(coco(["a.jpg", "b.jpg"]), path, value)
    write(tmp_path, {"images/{a,b}.jpg": PHOTO, "annotations/instances_train.json": said})
    assert refusal(tmp_path, words).startswith(f"{tmp_path}/annotations/instances_train.json")


@pytest.mark.parametrize("content", [b"", b"{", b'{"images": [', b"\xff\xfe\x00", b"[1, 2]", b"[" * 100_000])
def test_json_that_breaks_off(tmp_path, content):
    write(tmp_path, {"images/{a,b}.jpg": PHOTO, "annotations/instances_train.json": content})
    assert refusal(tmp_path).startswith(f"{tmp_path}/annotations/instances_train.json: not ")


# ---- labelme -----------------------------------------------------------------------------------------------


def labelme(name: str, *shapes: dict, **fields: object) -> dict[str, Any]:
    """A labelme file and its image, 8 x 6."""
    size = {"imagePath": f"{Path(name).name}.png", "imageWidth": 8, "imageHeight": 6}
    return {
        f"{name}.json": {"shapes": shapes or [RECTANGLE]} | size | fields,
        f"{name}.png": PHOTO.resize((8, 6)),
    }


def test_labelme_as_found(tmp_path):
    shutil.copytree(FOUND / "labelme", tmp_path / "labels")
    write(tmp_path, {"photos/pond.jpg": PHOTO.resize((40, 30))})
    with pytest.warns(UserWarning, match="left out shapes that are no regions, such as lines: 1"):  # a point
        dataset = load(tmp_path)
    assert dataset.classes.names == ("background", "cat", "dog") and len(dataset) == 1
    # the cat's rectangle, from any two opposite corners; two dogs: one of two parts, one of one
    assert shown(dataset) == [("cat", [10, 5, 31, 20]), ("dog", [2, 1, 14, 6]), ("dog", [21, 20, 25, 24])]


def test_labelme_splits_class_list_and_clutter(tmp_path):
    write(tmp_path, {"{train,valid}/.ipynb_checkpoints/a.json": "{"})
    write(tmp_path, labelme("train/a", RECTANGLE | {"label": "dog"}) | labelme("valid/a"))
    for split, label in (("train", "dog"), ("val", "cat")):
        dataset = load(tmp_path, split)
        assert dataset.classes.names == ("background", "cat", "dog")  # of all splits
        assert shown(dataset) == [(label, [2, 1, 6, 5])] and len(dataset[0][1].unique()) == 2
    write(tmp_path, {"classes.json": ["dog", "cat"]})
    assert load(tmp_path).classes.names == ("background", "dog", "cat")
    refusal(write(tmp_path, {"classes.json": ["dog"]}), "the label 'cat' is not in the class list")


def test_an_undivided_labelme_folder_without_sizes_is_divided(tmp_path):
    for k in range(12):
        write(tmp_path, labelme(f"{k}", imageWidth=None, imageHeight=None))
    parts = [load(tmp_path, split) for split in SPLITS]
    assert sum(map(len, parts)) == 12 and all(map(len, parts))
    assert parts[0][0][1].shape == (6, 8)


def painted(pixels: list[list[int]]) -> str:
    """A mask as labelme's model-assisted tools write it."""
    return base64.b64encode(encoded(np.array(pixels, np.uint8))).decode()


def test_labelme_circles_and_masks_are_regions(tmp_path):
    circle = {"shape_type": "circle", "label": "dog", "points": [[2.5, 2.5], [2.5, 4.0]]}
    mask = {"shape_type": "mask", "label": "cat", "group_id": 7, "points": [[5, 2], [7, 4]]}
    mask["mask"] = painted([[1, 0, 1], [1, 1, 1], [0, 0, 1]])
    # A mask is an object of its own, also in a group.
    assert load(write(tmp_path, labelme("a", circle, mask, mask)))[0][1].tolist() == [
        [0, 0, 0, 0, 0, 0, 0, 0],
        [0, 2, 2, 2, 0, 0, 0, 0],
        [0, 2, 2, 2, 0, 1, 0, 1],
        [0, 2, 2, 2, 0, 1, 1, 1],
        [0, 0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 0, 0, 0],
    ]
    corner = mask | {"points": [[0, 0], [1, 1]], "mask": painted([[1, 1]])}
    assert load(write(tmp_path, labelme("a", corner)))[0][1].nonzero().tolist() == [[0, 0], [0, 1]]
    for wrong in ({"points": [[6, 4], [8, 6]]}, {"points": [[-1, 0], [1, 2]]}, {"mask": "?"}, {"mask": None}):
        refusal(write(tmp_path, labelme("a", mask | wrong)), r"a\.json: shapes\[0\] must have")


LABELME_FAULTS = [
    (("shapes", 1, "label"), ..., r"shapes\[1\] must have a \"label\""),
    (("shapes", 1, "points"), [[1, 1], [2, 2]], r"shapes\[1\]: .*three corners"),
    (("shapes", 1, "points", 0), [1], r"shapes\[1\] must have .* pairs of numbers"),
    (("shapes", 1, "points", 0), [1e9, 2], r"shapes\[1\]: .* far outside"),
    (("shapes", 1, "points", 0), [10**400, 2], r"shapes\[1\] must have .* pairs of numbers"),
    (("shapes", 0, "points"), [], r"shapes\[0\] must have"),
    (("imagePath",), None, r"\"imagePath\" must name the image, got None"),
    (("imagePath",), "pond\n.jpg", r"\"imagePath\" must name the image, got 'pond"),
    (("imagePath",), "../../pond.jpg", r"open the folder that holds both"),
    (("imagePath",), "lost.jpg", r"1 of its images are not in"),
    (("imageWidth",), "wide", r"\"imageWidth\", .* must be whole numbers, got 'wide'"),
    (("imageWidth",), 39, r"the mask is 39x30"),
    (("imageWidth",), 10**30, r"\"imageWidth\", .* must be whole numbers, got 10000"),
]


@pytest.mark.parametrize(("path", "value", "words"), LABELME_FAULTS)
def test_a_broken_labelme_file(tmp_path, path, value, words):
    content = json.loads((FOUND / "labelme/pond.json").read_text()) | {"imagePath": "pond.jpg"}
    write(tmp_path, {"pond.jpg": PHOTO.resize((40, 30)), "pond.json": changed(content, path, value)})
    assert str(tmp_path) in refusal(tmp_path, words)


# ---- YOLO-seg ----------------------------------------------------------------------------------------------


@pytest.fixture
def yolo(tmp_path):
    """The folder as found, with its images; the second one has no objects."""
    shutil.copytree(FOUND / "yolo", tmp_path, dirs_exist_ok=True)
    return write(tmp_path, {"images/train/{pond,sea}.jpg": PHOTO.resize((40, 20))})


def test_yolo_outlines(yolo):
    lines = "1 0.5 0.25 0.75 0.25 0.75 0.75 0.5 0.75\n\n0 0.1 0.1 0.5 0.1 0.5 0.9 0.1 0.9\n"
    dataset = load(write(yolo, {"labels/train/pond.txt": lines}))
    assert dataset.classes.names == ("background", "cat", "dog") and len(dataset) == 2
    assert shown(dataset) == [("cat", [4, 2, 20, 18]), ("dog", [20, 5, 30, 15])]
    assert dataset.sample_id(1) == "sea" and not dataset[1][1].any()
    with pytest.raises(ValueError, match="there is no split 'val'"):
        load(yolo, "val")
    write(yolo, {"data.yaml": "names: {0: fish, 1: crab}"})
    assert load(yolo).classes.names == ("background", "fish", "crab")


@pytest.mark.parametrize("layout", ["{}/train", "train/{}", "{}"])
def test_yolo_layouts_and_photographs_on_their_side(tmp_path, layout):
    photo = encoded(PHOTO.resize((40, 20)), "JPEG", exif=turned(6))
    images, labels = layout.format("images"), layout.format("labels")
    write(
        tmp_path,
        {f"{images}/a.jpg": photo, f"{labels}/a.txt": "0 0 0 0.5 0 0.5 0.5 0 0.5", "classes.txt": "cat\n"},
    )
    assert shown(load(tmp_path)) == [("cat", [0, 0, 10, 20])]


def test_boxes_that_are_written_as_outlines_are_said(tmp_path):
    lines = "0 0.2 0.2 0.6 0.3 0.55 0.7 0.15 0.6\n" * 10
    write(tmp_path, {"images/a.jpg": PHOTO, "labels/a.txt": lines, "data.yaml": "names: [fish]\n"})
    write(tmp_path, {"args.yaml": "epochs: 3\n"})  # settings of a training
    assert "every outline has four corners" in load(tmp_path).notes["boxes"]
    refusal(
        write(tmp_path, {"data.yaml": "names: [fish]\nkpt_shape: [2, 2]\n"}),
        r"data\.yaml: these are key points",
    )


POND = "labels/train/pond.txt"
YOLO_FAULTS = [
    (POND, "2 0.5 0.5 0.2 0.2 0.1 0.1", r"pond\.txt, line 1: the class 2 is not one of 0\.\.1 \(cat, dog\)"),
    (POND, "dog 0.5 0.5 0.2 0.2", r"line 1: the class dog is not one of"),
    (POND, "0 0.5 0.5 0.2 0.2 0.9", r"line 1: a polygon is a list"),
    (
        POND,
        "\n0 20 10 5 5 6 6",
        r"line 2: coordinates must be shares of the image, 0\.\.1; .* look like pixels",
    ),
    (POND, "0 a 0.5 0.2 0.2", r"line 1: .*'a'"),
    (POND, "0 0.5 0.5 nan 0.2", r"line 1: coordinates must be shares"),
    (POND, "0 0.5 0.5 0.1 0.2", r"pond\.txt, line 1: .*a box alone is not a mask"),
    ("images/train/sea.jpg", b"", r"sea\.jpg: its size cannot be read"),
    ("labels/train/lost.txt", "", r"lost\.txt: there is no image of this name in .*images"),
    ("data.yaml", "names: {1: dog}", r"data\.yaml: .*must be a list, or numbered from 0"),
    ("data.yaml", "{", r"data\.yaml: .*not YAML"),
]


@pytest.mark.parametrize(("name", "content", "words"), YOLO_FAULTS)
def test_a_broken_yolo_folder(yolo, name, content, words):
    refusal(write(yolo, {name: content}), words)
