"""What strangers bring: every layout is opened with the right values, or named with the next step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seglib.data import layouts
from seglib.data.audit import audit
from seglib.data.catalog import load
from seglib.data.coco import Coco
from seglib.data.layouts import LAYOUTS, NAMED
from tests.data import strangers
from tests.data.strangers import BINARY, MASK, OPENED, PHOTO, REFUSED, coco, one, paired, refusal, write

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
PAGE = (Path(__file__).parents[2] / "docs" / "bring-your-data.md").read_text("utf-8")


def folder(root: Path, layout: str) -> Path:
    return write(root / layout.partition("/")[0], strangers.LAYOUTS[layout])


@pytest.mark.parametrize("layout", OPENED)
def test_opened(tmp_path, layout):
    name, classes, count, first = OPENED[layout]
    data = load(write(tmp_path, strangers.LAYOUTS[layout]))
    mask = data[0][1]
    assert data.reading and name in data.reading.layout and len(data) == count
    assert (
        data.classes.names == tuple(classes) if not isinstance(classes, int) else len(data.classes) == classes
    )
    assert first is None or np.array_equal(mask, first)
    assert data.count_mask(0).pixels.sum() == mask.numel()
    shown = str(data)
    for words in (
        f"split    train, {count} image",
        f"{len(data.classes)}: {data.classes.names[0]}",
        "layout",
    ):
        assert words in shown
    assert {one.check for one in audit(data).wrong} <= {"twice"}  # the images made here are all the same


@pytest.mark.parametrize("words", REFUSED)
def test_recognised_and_not_read(tmp_path, words):
    said = refusal(write(tmp_path, {"images/a.jpg": PHOTO} | REFUSED[words]), words)
    assert said.startswith(f"{tmp_path}: this is ") and "), which is not read. " in said


def test_a_folder_of_no_known_layout(tmp_path):
    words = rf"{tmp_path}: the folder is empty\. .*folders\.pairs.* Layouts that are opened:"
    with pytest.raises(ValueError, match=words):
        load(tmp_path)
    write(tmp_path, {"report.docx": "", "photos/.keep": ""})
    with pytest.raises(ValueError, match=r"found photos/, report\.docx\. Name the files alike") as caught:
        load(tmp_path)
    known = ("images/a.jpg, masks/a.png", "PASCAL VOC", "COCO", "SegNet", "Oxford", "YOLO", "labelme")
    assert all(words in str(caught.value) for words in known)
    with pytest.raises(ValueError, match=r"neither a folder nor a \.json file"):
        load(tmp_path / "report.docx")


def test_what_is_beside_the_masks_is_said(tmp_path):
    drive = folder(tmp_path, "DRIVE")
    assert "left out mask/, the field of view: what is outside of it counts as background" in str(load(drive))
    assert len(load(drive, "test")) == 1
    with pytest.raises(ValueError, match="there is no split 'val'; there is 'train', 'test'"):
        load(drive, "val")
    bdd = folder(tmp_path, "BDD100K")
    assert "left out folder labels/sem_seg/colormaps/train/, masks painted in colours" in str(load(bdd))
    for path in [*(bdd / "labels/sem_seg/masks").glob("*/*")]:
        path.unlink()  # then they are the masks
    refusal(bdd, "painted in colours")


def test_objects_of_the_layouts_that_know_them(tmp_path):
    for layout in ("CVAT, mask 1.1", "one mask file for each object"):
        found = load(folder(tmp_path, layout)).instances(0)
        assert sorted(found.boxes.tolist()) == [[1, 0, 3, 1], [1, 1, 3, 2]]
    flat = load(folder(tmp_path, "flat masks of objects"))
    assert len(flat.instances(0)) == 2 and "2 images, 4 objects" in str(flat)
    data = load(ids := folder(tmp_path, "numbers of objects"))
    assert len(data.instances(0)) == {"a": 20, "b": 30, "c": 12}[data.sample_id(0)]
    assert data[0][1].unique().tolist() == [0, 1] and "look like instances" in data.notes["objects"]
    write(ids, {"classes.json": {"names": ["ground", "cell"], "objects": True}})
    assert load(ids).classes.names == ("ground", "cell")
    write(tmp_path / "one mask file for each object", {"classes.txt": "a\nb\nc\n"})
    refusal(tmp_path / "one mask file for each object", "two names, of the background and of the objects")


@pytest.mark.parametrize(
    ("image", "masks"),
    [
        ("images/{a,b}", "masks/{a,b}/{1,2}"),
        ("{a,b}/images/photo", "{a,b}/masks/{1,2}"),
        ("images/{day,night}/a", "masks/{day,night}/a/{1,2}"),
        ("images/day/{a,b}", "masks/{a,b}/{1,2}"),
        ("images/day/{a,b}", "masks/day/{a,b}_{1,2}"),
    ],
)
def test_places_of_one_mask_file_for_each_object(tmp_path, image, masks):
    data = load(write(tmp_path, {f"{image}.jpg": PHOTO, f"{masks}.png": BINARY}))
    assert "2 images, 4 objects" in str(data) and len(data.instances(0)) == 2


@pytest.mark.parametrize(("count", "kind"), [(63, np.uint16), (125, np.uint16), (125, np.uint8)])
def test_numbers_of_objects_are_not_classes(tmp_path, count, kind):
    ids = np.zeros((60, 60), kind)
    for k in range(count):
        ids[k // 12 * 5 : k // 12 * 5 + 3, k % 12 * 5 : k % 12 * 5 + 3] = k + 1
    data = load(write(tmp_path, one(ids)))
    with pytest.warns(UserWarning, match='these look like instances: .*"objects": true'):
        assert data.classes.names == ("background", "object")
    assert np.array_equal(data[0][1] > 0, ids > 0) and len(data.instances(0)) == count


@pytest.mark.parametrize("name", ["labels.txt", "class_names.txt", "labelmap.txt"])
@pytest.mark.parametrize("layout", ["PASCAL VOC", "a tree like VOC's"])  # also where the images are called so
def test_a_tree_like_voc_s_takes_the_names_of_its_own_list(tmp_path, layout, name):
    lines = "sea\nfish\ncrab\n".replace("\n", ":::\n" if name == "labelmap.txt" else "\n")
    data = load(write(tmp_path, strangers.LAYOUTS[layout] | {name: lines}))
    assert data.classes.names == ("sea", "fish", "crab") and data[0][1].tolist() == MASK.tolist()
    assert f"({name})" in str(data)


# ---- splits ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("images", "masks"),
    [
        ("images/{}/*.jpg", "masks/{}/*.png"),
        ("{}/images/*.jpg", "{}/masks/*.png"),
        ("{}/*.jpg", "{}annot/*.png"),
    ],
)
@pytest.mark.parametrize("val", ["val", "valid", "validation"])
def test_divided_folders(tmp_path, images, masks, val):
    for split, stems in (("train", "a,b"), (val, "c")):
        write(tmp_path, paired(images.format(split), masks.format(split), stems))
    write(tmp_path, {"classes.txt": "background\ncat\ndog\n"})
    train, validation = load(tmp_path), load(tmp_path, "val")
    assert train.names() == ["a", "b"] and validation.names() == ["c"]
    assert train.classes.names == ("background", "cat", "dog") and train[0][1].tolist() == MASK.tolist()
    assert (train.name, train.split, validation.split) == (tmp_path.name, "train", "val")
    with pytest.raises(ValueError, match="there is no split 'test'; there is 'train', 'val'"):
        load(tmp_path, "test")


def test_an_undivided_folder_is_divided_by_name_without_reading_images(tmp_path):
    """benchmarks/open_folder.py opens 100 000 in the same way."""
    for place, suffix in (("images", "jpg"), ("masks", "png")):
        (tmp_path / place).mkdir()
        for k in range(2_000):
            (tmp_path / place / f"{k:06}.{suffix}").touch()  # empty: reading one would raise
    write(tmp_path, {"classes.txt": "background\ncat\n"})
    parts = [load(tmp_path, split) for split in ("train", "val", "test")]
    assert sum(map(len, parts)) == 2_000 and all(map(len, parts))
    assert len({sample.id for part in parts for sample in part.samples}) == 2_000
    with pytest.raises(ValueError, match="empty"):
        parts[0][0]


def test_lists_and_splits_of_the_publisher(tmp_path):
    lists = folder(tmp_path, "Images/, Labels/, train.txt")
    assert load(lists).names() == ["a", "b", "d"] and load(lists, "val").names() == ["c"]
    with pytest.raises(ValueError, match="there is no split 'test'; there is 'train', 'val'"):
        load(lists, "test")
    as_windows = "\ufeffImages\\a.JPG Labels\\a.PNG\r\nImages\\d.JPG Labels\\d.PNG\r\n"
    assert load(write(lists, {"train.txt": as_windows})).names() == ["a", "d"]
    objects = folder(tmp_path, "one mask file for each object")
    data = load(write(objects, {"train.txt": "02\n", "val.txt": "01.png\n"}))
    assert data.names() == ["02"] and load(objects, "val").names() == ["01"]
    assert "left out pairs that are in no list: 1" in str(data) and len(data.instances(0)) == 2


@pytest.mark.parametrize(
    ("annotations", "images"),
    [
        ("annotations/instances_train2017.json", "images/train2017"),
        ("annotations/instances_train.json", "train"),
        ("annotations/instances_train.json", "images"),
        ("train/_annotations.coco.json", "train"),
        ("labels.json", "images"),
        ("labels.json", "."),
        ("annotations/all.json", "images"),
    ],
)
def test_places_of_a_coco_file_and_its_images(tmp_path, annotations, images):
    data = load(write(tmp_path, {annotations: coco(), f"{images}/a.jpg": PHOTO}))
    assert isinstance(data, Coco) and data[0][0].shape == (3, 3, 4)
    if "instances_" in annotations:
        with pytest.raises(ValueError, match="there is no split 'val'; there is 'train'"):
            load(tmp_path, "val")


@pytest.mark.parametrize("half", ["a", "b"])  # the first image of the file, or the last
def test_the_folder_of_a_coco_file_holds_its_first_and_last_image(tmp_path, half):
    write(tmp_path, {"images/{a,b}.jpg": PHOTO, f"train/{half}.jpg": PHOTO})
    write(tmp_path, {"instances_train.json": coco(["a.jpg", "b.jpg"])})
    assert load(tmp_path).folder == tmp_path / "images"


@pytest.mark.parametrize(
    ("file", "folder", "other"),
    [
        ("annotations/instances_train2017.json", "train2017", "train_images"),
        ("annotations/my_train.json", "training", "images"),
        ("reef/all.json", "reef", "images"),
        ("all.json", "images", "ant"),
        ("all.json", "images", "photos"),  # two folders of images may hold the same names
        ("my_train.json", "training", "images"),
    ],
)
def test_which_of_two_folders_with_the_images_of_a_coco_file(tmp_path, file, folder, other):
    root = write(tmp_path / "a_test", {file: coco(), f"{{{folder},{other}}}/a.jpg": PHOTO})
    assert load(root).folder == root / folder
    assert load(root / file).folder == root / folder


# ---- what is shown -----------------------------------------------------------------------------------------


def test_print_says_what_was_concluded(tmp_path):
    reef = write(tmp_path / "reef", paired("images/train/*.jpg", "masks/train/*_mask.png"))
    classes = {"names": ["fish", "crab"], "values": [1, 2], "void": [0]}
    write(reef, {"images/train/d.jpg": PHOTO, "classes.json": classes})
    assert str(load(reef)).splitlines() == [
        "reef",
        "  split    train, 3 images",
        "  classes  2: fish, crab (classes.json)",
        "  layout   pairs of images and masks",
        "  void     0, 255",
        "  pairs    3, by a common part of their names: a.jpg with a_mask.png",
        "  left out images without a mask: 1 (d)",
    ]
    (reef / "classes.json").unlink()
    write(reef, {"masks/train/a_mask.png": np.eye(3, dtype=np.uint8)[MASK]})
    assert "classes  not known: " in str(load(reef))


def test_the_page_in_the_docs_lists_every_layout():
    for kind, rows in (("opened", LAYOUTS), ("named", NAMED)):
        assert PAGE.count(f" | {kind} |") == len(rows)
        assert [one.name for one in rows if f"| {one.name} | {kind} |" not in PAGE] == []


def test_the_layout_of_your_own_in_the_docs_opens(tmp_path, monkeypatch):
    script = PAGE.split("## A layout of your own")[1].split("```python\n")[1].split("```")[0]
    space = dict(vars(layouts))
    exec(script.replace("Layout(", "row = Layout("), space)
    monkeypatch.setattr(layouts, "LAYOUTS", (space["row"], *LAYOUTS))
    data = load(write(tmp_path, paired("images/train/*.jpg", "snow_masks/train/*.png")))
    assert data.classes.names == ("snow", "ice") and "Snow" in str(data)
    assert data[0][1].tolist() == strangers.FROM_ONE
    assert len(script.split("Layout(")[0].splitlines()) < 10


def test_the_scripts_of_the_docs_run(tmp_path, monkeypatch):
    parts = [part.partition("\n") for part in PAGE.split("\n### ")[1:] if "```python" in part]
    scripts = {head: body.split("```python\n")[1].split("```")[0] for head, _, body in parts}
    monkeypatch.chdir(tmp_path)
    large = np.kron(BINARY, np.ones((8, 8), np.uint8))
    write(tmp_path, one(strangers.encoded(large, "JPEG", quality=60), "jpg"))
    write(tmp_path, {"images/a.jpg": PHOTO.resize(large.shape[::-1])})
    write(tmp_path, {"classes.json": {"names": ["background", "polyp"], "values": [0, 255]}})
    exec(scripts["A mask saved as JPEG"], {})
    assert load(tmp_path)[0][1].tolist() == (large // 255).tolist()
    for name, content in (("cat", MASK == 1), ("dog", MASK == 2)):
        write(tmp_path, {f"one_a_class/a_{name}.png": content * np.uint8(255)})
    exec(scripts["One mask file for each class"], {})
    assert np.array_equal(Image.open("masks/a.png"), MASK)
    monkeypatch.chdir(tmp_path / "images")
    write(tmp_path / "images", {"train.csv": "ImageId,EncodedPixels\na.jpg,3 2\na.jpg,6 1\n"})
    exec(scripts["Run lengths in a table"].replace("(768, 768)", "(4, 3)"), {})
    assert np.array(Image.open("masks/a.png")).tolist() == [[0, 0, 0], [0, 1, 0], [1, 0, 0], [1, 0, 0]]
    np.savez("train.npz", images=np.zeros((2, 3, 4, 3), np.uint8), masks=np.stack([MASK, MASK]))
    exec(scripts["Arrays"], {})
    assert np.array_equal(Image.open("masks/00001.png"), MASK)
