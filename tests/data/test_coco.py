"""COCO JSON: shapes against pycocotools, then whole files."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from pycocotools import mask as pycoco
from pycocotools.coco import COCO

from seglib.data.coco import Coco, segmentation_mask
from seglib.data.layouts import open_folder
from seglib.labels import VOID

shapes = st.tuples(st.integers(1, 9), st.integers(1, 9))


LARGE = np.zeros((200, 300), bool)  # whose compressed text has large and negative differences
LARGE[:, 10:200], LARGE[::3, 220], LARGE[50, 250:] = True, True, True


@given(arrays(np.bool_, shapes))
@example(LARGE)
def test_both_kinds_of_run_lengths(mask: np.ndarray) -> None:
    packed = pycoco.encode(np.asfortranarray(mask.astype(np.uint8)))
    column = mask.T.ravel()
    edges = np.flatnonzero(np.diff(column)) + 1
    counts = np.diff([0, *edges, column.size]).tolist()
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
def test_broken_shapes_are_refused(segmentation: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        segmentation_mask(segmentation, 4, 5)


def box(x1: int, y1: int, x2: int, y2: int) -> list[list[int]]:
    return [[x1, y1, x2, y1, x2, y2, x1, y2]]


def content() -> dict[str, Any]:
    """Two images of 6 x 4: a large dog under a small cat next to a crowd of cats; and an empty one."""
    crowd = {"size": [4, 6], "counts": [0, 8, 16]}  # the first two columns
    return {
        "images": [
            {"id": 7, "file_name": "a.jpg", "height": 4, "width": 6},
            {"id": 3, "file_name": "b.jpg", "height": 4, "width": 6},
        ],
        "categories": [{"id": 18, "name": "dog"}, {"id": 17, "name": "cat"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 17, "iscrowd": 0, "segmentation": box(3, 1, 5, 3)},
            {"id": 2, "image_id": 7, "category_id": 18, "iscrowd": 0, "segmentation": box(1, 0, 5, 4)},
            {"id": 3, "image_id": 7, "category_id": 17, "iscrowd": 1, "segmentation": crowd},
        ],
    }


def write(folder: Path, said: dict[str, Any], split: str = "train") -> Path:
    (folder / "annotations").mkdir(exist_ok=True)
    (folder / f"{split}2017").mkdir(exist_ok=True)
    for entry in said["images"]:
        Image.new("RGB", (6, 4), (9, 9, 9)).save(folder / f"{split}2017" / entry["file_name"])
    path = folder / "annotations" / f"instances_{split}2017.json"
    path.write_text(json.dumps(said))
    return path


def opened(folder: Path) -> Coco:
    data = open_folder(folder)
    assert isinstance(data, Coco)
    return data


def test_small_over_large_over_crowd(tmp_path: Path) -> None:
    write(tmp_path, content())
    dataset = opened(tmp_path)
    assert dataset.classes.names == ("background", "cat", "dog") and len(dataset) == 2
    mask, outer, inner = dataset[0][1], [VOID, 2, 2, 2, 2, 0], [VOID, 2, 2, 1, 1, 0]
    assert mask.tolist() == [outer, inner, inner, outer]
    assert not dataset[1][1].any() and len(dataset.instances(1)) == 0
    found = dataset.instances(0)  # the visible parts
    assert found.classes.tolist() == [2, 1] and found.boxes.tolist() == [[1, 0, 5, 4], [3, 1, 5, 3]]
    assert found.masks.sum(dim=(1, 2)).tolist() == [12, 4]
    for one, index in zip(found.masks, found.classes):
        assert (mask[one] == index).all()


def test_each_shape_agrees_with_pycocotools(tmp_path: Path) -> None:
    said = content()
    rng = np.random.default_rng(0)
    said["annotations"] = [
        {"id": k, "image_id": 3, "category_id": 17, "iscrowd": 0, "area": 1, "bbox": [0, 0, 1, 1],
         "segmentation": [(rng.random((4, 2)) * [6, 4]).ravel().tolist()]}
        for k in range(20)
    ]  # fmt: skip
    theirs = COCO(write(tmp_path, said))
    for one in said["annotations"]:
        assert np.array_equal(segmentation_mask(one["segmentation"], 4, 6), theirs.annToMask(one))


def test_a_category_called_background_is_class_0(tmp_path: Path) -> None:
    said = content()
    said["categories"].append({"id": 0, "name": "background"})
    write(tmp_path, said)
    dataset = opened(tmp_path)
    assert dataset.classes.names == ("background", "cat", "dog") and dataset.class_of == {0: 0, 17: 1, 18: 2}


def test_a_category_called_ignore_is_void(tmp_path: Path) -> None:
    said = content()
    said["categories"][0]["name"] = "Ignore"
    write(tmp_path, said)
    dataset = opened(tmp_path)
    (name,) = set(dataset.classes.names) & {"cat", "dog"}
    assert dataset.classes.names == ("background", name) and "Ignore, crowds" in str(dataset)
    assert set(dataset[0][1].unique().tolist()) <= {0, 1, VOID} and len(dataset.instances(0)) == 1


def test_subfolders_in_file_names(tmp_path: Path) -> None:
    (tmp_path / "images" / "day").mkdir(parents=True)
    said = content()
    for entry in said["images"]:
        entry["file_name"] = f"day/{entry['file_name']}"
        Image.new("RGB", (6, 4)).save(tmp_path / "images" / entry["file_name"])
    (tmp_path / "labels.json").write_text(json.dumps(said))
    dataset = opened(tmp_path)
    assert dataset.sample_id(0) == "a" and dataset[0][0].shape == (3, 4, 6)


def test_exif_turned_image_turns_the_shapes(tmp_path: Path) -> None:
    path = write(tmp_path, content())
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (6, 4)).save(tmp_path / "train2017" / "a.jpg", exif=exif)
    image, mask = opened(path.parents[1])[0]
    assert image.shape == (3, 6, 4)
    assert mask[0].tolist() == [VOID] * 4 and mask[:, 0].tolist() == [VOID, 2, 2, 2, 2, 0]
