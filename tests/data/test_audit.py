"""The audit: every fault is planted and found, a clean data set is clean, and the command line says so."""

import io
import re

import cv2
import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from torchvision.transforms.functional import pil_to_tensor, to_pil_image
from typer.testing import CliRunner

from seglib.__main__ import app
from seglib.data.audit import CHECKS, audit
from seglib.data.catalog import load
from seglib.data.dataset import Instances
from seglib.scenes import Scenes
from tests.data.conftest import InMemory
from tests.data.strangers import encoded, indexed, turned, write

SIZE = (48, 64)
NAMES = ("background", "fish", "weed")
RNG = np.random.default_rng(0)


def mask(kind=1, size=SIZE):
    """A labelled rectangle on background."""
    labels = np.zeros(SIZE, np.uint8)
    labels[10:30, 20:50] = kind
    return cv2.resize(labels, size[::-1], interpolation=cv2.INTER_NEAREST)


def photo(size=SIZE):
    """Smooth noise, another one each time."""
    coarse = RNG.integers(0, 255, (6, 8, 3), np.uint8)
    return cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC)


@pytest.fixture
def clean(tmp_path):
    """Two splits of images that are all different, every class in both."""
    for split in ("train", "val"):
        for k in range(6):
            name = f"{split}/{split}{k:03}.png"
            write(tmp_path, {f"images/{name}": photo(), f"masks/{name}": mask(1 + k % 2)})
    return write(tmp_path, {"classes.txt": "\n".join(NAMES)})


def report(root):
    return audit({split: load(root, split) for split in ("train", "val")})


def only(found, check, *samples):
    """The first message; the audit found this, in these samples, and nothing else."""
    assert {finding.check for finding in found.findings} == {check}
    assert {finding.sample for finding in found.findings} == set(samples)
    assert bool(found.wrong) == (CHECKS[check][0] == "wrong")
    return found.findings[0].message


def test_a_clean_data_set_has_a_clean_report(clean):
    found = report(clean)
    assert not found.findings and found.verdict == "Nothing is wrong."
    assert all(row[1] == "ok" for row in found.table.rows) and len(found.table.rows) == len(CHECKS)
    assert not audit(Scenes(40)).findings


@pytest.mark.photographs
def test_what_is_known_of_camvid_and_pets(photographs):
    camvid = audit({"val": load("camvid", "val", root=photographs).subset(range(40))})
    assert not camvid.wrong and len(camvid.of("nearly twice")) > 20  # frames of one film
    pets = audit({s: load("pets", s, root=photographs) for s in ("train", "test")})
    assert not pets.wrong and not pets.of("video")
    assert [one.sample for one in pets.of("near leak")] == ["train/Abyssinian_151 = test/Abyssinian_99"]
    parts = {split: load("camvid", split, root=photographs).spread(40) for split in ("train", "val", "test")}
    found = audit(parts)  # as published: each film is in one split
    assert not found.of("leak") and not found.of("near leak") and not found.of("video")


# ---- one sample --------------------------------------------------------------------------------------------

IMAGE, MASK = "images/val/val002.png", "masks/val/val002.png"
WRONG = mask()
WRONG[0, 5] = 9
ODD = {"shorter than 32": (20, 60), "a strip": (40, 200), "10 times": (400, 400)}
FAULTS = [
    *(({name: content}, "unreadable", name) for name in (IMAGE, MASK) for content in (b"", b"not an image")),
    *(({name: encoded(photo())[:60]}, "unreadable", name) for name in (IMAGE, MASK)),
    ({MASK: mask()[:40]}, "sizes differ", "the mask is 64x40"),
    ({MASK: WRONG}, "no such class", "the value 9 at row 0, column 5"),
    ({MASK: np.stack([mask(), mask(0), mask()], 2)}, "no such class", "painted in colours"),
    ({MASK: mask() * 0 + 255}, "all void", "every pixel of the mask is void"),
    ({MASK: mask(0)}, "background only", "nothing but background"),
    ({IMAGE: np.full((*SIZE, 3), 90, np.uint8)}, "blank image", ""),
    ({IMAGE: (photo() * (15 / 255)).astype(np.uint8)}, "dark image", r"1[45] of 255"),  # 12 bits in 16, say
    *(
        ({IMAGE: photo(size), MASK: mask(1, size)}, "odd size", f"^{size[1]}x{size[0]} pixels.*{words}")
        for words, size in ODD.items()
    ),
]


@pytest.mark.parametrize(("files", "check", "words"), FAULTS)
def test_one_fault_is_found_and_nothing_else(clean, files, check, words):
    assert re.search(words, only(report(write(clean, files)), check, "val/val002"))


def test_a_mask_saved_as_jpeg_is_wrong(clean):
    (clean / MASK).unlink()
    write(clean, {MASK.replace("png", "jpg"): encoded(mask(120), "JPEG", quality=60)})
    only(found := report(clean), "unreadable", "val/val002")
    (clean / "classes.txt").unlink()  # and nobody is told to list the values that JPEG invents
    for one in (*found.wrong, *report(clean).wrong):
        assert "export it again as PNG" in one.message and "every class" not in one.message


def test_classes_that_cannot_be_found_do_not_hide_what_is_unreadable(clean):
    (clean / "classes.txt").unlink()
    found = audit(load(write(clean, {"masks/train/train003.png": b"not an image"})))
    assert [one.sample for one in found.wrong] == ["train/train003"]
    found = audit(load(write(clean, {"masks/train/train003.png": mask(200)})))
    assert [(one.check, one.sample) for one in found.wrong] == [("classes", "train")]


class Strange(InMemory):
    """A data set whose files raise what no reader foresees."""

    def __getitem__(self, index):
        raise KeyError(f"no such tag {index}")


def test_no_error_in_a_thread_ends_the_audit():
    found = audit(Strange(NAMES, [torch.zeros(40, 40).byte()] * 9))
    assert len(found.of("unreadable")) == 9 == len(found.findings) and "  and 6 more" in str(found)
    assert found.findings[3].sample == "train/3" and found.findings[3].message == "KeyError: 'no such tag 3'"
    found.worst()


def test_masks_in_memory_that_do_not_fit():
    dataset = noisy(torch.zeros(SIZE, dtype=torch.uint8))
    for wrong, check in ((torch.zeros(5, 5), "sizes differ"), (torch.full(SIZE, 7), "no such class")):
        dataset.masks = [wrong.byte()]
        assert [one.check for one in audit(dataset).wrong] == [check]


# ---- a split as a whole ------------------------------------------------------------------------------------


def test_what_is_in_doubt_about_files_is_suspicious_not_wrong(clean):
    red, green = (encoded(indexed(mask(), [[0, 0, 0], color])) for color in ([200, 0, 0], [0, 200, 0]))
    said = only(report(write(clean, {"masks/val/val000.png": red, MASK: green})), "palettes", "val")
    assert all(w in said for w in ("value 1 is", "(200, 0, 0) in val000.png", "(0, 200, 0) in val002.png"))
    write(clean, {MASK: mask(), "images/val/val001.png": encoded(photo(), exif=turned(3))})
    assert "its EXIF orientation is 3" in only(report(clean), "orientation", "val")


def test_images_of_sixteen_bits_are_neither_dark_nor_leaks(clean):
    for path in clean.glob("images/*/*.png"):
        grey = np.array(Pillow.open(path).convert("L")).astype(np.uint16)
        Pillow.fromarray(grey * 14).save(path)  # 0..3570
    assert "4095 becomes 255" in only(report(clean), "note", "train", "val")


def test_a_class_that_is_missing(clean):
    found = report(write(clean, {"masks/val/val00{0,1,2,3,4,5}.png": mask(1)}))
    assert only(found, "class missing", "val") == "no mask holds weed"


def test_splits_that_are_too_small_are_named(make_folder, clean):
    small = load(clean, "val").subset([0])
    small.split = "test"
    found = audit({"train": load(clean), "test": small})
    assert [one.sample for one in found.of("small split")] == ["test"] and not found.wrong
    root = make_folder([mask(1 + number % 2) for number in range(16)], " ".join(NAMES))
    splits = {split: load(root, split) for split in ("train", "val", "test")}
    few = [split for split in ("val", "test") if len(splits[split]) < 5]
    assert sum(map(len, splits.values())) == 16 and few
    assert [one.sample for one in audit(splits).of("small split")] == few


def objects_numbered(count, seed):
    """A mask in which `count` objects have the numbers 1, 2, ..."""
    labels = np.zeros((80, 80), np.uint8)
    for number, place in enumerate(np.random.default_rng(seed).permutation(64)[:count], 1):
        labels[place // 8 * 10 : place // 8 * 10 + 7, place % 8 * 10 : place % 8 * 10 + 7] = number
    return torch.from_numpy(labels)


def test_masks_that_number_objects():
    noise = torch.from_numpy(RNG.integers(0, 255, (3, 3, 80, 80), np.uint8))
    names = [f"class {number}" for number in range(31)]
    numbered = [objects_numbered(count, count) for count in (30, 12, 25)]
    only(audit(InMemory(names, numbered, [*noise])), "numbers of objects", "train")
    named = [f"{name}, named" for name in names]  # a face has one nose
    assert not audit(InMemory(named, numbered, [*noise])).findings
    classes = [(mask + 1) // 2 * (mask > 0) for mask in numbered]  # two objects of each class
    assert not audit(InMemory(names[:16], classes, [*noise])).findings


# ---- samples compared with each other ----------------------------------------------------------------------


def test_images_that_are_twice_in_a_split(clean):
    pixels = photo()
    write(clean, {"images/val/val001.png": pixels})
    for check in ("twice", "nearly twice"):
        only(report(write(clean, {"images/val/val004.png": pixels})), check, "val/val001 = val/val004")
        pixels[0, 0] ^= 1


def jpeg(image, quality):
    return Pillow.open(io.BytesIO(encoded(image, "JPEG", quality=quality)))


def planted(images):
    """A data set in memory of these images."""
    masks = [torch.ones(image.height, image.width, dtype=torch.uint8) for image in images]
    return InMemory(("background", "fish"), masks, [*map(pil_to_tensor, images)])


COPIES = {
    "the same": lambda image: image,
    "JPEG 75": lambda image: jpeg(image, 75),
    "JPEG 30": lambda image: jpeg(image, 30),
    "half": lambda image: image.resize((80, 80)),
    "wider": lambda image: image.resize((240, 160)),
    "brighter": lambda image: image.point(lambda value: min(255, value + 10)),
}


@pytest.mark.parametrize("change", COPIES)
def test_a_copy_in_another_split_is_found_and_nothing_else(change):
    scenes = [to_pil_image(image) for image, _ in Scenes(12, seed=1)]
    splits = {"train": scenes[:6], "empty": [], "val": [*scenes[6:], COPIES[change](scenes[2])]}
    report = audit({split: planted(images) for split, images in splits.items()})
    (found,) = [*report.of("leak"), *report.of("near leak")]
    assert found.sample == "train/2 = val/6" and found.index == 2
    # what is only alike may be two photographs
    level, words = ("wrong", "every pixel is the same") if change == "the same" else ("suspicious", "differ")
    assert CHECKS[found.check][0] == level and found.message.endswith(words)


def test_every_pair_is_found_once_the_most_alike_first():
    scenes = [to_pil_image(image) for image, _ in Scenes(3, seed=1)]
    splits = {"train": scenes, "val": [jpeg(scenes[1], 20), scenes[0]], "test": [scenes[0]]}
    report = audit({split: planted(images) for split, images in splits.items()})
    found = report.of("leak") + report.of("near leak")
    exact, near = ["train/0 = test/0", "train/0 = val/1", "val/1 = test/0"], ["train/1 = val/0"]
    assert [one.sample for one in found] == exact + near
    assert len(audit(planted([scenes[0]] * 10)).of("twice")) == 45
    assert len(audit(planted([scenes[0]] * 60)).of("twice")) == 10 * 50 + 49 * 25  # not all 1770


def test_samples_of_one_name_are_told_apart():
    data = noisy(torch.from_numpy(mask()))
    (found,) = audit(data + data).of("twice")  # as Scenes + Scenes, or a/1.png and b/1.png in a COCO file
    assert (found.index, found.sample) == (0, "train/0 (number 0) = train/0 (number 1)")


def test_a_video_in_two_splits():
    scene = RNG.integers(0, 255, (6, 30, 3), np.uint8)
    wide = cv2.resize(scene, (480, 96), interpolation=cv2.INTER_CUBIC)
    film = planted([Pillow.fromarray(wide[:, at * 4 : at * 4 + 96]) for at in range(40)])
    apart = {"train": film.subset([k for k in range(40) if k % 4]), "test": film.subset(range(0, 40, 4))}
    (found,) = audit(apart).of("video")
    assert CHECKS[found.check][0] != "wrong" and "test and train" in found.message
    halves = {"train": film.subset(range(30)), "test": film.subset(range(30, 40))}
    assert not audit(halves).of("video")
    scenes = {"train": Scenes(20, seed=1), "test": Scenes(20, "test", seed=1)}  # numbers that mean nothing
    assert not audit(scenes).of("video")


# ---- objects ----------------------------------------------------------------------------------------------


def noisy(mask, instances=None):
    """A data set in memory of one image, which is noise."""
    image = torch.from_numpy(RNG.integers(0, 255, (3, *mask.shape), np.uint8))
    return InMemory(("background", "fish"), [mask], [image], instances and [instances])


def objects(box):
    """One object of the usual shape, with this box."""
    return Instances(torch.from_numpy(mask() > 0)[None], torch.tensor([1]), torch.tensor([box]))


def test_boxes_beside_their_masks():
    labels = torch.from_numpy(mask())
    assert not audit(noisy(labels, objects([20, 10, 50, 30]))).findings
    assert not audit(noisy(labels, objects([21, 9, 51, 31]))).findings  # a pixel or two is nothing
    said = only(audit(noisy(labels, objects([20, 10, 35, 18]))), "boxes", "train/0")  # the head
    assert said == "the box of fish is 20 10 35 18, its mask reaches 20 10 50 30 (x1 y1 x2 y2)"


def test_objects_that_contradict_the_mask():
    labels = torch.from_numpy(mask())
    labels[10:20, 20:50] = 0  # half of the fish is called background
    only(audit(noisy(labels, objects([20, 10, 50, 30]))), "objects", "train/0")
    labels[10:20, 20:50] = 255  # void is no contradiction
    assert not audit(noisy(labels, objects([20, 10, 50, 30]))).findings
    nothing = Instances(torch.zeros(1, *SIZE).bool(), torch.tensor([1]), torch.zeros(1, 4).long())
    assert "has no pixel" in only(audit(noisy(labels, nothing)), "objects", "train/0")


SQUARE = [20, 10, 50, 10, 50, 30, 20, 30]


@pytest.fixture
def coco(tmp_path):
    """A maker of a COCO file of three images in two folders, an object each; `fields` change the second's."""

    def make(first=None, crowds="void", **fields):
        files, entries, shapes = ["a/1.png", "b/1.png", "b/2.png"], [], []
        for number, name in enumerate(files):
            write(tmp_path, {f"images/{name}": photo()})
            entries.append({"id": number, "file_name": name, "height": SIZE[0], "width": SIZE[1]})
            one = {"id": number + 1, "image_id": number, "category_id": 7, "bbox": [20, 10, 30, 20]}
            shapes.append(one | {"segmentation": [SQUARE]})
        shapes[0] |= first or {}
        shapes[1] |= fields
        file = {"images": entries, "annotations": shapes, "categories": [{"id": 7, "name": "fish"}]}
        return load(write(tmp_path, {"fish_train.json": file}), crowds=crowds)

    return make


CORNERS = [20, 10, 50, 30]  # where width and height belong
BOXES = [CORNERS, [None, 1, 2, 3], ["a", 1, 2, 3], [1, 2, 3], "box", {"x": 1}, [1, 2, 10**400, 3]]


@pytest.mark.parametrize("box", BOXES)
def test_a_box_in_a_coco_file_that_is_wrong_or_not_four_numbers(coco, box):
    check, says = "unreadable", "fish_train.json, annotation 2"
    if box == CORNERS:
        check, says = "boxes", "fish (annotation 2) is 20 10 70 40, its mask reaches 20 10 50 30"
    assert says in only(audit(coco(bbox=box)), check, "train/1 (number 1)")  # b/1.png, not a/1.png


def test_a_box_of_the_outline_is_right_whatever_pixels_the_outline_fills(coco):
    whisker = [20, 10, 50, 10, 50, 30, 20, 30, 20, 20.2, 2, 20.1, 20, 20]  # too thin to fill a pixel
    assert not audit(coco(bbox=[2, 10, 48, 20], segmentation=[whisker])).findings
    wide = [20, 10, 80, 10, 80, 30, 20, 30]
    assert not audit(coco(bbox=[20, 10, 60, 20], segmentation=[wide])).findings


@pytest.mark.filterwarnings("ignore:.*iscrowd")
def test_objects_that_are_mostly_crowds(coco):
    assert not audit(coco(iscrowd=1)).of("crowds")
    data = coco({"iscrowd": 1}, iscrowd=1)
    for found in (audit(data), audit(data.subset([0, 1]))):
        assert not found.wrong and [one.sample for one in found.of("crowds")] == ["train"]
        assert "2 of 3 objects are marked iscrowd: 1" in found.findings[0].message
    assert not audit(coco({"iscrowd": 1}, "objects", iscrowd=1)).of("crowds")  # the advice, followed


# ---- the report -------------------------------------------------------------------------------------------


def test_all_faults_at_once_come_in_order_and_are_saved(clean, tmp_path):
    write(clean, {"images/train/train000.png": b"", "masks/val/val003.png": mask(0), MASK: mask() * 0 + 255})
    found = report(clean)
    assert [finding.check for finding in found.findings] == ["unreadable", "all void", "background only"]
    assert found.verdict == "2 problems found: fix or remove these samples. 1 unusual."
    path = tmp_path / "report.txt"
    found.save(path)
    text = path.read_text()
    assert all(finding.sample in text and finding.message in text for finding in found.findings)
    assert str(found.table) in text and [p.name for p in tmp_path.glob("report*")] == ["report.txt"]
    markup = found._repr_html_()  # counts to the right, sentences to the left
    assert re.search(r'<td style="text-align: right[^>]*>ok</td><td style="text-align: left', markup)
    with pytest.raises(ValueError, match="there is no check 'colour'; the checks are unreadable,"):
        found.of("colour")


def test_images_of_the_worst_or_of_none(clean, capsys):
    report(write(clean, {"images/train/train000.png": b"", MASK: mask() * 0 + 255})).worst()
    assert "What the audit found: val/val002: all void." in capsys.readouterr().out
    audit(Scenes(2)).worst()
    assert "There is no image to show" in capsys.readouterr().out
    with pytest.raises(ValueError, match="no sample to look at"):
        audit(InMemory(["sea"], []))


def run(*arguments, charset="utf-8"):
    return CliRunner(charset=charset).invoke(app, ["data", "audit", *map(str, arguments)])


def test_the_command_line_says_whether_something_is_wrong(clean, tmp_path):
    result = run(clean)
    assert result.exit_code == 0
    assert "Nothing is wrong." in result.output and "6 in train, 6 in val" in result.output
    pixels = np.array(Pillow.open(clean / "images/train/train001.png"))
    pixels[0, 0] ^= 1
    result = run(write(clean, {"images/val/val004.png": pixels}))  # alike: suspicious, and not certain
    assert result.exit_code == 0 and "1 suspicious: look at it" in result.output
    result = run(write(clean, {MASK: mask() * 0 + 255}), "--save", tmp_path / "found.txt")
    assert result.exit_code == 1 and "val/val002: every pixel of the mask is void" in result.output
    assert "1 problem found: fix or remove the sample." in result.output
    assert "val/val002" in (tmp_path / "found.txt").read_text()


def test_the_command_line_says_in_one_sentence_what_it_cannot_open(clean, tmp_path):
    (tmp_path / "empty").mkdir()
    for path, sentence in ((tmp_path / "nowhere", "no such folder"), (tmp_path / "empty", "folder is empty")):
        result = run(path)
        assert result.exit_code == 1 and sentence in result.output and "Traceback" not in result.output
    for number, path in enumerate((clean / "masks/val").iterdir()):
        path.rename(path.with_stem(f"{number}x{number}"))
    result = run(clean)
    assert result.exit_code == 1 and "do not match; name them alike" in result.output


def test_a_code_page_that_lacks_a_letter_loses_no_audit(clean):
    """Redirected output on Windows: foreign letters of names are replaced; seglib itself has none."""
    write(clean, {"classes.txt": "background\nfish\nweed\nψάρι\n", MASK: mask() * 0 + 255})
    result = run(clean, charset="cp1252")
    assert result.exit_code == 1 and "every pixel of the mask is void" in result.output
    assert "no mask holds ????" in result.output
    write(clean, {"classes.txt": "\n".join(NAMES)})
    f"{load(clean)}\n{report(clean)}".encode("cp1252")


def test_a_folder_that_is_not_divided_is_looked_at_whole(make_folder):
    masks = [RNG.choice([1, 2], SIZE).astype(np.uint8) for _ in range(12)]
    result = run(make_folder(masks, " ".join(NAMES)))
    assert "in train" in result.output and "in test" in result.output and result.exit_code == 0
