"""Folders of one's own: which layout, which split, which classes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seglib.data.class_lists import read_class_list
from seglib.data.coco import Coco
from seglib.data.folders import PairFolder
from seglib.data.layouts import open_folder
from seglib.labels import VOID

MASK = np.array([[0, 1, 1, 255], [0, 2, 2, 255], [0, 0, 0, 0]], np.uint8)
SPLITS = ("train", "val", "test")


def write(images: Path, masks: Path, stems: list[str], mask: np.ndarray = MASK) -> None:
    for folder in (images, masks):
        folder.mkdir(parents=True, exist_ok=True)
    for stem in stems:
        Image.new("RGB", (mask.shape[1], mask.shape[0]), (9, 9, 9)).save(images / f"{stem}.jpg")
        Image.fromarray(mask).save(masks / f"{stem}.png")


def written(folder: Path, mask: np.ndarray) -> Path:
    """One image with this mask in images/ and masks/."""
    write(folder / "images", folder / "masks", ["a"], mask.astype(np.uint8))
    return folder


@pytest.mark.parametrize("layout", ["images/{}", "{}/images", "segnet"])
@pytest.mark.parametrize("val", ["val", "valid", "validation"])
def test_divided_folders(tmp_path: Path, layout: str, val: str) -> None:
    (tmp_path / "classes.txt").write_text("background\ncat\ndog\n")
    for split, stems in (("train", ["a", "b"]), (val, ["c"])):
        if layout == "segnet":
            write(tmp_path / split, tmp_path / f"{split}annot", stems)
        else:
            images = tmp_path / layout.format(split)
            write(images, Path(str(images).replace("images", "masks")), stems)
    train, validation = open_folder(tmp_path), open_folder(tmp_path, "val")
    assert [train.sample_id(k) for k in range(2)] == ["a", "b"] and validation.sample_id(0) == "c"
    assert train.classes.names == ("background", "cat", "dog") and train[0][1].tolist() == MASK.tolist()
    assert (train.name, train.split, validation.split) == (tmp_path.name, "train", "val")
    with pytest.raises(ValueError, match="there is no split 'test'; there is 'train', 'val'"):
        open_folder(tmp_path, "test")


def test_classes_are_numbered_without_a_list(tmp_path: Path) -> None:
    write(tmp_path / "images" / "train", tmp_path / "masks" / "train", ["a"])
    write(tmp_path / "images" / "val", tmp_path / "masks" / "val", ["b"], np.full((3, 4), 4, np.uint8))
    train, val = open_folder(tmp_path), open_folder(tmp_path, "val")
    assert train[0][1].tolist() == MASK.tolist()
    assert train.classes.names == val.classes.names == ("class 0", "class 1", "class 2", "class 4")
    assert (val[0][1] == 3).all()  # no class for the value 3, which occurs nowhere


def test_painted_masks_with_a_list_of_colours(tmp_path: Path) -> None:
    written(tmp_path, np.array([[[9, 0, 0], [0, 9, 0]]]))
    (tmp_path / "classes.txt").write_text("sky 0 9 0\nvoid 9 0 0\n")
    assert open_folder(tmp_path)[0][1].tolist() == [[VOID, 0]]


def test_black_and_white_masks(tmp_path: Path) -> None:
    written(tmp_path, np.where(MASK == 1, 255, 0))
    with pytest.raises(ValueError, match=r'values 0, 255.*"values": \[0, 255\]'):
        open_folder(tmp_path).classes  # noqa: B018
    with pytest.raises(ValueError, match=r"values 0, 60, 120, .*classes\.json"):
        open_folder(written(tmp_path.with_name("others"), MASK * 60)).classes  # noqa: B018
    (tmp_path / "classes.txt").write_text("background\nobject\n")
    with pytest.warns(UserWarning, match=r"a\.png.*255 is void"):
        open_folder(tmp_path)[0]
    (tmp_path / "classes.json").write_text('{"names": ["background", "object"], "values": [0, 255]}')
    assert open_folder(tmp_path)[0][1].tolist() == np.where(MASK == 1, 1, 0).tolist()


def test_camvid_pets_and_voc_trees(tmp_path: Path) -> None:
    write(tmp_path / "train", tmp_path / "trainannot", ["a"])
    assert len(open_folder(tmp_path).classes) == 11
    pets = tmp_path / "pets"
    write(pets / "images", pets / "annotations" / "trimaps", ["cat_1"], np.full((3, 4), 2, np.uint8))
    (pets / "annotations" / "test.txt").write_text("cat_1 1 1 1\n")
    assert open_folder(pets, "test").name == "pets"
    voc = tmp_path / "voc"
    write(voc / "JPEGImages", voc / "SegmentationClass", ["a"])
    (voc / "ImageSets" / "Segmentation").mkdir(parents=True)
    (voc / "ImageSets" / "Segmentation" / "train.txt").write_text("a\n")
    assert open_folder(voc).classes.names == ("class 0", "class 1", "class 2")  # nothing says that it is VOC
    (voc / "classes.txt").write_text("background\nthis\nthat\n")
    assert open_folder(voc).classes.names == ("background", "this", "that")


def coco(path: Path, names: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    images = [{"id": k, "file_name": name, "height": 3, "width": 4} for k, name in enumerate(names)]
    content = {"images": images, "annotations": [], "categories": [{"id": 1, "name": "cat"}]}
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("annotations", "images"),
    [
        ("annotations/instances_train2017.json", "train2017"),
        ("annotations/instances_train2017.json", "images/train2017"),
        ("annotations/instances_train.json", "train"),
        ("annotations/instances_train.json", "images"),
        ("train/_annotations.coco.json", "train"),
        ("labels.json", "images"),
        ("labels.json", "."),
        ("annotations/all.json", "images"),
    ],
)
def test_coco_layouts(tmp_path: Path, annotations: str, images: str) -> None:
    (tmp_path / images).mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 3)).save(tmp_path / images / "a.jpg")
    coco(tmp_path / annotations, ["a.jpg"])
    dataset = open_folder(tmp_path)
    assert isinstance(dataset, Coco) and dataset[0][0].shape == (3, 3, 4)
    if "instances_" in annotations:
        with pytest.raises(ValueError, match="there is no split 'val'; there is 'train'"):
            open_folder(tmp_path, "val")


def test_a_coco_file_itself(tmp_path: Path) -> None:
    names = [f"{k}.png" for k in range(20)]
    (tmp_path / "images").mkdir()
    for name in names:
        Image.new("RGB", (4, 3)).save(tmp_path / "images" / name)
    coco(tmp_path / "mine.json", names)
    parts = [open_folder(tmp_path / "mine.json", split) for split in SPLITS]
    assert sum(map(len, parts)) == 20 and all(map(len, parts))


def test_an_undivided_folder_is_divided_by_name_without_reading_images(tmp_path: Path) -> None:
    """benchmarks/open_folder.py opens 100 000 in the same way."""
    for folder, suffix in (("images", "jpg"), ("masks", "png")):
        (tmp_path / folder).mkdir()
        for k in range(2_000):
            (tmp_path / folder / f"{k:06}.{suffix}").touch()  # empty: reading one would raise
    (tmp_path / "classes.txt").write_text("background\ncat\n")
    parts = [open_folder(tmp_path, split) for split in SPLITS]
    assert sum(map(len, parts)) == 2_000 and all(isinstance(part, PairFolder) and len(part) for part in parts)
    assert len({sample.id for part in parts for sample in part.samples}) == 2_000
    with pytest.raises(ValueError, match="empty"):
        parts[0][0]


# ---- classes.txt and classes.json --------------------------------------------------------------------------


def class_list(folder: Path, content: object):
    """What the list says; text is a classes.txt, anything else goes into a classes.json."""
    name = "classes.txt" if isinstance(content, str) else "classes.json"
    (folder / name).write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return read_class_list(folder)


def test_names_and_colours_in_a_text_file(tmp_path: Path) -> None:
    assert read_class_list(tmp_path).classes is None
    found = class_list(tmp_path, "\ufeffbackground\nstop sign\n\n  Baum \n")
    assert found.classes.names == ("background", "stop sign", "Baum")
    assert found.painted is None and found.values == {0: 0, 1: 1, 2: 2}
    found = class_list(tmp_path, "background 0 0 0\nstop sign, 255, 0, 0\nvoid 9 9 9\n")
    assert found.classes.names == ("background", "stop sign") and found.painted is found.classes
    assert found.classes.colors == ((0, 0, 0), (255, 0, 0)) and found.classes.void_color == (9, 9, 9)


def test_names_colours_and_values_in_json(tmp_path: Path) -> None:
    assert class_list(tmp_path, ["a", "b"]).classes.names == ("a", "b")
    assert class_list(tmp_path, {"names": ["sea", "cell"], "values": [0, 255]}).values == {0: 0, 255: 1}
    found = class_list(tmp_path, {"names": ["a"], "colors": [[1, 2, 3]], "void_color": [0, 0, 0]})
    assert found.painted.colors == ((1, 2, 3),) and found.painted.void_color == (0, 0, 0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "1 to 255 classes"),
        ("cat\ncat\n", "'cat'"),
        ("a 1 2 3\nb\n", "no colour.*: b"),
        ("a 1 2 3\nb 1 2 3\n", "colours must differ"),
        ("a 1 2 300\nb 1 2 3\n", "300"),
        (7, "expected a list of names"),
        ({"classes": ["a"]}, "expected a list of names"),
        ({"objects": True}, "expected a list of names"),
        ({"names": ["a"], "colours": [[1, 2, 3]]}, "unknown fields.*colours"),
        (["a", 3], "every class needs a name"),
        ({"names": ["a", "b"], "values": [1]}, "2 different numbers"),
        ({"names": ["a", "b"], "values": [1, 1]}, "2 different numbers"),
        ({"names": ["a", "b"], "values": [1, 65536]}, "from 0 to 65535"),
        ({"names": ["a", "b"], "values": [1, "x"]}, "from 0 to 65535"),
        ({"names": ["a", "b"], "values": [1, [2, 1]]}, "value 1 has two meanings"),
        ({"names": ["a", "b"], "void": [1]}, "value 1 has two meanings"),
        ({"names": ["a", "b"], "void": "x"}, '"void" must be a list'),
        ({"names": {"a": "x"}}, "expected a list of names, or numbers with names"),
        ({"names": ["a", "b", "c"], "objects": True}, "two names"),
        ({"names": ["a", "b"], "colors": [[1, 2, 3]]}, "2 names and 1 colours"),
        ({"names": ["a"], "colors": [7]}, "colour"),
    ],
)
def test_mistakes_in_a_class_list_are_named(tmp_path: Path, content: object, message: str) -> None:
    with pytest.raises(ValueError, match=rf"(?s)classes\.(txt|json): .*{message}"):
        class_list(tmp_path, content)
