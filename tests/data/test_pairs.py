"""Which mask belongs to which image, and what is said where that is not known."""

from __future__ import annotations

from pathlib import Path

import pytest

from seglib.data import folders
from seglib.data.catalog import load
from seglib.data.files import Sample
from seglib.data.pairing import find_rule, images_in, pair
from tests.data.strangers import BINARY, GREY, MASK, PHOTO, paired, refusal, write

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
STEMS = ["1", "2", "10", "11", "101"]
PAIRS = paired("images/train/*.jpg", "masks/train/*.png")


@pytest.mark.parametrize(
    ("photo", "label"),
    [
        ("images/*.jpg", "masks/*_mask.png"),
        ("Images/IMG_*.JPG", "Masks/IMG_*_segmentation.PNG"),
        ("img/image*.png", "gt/label*.png"),
        ("input/x_*_rgb.png", "target/y_*_seg.png"),
        ("train/images/*.jpg", "train/labels/*.png"),
        ("train2017/*.jpg", "annotations/train2017/*.png"),
        ("images/train/day/*.jpg", "masks/train/day/*_gt.png"),
        ("data/images/*.jpg", "data/ground_truth/*.png"),
        ("training/*.jpg", "training_masks/*.png"),
        ("img/*.jpg", "lbl/*.png"),
        ("*.jpg", "*-mask.png"),
        ("images/*_leftImg8bit.png", "masks/*_gtFine_labelIds.png"),
        ("images/*.jpg", "masks/v2_*_mask.png"),
        ("images/*_b4.jpg", "masks/*_m1.png"),
        ("images/b4_*.jpg", "masks/m1_*.png"),
    ],
)
def test_names_with_a_common_part(tmp_path, photo, label):
    for k, stem in enumerate(STEMS):
        write(tmp_path, paired(photo, label, stem, MASK * 0 + k))
    splits = ["train"] if "train" in photo else ["train", "val", "test"]
    datasets = [load(tmp_path, split) for split in splits]
    found = {
        Path(one.image).name: int(data[k][1][0, 0]) for data in datasets for k, one in enumerate(data.samples)
    }
    assert found == {Path(photo.replace("*", stem)).name: k for k, stem in enumerate(STEMS)}


def test_clutter_is_passed_over(tmp_path):
    hidden = ".ipynb_checkpoints/a-checkpoint.jpg,._b.jpg,@eaDir/a.jpg,.DS_Store"
    clutter = f"{{images,masks}}/train/{{{hidden},Thumbs.db,desktop.ini,notes.txt}}"
    write(tmp_path, PAIRS | {clutter: "clutter", "__MACOSX/images/train/._a.jpg": "clutter"})
    assert [*load(tmp_path).names()] == ["a", "b", "c"]
    samples = [
        Sample(k, f"{tmp_path}/images/train/{k}.jpg", f"{tmp_path}/masks/train/{k}.png") for k in "abc"
    ]
    assert pair(tmp_path / "images/train", tmp_path / "masks/train") == samples
    write(tmp_path, {"IMG_1.JPG": PHOTO})
    assert list(images_in(tmp_path)) == ["IMG_1"]


def test_what_has_no_partner_is_counted(tmp_path):
    write(tmp_path, PAIRS | {"images/train/d.jpg": PHOTO, "masks/train/e.png": MASK})
    with pytest.warns(UserWarning, match=r"left out images without a mask: 1 \(d\)"):
        data = load(tmp_path)
    assert len(data) == 3 and "left out masks without an image: 1 (e)" in str(data)
    write(tmp_path, {"images/train/a.jpeg": PHOTO})
    refusal(tmp_path, r"a\.jpe?g and .*a\.jpe?g have the same stem")


def test_a_data_set_in_another_folder_is_not_mixed_in(tmp_path):
    write(tmp_path, PAIRS | paired("old/images/*.jpg", "old/masks/*.png", "a,z"))
    data = load(tmp_path)
    assert "z" not in "".join(data.names()) and "folder old/, a data set of its own" in str(data)


def test_names_that_do_not_match_name_the_way_out(tmp_path):
    write(tmp_path, {"images/{ant,bee}.jpg": PHOTO, "masks/{x1,y7}.png": MASK})
    refusal(tmp_path, r"2 images \(ant, bee\) and 2 masks \(x1, y7\) do not match.*folders\.pairs\(")
    photos, labels = ([*sorted((tmp_path / name).iterdir())] for name in ("images", "masks"))
    data = folders.pairs(photos, labels, ["sea", "fish", "crab"])
    assert data.names() == ["ant", "bee"] and data[1][1].tolist() == MASK.tolist()
    with pytest.raises(ValueError, match="2 images and 1 masks: lists are paired in order"):
        folders.pairs(photos, labels[:1])
    with pytest.raises(FileNotFoundError, match="no image here"):
        folders.pairs(tmp_path / "*.bmp", tmp_path / "masks")
    with pytest.raises(FileNotFoundError, match=r"lost\.png: no such file"):
        folders.pairs(photos, [labels[0], tmp_path / "lost.png"])


def test_lists_in_different_orders(tmp_path):
    write(
        tmp_path, {"images/{a,b,c}.jpg": PHOTO, "masks/{a,b,c}_m.png": MASK, "numbers/{97,98,99}.png": MASK}
    )
    photos, labels, numbers = ([*sorted((tmp_path / n).iterdir())] for n in ("images", "masks", "numbers"))
    assert len(folders.pairs(photos, labels)) == 3
    with pytest.raises(ValueError, match=r"the orders differ: .*a\.jpg is given .*c_m\.png; sort both"):
        folders.pairs(photos, labels[::-1])
    assert len(folders.pairs(photos, numbers[::-1])) == 3  # names that say nothing


def test_equal_names_in_several_folders(tmp_path):
    write(tmp_path, paired("{day,night}/train/images/*.jpg", "{day,night}/train/masks/*.png", "a"))
    write(tmp_path, {"night/train/masks/a.png": MASK * 0, "night/val/images/a.jpg": PHOTO})
    assert [bool(mask.any()) for _, mask in load(tmp_path)] == [True, False]
    with pytest.raises(ValueError, match="have the same name; give two lists in the same order"):
        folders.pairs(f"{tmp_path}/night/*/images/*.jpg", f"{tmp_path}/*/*/masks/*.png")
    write(tmp_path / "other", {"images/{day,night}/a.jpg": PHOTO, "masks/{d,n}/a.png": MASK})
    refusal(tmp_path / "other", "'a' is in several subfolders; if each holds one class")


def test_pairs_take_patterns_and_every_form_of_classes(tmp_path):
    write(tmp_path, paired("{day,night}/*.jpg", "{day,night}/*_L.png", "1,2"))
    write(tmp_path, {"mine.txt": "sea\nvoid\ncrab\n"})
    photos, labels = f"{tmp_path}/**/*.jpg", f"{tmp_path}/**/*_L.png"
    for classes, names in (
        (None, GREY),
        (["sea", "fish", "crab"], ("sea", "fish", "crab")),
        ({0: None, 1: "life", 2: "life"}, ("life",)),
        (tmp_path / "mine.txt", ("sea", "crab")),
    ):
        data = folders.pairs(photos, labels, classes)
        assert len(data) == 4 and data.classes.names == names and data.count_mask(0).pixels.sum() == 12
    parts = [folders.pairs(photos, labels, split=split) for split in ("train", "val", "test")]
    assert sum(map(len, parts)) == 4
    data = folders.pairs(photos, labels, objects=True)
    assert data.classes.names == ("background", "object") and len(data.instances(0)) == 2


SEVERAL = {
    r"both a_cat and a_dog fit a; if each holds one class": ("", "{_cat,_dog}"),
    r"both a_mask_1st and a_mask_2nd fit a;": ("", "_mask_{1st,2nd}"),
    r"segmentation and .* segmentation fit a.camera;": (".camera", ".{semantic,instance} segmentation"),
    r"both a_000[01] and a_000[01] fit a; .* say which": ("_000{0,1}", ""),
}


@pytest.mark.parametrize("words", SEVERAL)
def test_several_for_one(tmp_path, words):
    photo, label = SEVERAL[words]
    refusal(
        write(tmp_path, {f"images/{{a,b,c}}{photo}.png": PHOTO, f"masks/{{a,b,c}}{label}.png": MASK}), words
    )


def test_a_class_that_few_images_have_is_not_dropped():
    masks = ["a_cat", "b_cat", "c_cat", "d_cat", "b_dog"]
    with pytest.raises(ValueError, match="both b_cat and b_dog fit b;"):
        find_rule({"a", "b", "c", "d"}, masks)
    assert find_rule({"cat", "dog"}, ["cat_mask", "catfish_mask", "dog_mask"])  # of an image that is missing
    assert find_rule({"a", "a_aug", "b", "b_aug"}, ["a_mask", "b_mask"])


@pytest.mark.parametrize(
    ("images", "masks"),
    [
        (
            "{1,2}",
            "masks/task-{1-annotation-2,2-annotation-1}-by-1-tag-{cat,dog}-0",
        ),  # of Label Studio's brush
        ("{0,1,2,3,4,5}", "mask-anno/0/0000{0,1,2,3,4,5}_{hair,nose}"),  # faces, in numbered folders
    ],
)
def test_numbers_of_something_else_are_no_names_of_images(tmp_path, images, masks):
    refusal(write(tmp_path, {f"img/{images}.jpg": PHOTO, f"{masks}.png": BINARY}), "do not match")
