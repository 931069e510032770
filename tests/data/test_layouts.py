"""labelme and YOLO-seg folders through `load`: as they are found, and with one fault at a time."""

from __future__ import annotations

import base64
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seglib.data.catalog import load
from seglib.data.dataset import SegmentationDataset
from tests.data.conftest import changed

FOUND = Path(__file__).parent / "annotations"  # written by hand, as they are found in the wild
RECTANGLE = {"label": "cat", "points": [[2, 1], [6, 5]], "shape_type": "rectangle"}
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*no regions, such as lines", "ignore:.*every outline has four corners"
)


def photo(path: Path, size: tuple[int, int] = (40, 30), **options: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size).save(path, **options)


def labelme(path: Path, shapes: list[dict], **fields: object) -> None:
    """A labelme file and its image, 8 x 6."""
    photo(path.with_suffix(".png"), (8, 6))
    image = {"imagePath": f"{path.stem}.png", "imageWidth": 8, "imageHeight": 6}
    path.write_text(json.dumps({"shapes": shapes} | image | fields))


def classes_in(dataset: SegmentationDataset, index: int = 0) -> list[str]:
    return [dataset.classes.names[k] for k in np.unique(dataset[index][1]).tolist()]


def test_labelme_as_found(tmp_path: Path) -> None:
    shutil.copytree(FOUND / "labelme", tmp_path / "labels")
    photo(tmp_path / "photos" / "pond.jpg")
    with pytest.warns(UserWarning, match="left out shapes that are no regions, such as lines: 1"):  # a point
        dataset = load(tmp_path)
    assert dataset.classes.names == ("background", "cat", "dog") and len(dataset) == 1
    objects = dataset.instances(0)  # the cat's rectangle, two dogs: one of two parts, one of one
    assert sorted(zip(objects.classes.tolist(), objects.boxes.tolist())) == [
        (1, [10, 5, 31, 20]),  # from any two opposite corners
        (2, [2, 1, 14, 6]),
        (2, [21, 20, 25, 24]),
    ]


def test_labelme_splits_class_list_and_clutter(tmp_path: Path) -> None:
    for split, label in (("train", "dog"), ("valid", "cat")):
        (tmp_path / split / ".ipynb_checkpoints").mkdir(parents=True)
        (tmp_path / split / ".ipynb_checkpoints" / "a.json").write_text("{")
        labelme(tmp_path / split / "a.json", [RECTANGLE | {"label": label}])
    for split, label in (("train", "dog"), ("val", "cat")):
        dataset = load(tmp_path, split)
        assert dataset.classes.names == ("background", "cat", "dog")  # of all splits
        assert classes_in(dataset) == ["background", label]
        assert dataset.instances(0).boxes.tolist() == [[2, 1, 6, 5]]
    (tmp_path / "classes.json").write_text('["dog", "cat"]')
    assert load(tmp_path).classes.names == ("background", "dog", "cat")
    (tmp_path / "classes.json").write_text('["dog"]')
    with pytest.raises(ValueError, match="the label 'cat' is not in the class list"):
        load(tmp_path)


def test_an_undivided_labelme_folder_without_sizes_is_divided(tmp_path: Path) -> None:
    for k in range(12):
        labelme(tmp_path / f"{k}.json", [RECTANGLE], imageWidth=None, imageHeight=None)
    parts = [load(tmp_path, split) for split in ("train", "val", "test")]
    assert sum(map(len, parts)) == 12 and all(map(len, parts))
    assert parts[0][0][1].shape == (6, 8)


def painted(pixels: list[list[int]]) -> str:
    """A mask as labelme's model-assisted tools write it."""
    file = io.BytesIO()
    Image.fromarray(np.array(pixels, np.uint8)).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def test_labelme_circles_and_masks_are_regions(tmp_path: Path) -> None:
    mask = {"shape_type": "mask", "label": "cat", "points": [[5, 2], [7, 4]]}
    circle = {"shape_type": "circle", "label": "dog", "points": [[2.5, 2.5], [2.5, 4.0]]}
    shapes = [circle, mask | {"mask": painted([[1, 0, 1], [1, 1, 1], [0, 0, 1]])}]
    labelme(tmp_path / "a.json", shapes)
    assert load(tmp_path)[0][1].tolist() == [
        [0, 0, 0, 0, 0, 0, 0, 0],
        [0, 2, 2, 2, 0, 0, 0, 0],
        [0, 2, 2, 2, 0, 1, 0, 1],
        [0, 2, 2, 2, 0, 1, 1, 1],
        [0, 0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 0, 0, 0],
    ]
    corner = mask | {"points": [[0, 0], [1, 1]], "mask": painted([[1, 1]])}
    labelme(tmp_path / "a.json", [corner])
    assert load(tmp_path)[0][1].nonzero().tolist() == [[0, 0], [0, 1]]
    for wrong in ({"points": [[6, 4], [8, 6]]}, {"points": [[-1, 0], [1, 2]]}, {"mask": "?"}, {"mask": None}):
        labelme(tmp_path / "a.json", [shapes[1] | wrong])
        with pytest.raises(ValueError, match=r"a\.json: shapes\[0\] must have"):
            load(tmp_path)


LABELME_FAULTS = [
    (("shapes", 1, "label"), ..., r"shapes\[1\] must have a \"label\""),
    (("shapes", 1, "points"), [[1, 1], [2, 2]], r"shapes\[1\]: .*three corners"),
    (("shapes", 1, "points", 0), [1], r"shapes\[1\] must have .* pairs of numbers"),
    (("shapes", 1, "points", 0), [1e9, 2], r"shapes\[1\]: .* far outside"),
    (("shapes", 0, "points"), [], r"shapes\[0\] must have"),
    (("imagePath",), None, r"\"imagePath\" must name the image, got None"),
    (("imagePath",), "pond\n.jpg", r"\"imagePath\" must name the image, got 'pond"),
    (("imagePath",), "../../pond.jpg", r"open the folder that holds both"),
    (("imagePath",), "lost.jpg", r"1 of its images are not in"),
    (("imageWidth",), "wide", r"\"imageWidth\", .* must be whole numbers, got 'wide'"),
    (("imageWidth",), 39, r"the mask is 39x30"),
    (("imageWidth",), 10**30, r"\"imageWidth\", .* must be whole numbers, got 10000"),
    (("shapes", 1, "points", 0), [10**400, 2], r"shapes\[1\] must have .* pairs of numbers"),
]


@pytest.mark.parametrize(("path", "value", "message"), LABELME_FAULTS)
def test_a_broken_labelme_file(tmp_path: Path, path: tuple, value: object, message: str) -> None:
    content = json.loads((FOUND / "labelme/pond.json").read_text()) | {"imagePath": "pond.jpg"}
    photo(tmp_path / "pond.jpg")
    (tmp_path / "pond.json").write_text(json.dumps(changed(content, path, value)))
    with pytest.raises(ValueError, match=message) as caught:
        load(tmp_path)[0]
    assert str(tmp_path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.fixture
def yolo(tmp_path: Path) -> Path:
    """The folder as found, with its images; the second one has no objects."""
    shutil.copytree(FOUND / "yolo", tmp_path, dirs_exist_ok=True)
    for name in ("pond.jpg", "sea.jpg"):
        photo(tmp_path / "images" / "train" / name, (40, 20))
    return tmp_path


def write(folder: Path, line: str) -> None:
    (folder / "labels" / "train" / "pond.txt").write_text(line)


def test_yolo_outlines(yolo: Path) -> None:
    write(yolo, "1 0.5 0.25 0.75 0.25 0.75 0.75 0.5 0.75\n\n0 0.1 0.1 0.5 0.1 0.5 0.9 0.1 0.9\n")
    dataset = load(yolo)
    assert dataset.classes.names == ("background", "cat", "dog") and len(dataset) == 2
    objects = dataset.instances(0)
    assert sorted(zip(objects.classes.tolist(), objects.boxes.tolist())) == [
        (1, [4, 2, 20, 18]),
        (2, [20, 5, 30, 15]),
    ]
    assert dataset.sample_id(1) == "sea" and classes_in(dataset, 1) == ["background"]
    with pytest.raises(ValueError, match="there is no split 'val'"):
        load(yolo, "val")
    (yolo / "data.yaml").write_text("names: {0: fish, 1: crab}")
    assert load(yolo).classes.names == ("background", "fish", "crab")


@pytest.mark.parametrize("layout", ["{}/train", "train/{}", "{}"])
def test_yolo_layouts_and_photographs_on_their_side(tmp_path: Path, layout: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    photo(tmp_path / layout.format("images") / "a.jpg", (40, 20), exif=exif)
    (labels := tmp_path / layout.format("labels")).mkdir(parents=True)
    (labels / "a.txt").write_text("0 0 0 0.5 0 0.5 0.5 0 0.5")
    (tmp_path / "classes.txt").write_text("cat\n")
    assert load(tmp_path).instances(0).boxes.tolist() == [[0, 0, 10, 20]]


YOLO_FAULTS = [
    ("2 0.5 0.5 0.2 0.2 0.1 0.1", r"pond\.txt, line 1: the class 2 is not one of 0\.\.1 \(cat, dog\)"),
    ("dog 0.5 0.5 0.2 0.2", r"line 1: the class dog is not one of"),
    ("0 0.5 0.5 0.2 0.2 0.9", r"line 1: a polygon is a list"),
    ("\n0 20 10 5 5 6 6", r"line 2: coordinates must be shares of the image, 0\.\.1; these look like pixels"),
    ("0 a 0.5 0.2 0.2", r"line 1: .*'a'"),
    ("0 0.5 0.5 nan 0.2", r"line 1: coordinates must be shares"),
    ("0 0.5 0.5 0.1 0.2", r"pond\.txt, line 1: .*a box alone is not a mask"),
]


@pytest.mark.parametrize(("line", "message"), YOLO_FAULTS)
def test_a_broken_yolo_line(yolo: Path, line: str, message: str) -> None:
    write(yolo, line)
    with pytest.raises(ValueError, match=message):
        load(yolo)[0]


def test_a_broken_yolo_folder(yolo: Path) -> None:
    (yolo / "images" / "train" / "sea.jpg").write_bytes(b"")
    with pytest.raises(ValueError, match=r"sea\.jpg: its size cannot be read"):
        load(yolo)
    (yolo / "images" / "train" / "pond.jpg").unlink()
    with pytest.raises(ValueError, match=r"pond\.txt: there is no image of this name in .*images"):
        load(yolo)
    for content, message in (("names: {1: dog}", "must be a list, or numbered from 0"), ("{", "not YAML")):
        (yolo / "data.yaml").write_text(content)
        with pytest.raises(ValueError, match=rf"data\.yaml: .*{message}"):
            load(yolo)
