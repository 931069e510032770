"""More that strangers bring: what was believed without evidence, or refused without the next step."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seglib.data import folders
from seglib.data.catalog import load
from seglib.data.pairing import find_rule
from seglib.labels import VOID
from tests.data.strangers import BINARY, MASK, VOC_COLORS, coco, image, mask, pairs, text
from tests.data.test_strangers import scripts

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
PAINTED = np.array(VOC_COLORS, np.uint8)[MASK]
GREY = ("class 0", "class 1", "class 2")


# Opened.


def nnunet(root: Path) -> None:
    pairs(root, "imagesTr/*_0000.png", "labelsTr/*.png", stems="case_001 case_002")
    pairs(root, "imagesTs/*_0000.png", "labelsTs/*.png", stems="case_003")


def mapillary(root: Path) -> None:
    for stem in "ab":
        image(root / "training" / "images" / f"{stem}.jpg")
        for folder in ("labels", "instances"):
            mask(root / "training" / folder / f"{stem}.png", MASK, VOC_COLORS)


def supervisely_masks(root: Path) -> None:
    for stem in "ab":
        image(root / "ds" / "img" / f"{stem}.jpg")
        mask(root / "ds" / "masks_machine" / f"{stem}.png", np.stack([MASK] * 3, -1))
        mask(root / "ds" / "masks_human" / f"{stem}.png", PAINTED)
    text(root / "obj_class_to_machine_color.json", '{"fish": [1, 1, 1], "crab": [2, 2, 2]}')


def bdd100k(root: Path) -> None:
    for split, stem in (("train", "0000f77c-6257be58"), ("val", "7d06fefd-f7be05a6")):
        image(root / "images" / "10k" / split / f"{stem}.jpg")
        mask(root / "labels" / "sem_seg" / "masks" / split / f"{stem}.png")
        mask(root / "labels" / "sem_seg" / "colormaps" / split / f"{stem}.png", PAINTED)


def cityscapes_nested(root: Path) -> None:
    for city in ("aachen", "bochum"):
        name = f"{city}_000000_000019"
        image(root / f"leftImg8bit_trainvaltest/leftImg8bit/train/{city}/{name}_leftImg8bit.png")
        place = root / f"gtFine_trainvaltest/gtFine/train/{city}"
        for kind in ("labelTrainIds", "instanceIds"):
            mask(place / f"{name}_gtFine_{kind}.png")


def one_above(root: Path) -> None:
    pairs(root / "reef", "images/train/*.jpg", "masks/train/*.png")
    text(root / "reef" / "classes.csv", "id,name\n0,sea\n1,fish\n2,crab\n")
    text(root / "README.md", "# Reef")


def voc_kit(root: Path) -> None:
    place = root / "VOCdevkit" / "VOC2012"
    for folder in ("SegmentationClass", "SegmentationObject"):
        pairs(place, "JPEGImages/*.jpg", f"{folder}/*.png", stems="2007_000032 2007_000039")
    text(place / "ImageSets/Segmentation/train.txt", "2007_000032\n")


def accents(root: Path) -> None:
    for name in ("café", "naïve"):
        image(root / "train" / "images" / f"{unicodedata.normalize('NFC', name)}.jpg")
        mask(root / "train" / "masks" / f"{unicodedata.normalize('NFD', name)}.png")


def colored_masks(root: Path) -> None:
    for stem in ("p1", "p2"):
        image(root / "train" / "images" / f"{stem}.jpg")
        mask(root / "train" / "masks" / f"{stem}_mask.png")
        mask(root / "train" / "masks" / f"{stem}_vis.png", PAINTED)


def paddle(root: Path) -> None:
    pairs(root, "JPEGImages/*.jpg", "Annotations/*.png", stems="a b c d")
    for split, stems in (("train", "ad"), ("val", "bc")):
        lines = [f"JPEGImages/{stem}.jpg Annotations/{stem}.png\n" for stem in stems]
        text(root / f"{split}_list.txt", "".join(lines))


OPENED: dict[str, tuple[Callable[[Path], None], tuple[str, ...], int]] = {
    "nnU-Net": (nnunet, GREY, 2),
    "Mapillary": (mapillary, GREY, 2),
    "Supervisely, masks": (supervisely_masks, GREY, 1),
    "BDD100K": (bdd100k, GREY, 1),
    "Cityscapes as unpacked": (cityscapes_nested, (), 2),
    "one folder above": (one_above, ("sea", "fish", "crab"), 3),
    "VOC, one folder above": (voc_kit, (), 1),
    "accents as macOS writes them": (accents, GREY, 2),
    "masks in colours next to them": (colored_masks, GREY, 2),
    "PaddleSeg's lists": (paddle, GREY, 2),
}


@pytest.mark.parametrize("layout", OPENED)
def test_opened(tmp_path: Path, layout: str) -> None:
    make, classes, count = OPENED[layout]
    make(tmp_path)
    data = load(tmp_path)
    assert len(data) == count and data[0][1].tolist() == MASK.tolist()
    assert data.classes.names == classes or not classes


def test_what_is_beside_the_masks_is_said(tmp_path: Path) -> None:
    bdd100k(tmp_path)
    assert "left out folder labels/sem_seg/colormaps/train/, masks painted in colours" in str(load(tmp_path))
    for path in [*(tmp_path / "labels" / "sem_seg" / "masks").glob("*/*")]:
        path.unlink()  # then they are the masks
    with pytest.raises(ValueError, match="painted in colours"):
        load(tmp_path)[0]


def test_names_with_numbers_in_a_list_of_objects(tmp_path: Path) -> None:
    pairs(tmp_path, "images/train/*.jpg", "masks/train/*.png")
    rows = [{"id": number, "name": name} for number, name in ((2, "crab"), (1, "fish"))]
    text(tmp_path / "classes.json", json.dumps(rows))
    with pytest.raises(ValueError, match=r"holds the value 0 .* the classes are 1\.\.2"):
        load(tmp_path)[0]
    text(tmp_path / "classes.json", json.dumps([*rows, {"id": 0, "name": "void"}]))
    assert load(tmp_path)[0][1][1].tolist() == [VOID, 1, 1, VOID]
    text(tmp_path / "classes.json", json.dumps([{"id": 1, "title": "fish"}]))
    with pytest.raises(ValueError, match="every class needs a name"):
        load(tmp_path)


# Refused: nothing says which mask is meant.


@pytest.mark.parametrize(
    ("photos", "labels", "message"),
    [
        (["{}"], ["{}_cat", "{}_dog"], "both a_cat and a_dog fit a; if each holds one class"),
        (["{}"], ["{}_mask_1st", "{}_mask_2nd"], "both a_mask_1st and a_mask_2nd fit a;"),
        (
            ["{}.camera"],
            ["{}.semantic segmentation", "{}.instance segmentation"],
            "segmentation and .* segmentation fit a.camera;",
        ),
        (["{}_0000", "{}_0001"], ["{}"], "both a_000[01] and a_000[01] fit a; .* say which"),
    ],
)
def test_several_for_one(tmp_path: Path, photos: list[str], labels: list[str], message: str) -> None:
    for stem in ("a", "b", "c"):
        for name in photos:
            image(tmp_path / "images" / f"{name.format(stem)}.png")
        for name in labels:
            mask(tmp_path / "masks" / f"{name.format(stem)}.png")
    with pytest.raises(ValueError, match=message):
        load(tmp_path)


def test_a_class_that_few_images_have_is_not_dropped() -> None:
    masks = ["a_cat", "b_cat", "c_cat", "d_cat", "b_dog"]
    with pytest.raises(ValueError, match="both b_cat and b_dog fit b;"):
        find_rule({"a", "b", "c", "d"}, masks)
    assert find_rule({"cat", "dog"}, ["cat_mask", "catfish_mask", "dog_mask"])  # of an image that is missing
    assert find_rule({"a", "a_aug", "b", "b_aug"}, ["a_mask", "b_mask"])


def test_masks_of_label_studio_s_brush(tmp_path: Path) -> None:
    """Numbers of tasks and annotations are no names of images."""
    for number in (1, 2):
        image(tmp_path / "images" / f"{number}.jpg")
        for tag in ("cat", "dog"):
            mask(tmp_path / "masks" / f"task-{number}-annotation-{3 - number}-by-1-tag-{tag}-0.png", BINARY)
    with pytest.raises(ValueError, match="do not match"):
        load(tmp_path)


def test_parts_of_faces_in_numbered_folders_are_not_objects_of_the_image_of_that_number(
    tmp_path: Path,
) -> None:
    for number in range(6):
        image(tmp_path / "img" / f"{number}.jpg")
        for part in ("hair", "nose"):
            mask(tmp_path / "mask-anno" / "0" / f"{number:05}_{part}.png", BINARY)
    with pytest.raises(ValueError, match="do not match"):
        load(tmp_path)


def test_lists_in_different_orders(tmp_path: Path) -> None:
    pairs(tmp_path, "images/*.jpg", "masks/*_m.png")
    photos, labels = ([*sorted((tmp_path / name).iterdir())] for name in ("images", "masks"))
    assert len(folders.pairs(photos, labels)) == 3
    with pytest.raises(ValueError, match=r"the orders differ: .*a\.jpg is given .*c_m\.png; sort both"):
        folders.pairs(photos, labels[::-1])
    for path in labels:
        path.rename(path.with_name(f"{ord(path.name[0])}.png"))
    assert (
        len(folders.pairs(photos, [*sorted((tmp_path / "masks").iterdir())][::-1])) == 3
    )  # names say nothing


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_a_mask_in_the_transparency(tmp_path: Path, mode: str) -> None:
    image(tmp_path / "images" / "a.jpg")
    mask(tmp_path / "masks" / "a.png")
    text(tmp_path / "classes.json", '{"names": ["sea", "fish"], "values": [0, 255]}')
    file = Image.new(mode, (4, 3), "white")
    file.putalpha(Image.fromarray(BINARY))
    file.save(tmp_path / "masks" / "a.png")
    with pytest.raises(ValueError, match=r"a\.png: one colour is transparent here, opaque there"):
        load(tmp_path)[0]
    file.paste(Image.new(mode, (4, 3), "black"), mask=Image.fromarray(255 - BINARY))
    file.putalpha(Image.fromarray(BINARY))
    file.save(tmp_path / "masks" / "a.png")
    assert load(tmp_path)[0][1].tolist() == (BINARY // 255).tolist()


# Boxes, key points.


def test_boxes_are_refused_before_a_sample_is_read(tmp_path: Path) -> None:
    image(tmp_path / "a.jpg")
    for shape in ({"segmentation": []}, {}):
        coco(
            tmp_path / "all.json", ["a.jpg"], annotations=[{"id": 7, "image_id": 0, "category_id": 1} | shape]
        )
        with pytest.raises(
            ValueError, match=r"annotation 7: as all others, .*a box alone is not a mask.*07a"
        ):
            load(tmp_path)


def test_boxes_that_are_written_as_outlines_are_said(tmp_path: Path) -> None:
    for k in range(10):
        image(tmp_path / "images" / f"{k}.jpg")
        text(tmp_path / "labels" / f"{k}.txt", "0 0.2 0.2 0.6 0.3 0.55 0.7 0.15 0.6\n")
    text(tmp_path / "data.yaml", "names: [fish]\n")
    text(tmp_path / "args.yaml", "epochs: 3\n")  # settings of a training
    assert "every outline has four corners" in load(tmp_path).notes["boxes"]
    text(tmp_path / "data.yaml", "names: [fish]\nkpt_shape: [2, 2]\n")
    with pytest.raises(ValueError, match=r"data\.yaml: these are key points"):
        load(tmp_path)


def test_outlines_in_shares_of_the_image_are_no_background(tmp_path: Path) -> None:
    image(tmp_path / "a.jpg")
    content = {
        "images": [{"id": 1, "file_name": "a.jpg", "height": MASK.shape[0], "width": MASK.shape[1]}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[0.1, 0.1, 0.9, 0.1, 0.9, 1]]}
        ],
    }
    text(tmp_path / "coco.json", json.dumps(content))
    with pytest.raises(ValueError, match=r"coco\.json: its outlines are shares of the image, 0\.\.1"):
        load(tmp_path)


# Named.


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jpg.json", '{"instances": [{"className": "cat"}]}', "If a tool wrote annotations, export them"),
        ("via.csv", 'region_count,region_shape_attributes\n1,"{}"\n', "VGG Image Annotator"),
        ("train.csv", "id,class,segmentation\na,cat,28094 3 28358 7\n", "Run lengths in a table"),
        ("masks.tar.xz", "", "Unpack it"),
    ],
)
def test_named(tmp_path: Path, name: str, content: str, message: str) -> None:
    image(tmp_path / "photos" / "a.jpg")
    text(tmp_path / name, content)
    with pytest.raises(ValueError, match=message):
        load(tmp_path)


def test_the_script_for_one_file_a_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for value, name in ((1, "cat"), (2, "dog")):
        mask(tmp_path / "one_a_class" / f"a_{name}.png", ((value == MASK) * 255).astype(np.uint8))
    exec(scripts()["One mask file for each class"], {})
    assert np.array_equal(np.array(Image.open("masks/a.png")), MASK)
