"""Oxford-IIIT Pet: trimaps to classes, the lists to splits."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.datasets import OxfordIIITPet

from seglib.data.photographs import Pets
from seglib.labels import VOID

TRIMAP = np.array([[2, 2, 2, 2], [2, 3, 1, 1], [2, 3, 1, 2]], np.uint8)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Twelve animals, odd ones dogs; number 11 is in no list."""
    root = tmp_path / "oxford-iiit-pet"
    (root / "images").mkdir(parents=True)
    (root / "annotations" / "trimaps").mkdir(parents=True)
    lines = []
    for k in range(12):
        stem = f"beagle_{k}" if k % 2 else f"Birman_{k}"
        Image.new("RGB", (4, 3), (20 * k, 9, 9)).save(root / "images" / f"{stem}.jpg")
        Image.fromarray(TRIMAP).save(root / "annotations" / "trimaps" / f"{stem}.png")
        lines.append(f"{stem} {1 + k % 2} {1 + k % 2} 1\n")
    (root / "annotations" / "trimaps" / "._beagle_1.png").write_bytes(b"macOS")  # the archive has these
    (root / "annotations" / "trainval.txt").write_text("#remark\n" + "".join(lines[:8]))
    (root / "annotations" / "test.txt").write_text("".join(lines[8:11]))
    return root


def test_cats_and_dogs(root: Path) -> None:
    test = Pets(root, "test")
    assert [test.sample_id(k) for k in range(3)] == ["Birman_8", "beagle_9", "Birman_10"]
    assert test[0][1].tolist() == [[0, 0, 0, 0], [0, VOID, 1, 1], [0, VOID, 1, 0]]
    assert test[1][1].tolist() == [[0, 0, 0, 0], [0, VOID, 2, 2], [0, VOID, 2, 0]]


def test_one_class_for_both(root: Path) -> None:
    test = Pets(root, "test", classes=("background", "pet"))
    assert test.classes.names == ("background", "pet")
    assert all(set(mask.unique().tolist()) == {0, 1, VOID} for _, mask in test)
    with pytest.raises(ValueError, match="background, cat, dog or two names"):
        Pets(root, classes=("background", "dog", "cat"))


def test_the_box_is_the_animals(root: Path) -> None:
    found = Pets(root, "test").instances(1)
    assert found.boxes.tolist() == [[2, 1, 4, 3]] and found.classes.tolist() == [2]
    assert torch.equal(found.masks[0], torch.from_numpy(TRIMAP == 1))


def test_an_empty_trimap_has_no_instance(root: Path) -> None:
    Image.fromarray(np.full((3, 4), 2, np.uint8)).save(root / "annotations" / "trimaps" / "Birman_8.png")
    assert len(Pets(root, "test").instances(0)) == 0


def test_trainval_is_divided(root: Path) -> None:
    parts = {split: {s.id for s in Pets(root, split).samples} for split in ("train", "val", "test")}
    assert len(parts["train"] | parts["val"]) == len(parts["train"]) + len(parts["val"]) == 8
    assert not parts["test"] & (parts["train"] | parts["val"])


@pytest.mark.parametrize("line", ["Birman_8 1 3 1", "Birman_8 1 1", "<html>"])
def test_a_damaged_list_is_named(root: Path, line: str) -> None:
    (root / "annotations" / "test.txt").write_text(f"#remark\n{line}\n")
    with pytest.raises(ValueError, match=r"test\.txt, line 2: expected 'name class species breed'"):
        Pets(root, "test")


def test_a_listed_image_must_be_there(root: Path) -> None:
    (root / "images" / "Birman_8.jpg").unlink()
    with pytest.raises(ValueError, match=r"1 without an image in .*images \(Birman_8\)"):
        Pets(root, "test")


@pytest.mark.photographs
def test_agrees_with_torchvision(photographs: Path) -> None:
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
def test_real_splits_do_not_overlap(photographs: Path) -> None:
    parts = [
        {s.id for s in Pets(photographs / "oxford-iiit-pet", split).samples}
        for split in ("train", "val", "test")
    ]
    assert len(set.union(*parts)) == sum(map(len, parts))
    assert 0.15 < len(parts[1]) / (len(parts[0]) + len(parts[1])) < 0.25
