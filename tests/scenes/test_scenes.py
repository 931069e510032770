"""What every tide pool keeps to, at any size and with any dials."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy.ndimage import distance_transform_cdt
from torchvision.tv_tensors import Image, Mask

from seglib.boxes import from_masks, loosen
from seglib.labels import VOID
from seglib.scenes import CLASSES, SMALLEST, Dials, Scene, Scenes, draw_scene
from tests.refused import refused


def scene(size: tuple[int, int] = (160, 160), seed: int = 0, **dials: object) -> Scene:
    return draw_scene(np.random.default_rng(seed), size, Dials(**dials))


def painted(drawn: Scene) -> torch.Tensor:
    mask = torch.zeros_like(torch.as_tensor(drawn.mask))
    for shape, label in zip(drawn.instances.masks, drawn.instances.classes):
        mask[shape] = label.to(torch.uint8)
    return mask


@pytest.mark.parametrize("size", [(16, 16), (16, 120), (33, 97), (160, 160), (480, 640)])
def test_at_any_size_the_mask_is_the_instances_painted_with_void_only_around_them(size):
    drawn = scene(size, void_border=2)
    objects, void = drawn.instances, drawn.mask == VOID
    assert isinstance(drawn.image, Image) and isinstance(drawn.mask, Mask)
    assert drawn.image.shape == (3, *size) and drawn.image.dtype == torch.uint8
    assert drawn.mask.shape == size and drawn.mask.dtype == torch.uint8
    assert objects.masks.shape == (len(objects), *size) and objects.masks.dtype == torch.bool
    assert objects.classes.dtype == objects.boxes.dtype == torch.int64
    assert 2 <= len(objects) <= 5 and objects.classes.min() >= 1 and objects.classes.max() < len(CLASSES)
    assert drawn.image.float().std() > 10
    assert objects.masks.sum(0).max() <= 1, "visible pixels belong to one object only"
    assert torch.equal(drawn.mask[~void], painted(drawn)[~void])
    assert not (void & objects.masks.any(0)).any()


@pytest.mark.parametrize("width", [0, 1, 3])
def test_void_is_all_background_within_the_border(width):
    drawn = scene(void_border=width, count=(2, 2))
    away = distance_transform_cdt((painted(drawn) == 0).numpy(), metric="chessboard")
    rim = (away > 0) & (away <= width)
    assert np.array_equal(drawn.mask.numpy() == VOID, rim)


def test_boxes_are_tight_and_loosen_on_demand():
    tight, loose = scene().instances, scene(box_looseness=1.4).instances
    for shape, (x1, y1, x2, y2) in zip(tight.masks.numpy(), tight.boxes.tolist()):
        rows, columns = np.nonzero(shape)
        assert (x1, y1, x2, y2) == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert torch.equal(loose.boxes, loosen(from_masks(loose.masks), 1.4, (160, 160)))
    assert torch.equal(loose.masks, tight.masks) and not torch.equal(loose.boxes, tight.boxes)


def test_no_objects_at_all_and_objects_too_hidden_to_name_which_are_void():
    empty = scene(count=(0, 0))
    assert not empty.mask.any()
    assert empty.instances.masks.shape == (0, 160, 160) and empty.instances.boxes.shape == (0, 4)
    crowded = scene(count=(50, 50), void_border=0)
    assert len(crowded.instances) < 50, "some of fifty objects are buried"
    assert crowded.instances.masks.sum((1, 2)).min() >= SMALLEST
    buried = (crowded.mask == VOID).sum()
    assert 0 < buried < SMALLEST * (50 - len(crowded.instances))


def test_objects_of_one_class_touch():
    touching = 0
    for index in range(40):
        objects = Scenes(40, "val").scene(index).instances
        shapes = list(zip(objects.masks.numpy(), objects.classes.tolist()))
        touching += any(
            one is not other and label == same and distance_transform_cdt(~one)[other].min() == 1
            for one, label in shapes
            for other, same in shapes
        )
    assert touching >= 8, f"{touching} of 40 images hold two touching objects of one class"


def test_the_same_image_in_another_process_and_after_pickling():
    here = Scenes(2, "val", (64, 80), seed=5)
    code = "from seglib.scenes import Scenes; print(Scenes(2, 'val', (64, 80), seed=5)[1][0].tolist())"
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=200)
    assert there.stdout.strip() == str(here[1][0].tolist()), there.stderr
    again = pickle.loads(pickle.dumps(here)).scene(1)
    assert torch.equal(again.image, here[1][0])
    assert torch.equal(again.instances.masks, here.instances(1).masks)


def test_an_image_depends_on_seed_split_and_index_only():
    short, long = Scenes(2, "val"), Scenes(9, "val")
    assert torch.equal(long[7][0], long[7][0]) and torch.equal(long[1][0], short[1][0])
    assert torch.equal(long.instances(1).masks, short.scene(1).instances.masks)
    kinds = [Scenes(3, split, seed=seed) for split in ("train", "val", "test") for seed in (0, 1)]
    images = [dataset[index][0] for dataset in kinds for index in range(3)]
    different = {image.numpy().tobytes() for image in images}
    assert len(different) == len(images)


SIZE = r"must be \(height, width\), whole numbers of at least 16 pixels"


test_bad_settings_give_one_sentence = refused(
    lambda make, options: make(**options),
    (Dials, {"camouflage": 1.1}, r"camouflage=1\.1 is out of range; use 0\.\.1\."),
    (Dials, {"blur": float("nan")}, r"blur=nan is out of range; use 0\.\.10\."),
    (Dials, {"noise": "much"}, r"noise='much' is out of range; use 0\.\.64\."),
    (Dials, {"box_looseness": 0.5}, r"box_looseness=0\.5 is out of range; use 1\.\.3\."),
    (Dials, {"void_border": 1.5}, r"void_border=1\.5 must be a whole number"),
    (Dials, {"count": (5, 2)}, r"count=\(5, 2\) must be \(fewest, most\)"),
    (Dials, {"count": 4}, r"count=4 must be \(fewest, most\)"),
    (Dials, {"rare": "shark"}, r"rare='shark' is not an object class; use one of fish, "),
    (Scenes, {"size": (15, 40)}, SIZE),
    (Scenes, {"size": 160}, SIZE),
    (Scenes, {"size": (20.5, 20)}, SIZE),
    (Scenes, {"size": (20, 20, 3)}, SIZE),
    (Scenes, {"split": "all"}, r"split='all' does not exist; use one of train, val, test\."),
    (Scenes, {"length": -1}, "length=-1 and seed=0 must both be 0 or more"),
)


def test_the_drawing_is_that_of_the_stored_numbers():
    """All numbers of the course are of these images; another OpenCV may move single grey levels."""
    drawn = Scenes(1, dials=Dials(noise=0)).scene(0)
    assert drawn.image.float().mean().item() == pytest.approx(123.6, abs=0.1)
    assert (drawn.mask == 0).sum() == pytest.approx(19574, abs=20)
    assert (drawn.mask == CLASSES.index("kelp")).sum() == pytest.approx(4757, abs=20)
