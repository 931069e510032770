"""Duplicates across splits: planted ones are found, others are not."""

import io
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from PIL import Image as Pillow
from torchvision.transforms.functional import pil_to_tensor, to_pil_image
from torchvision.tv_tensors import Image, Mask

from seglib.data.catalog import load
from seglib.data.dataset import SegmentationDataset
from seglib.data.audit import audit
from seglib.labels import Classes


class Images(SegmentationDataset):
    """Images in memory."""

    def __init__(self, split: str, images: Sequence[Pillow.Image]) -> None:
        self.name, self.split, self.classes = "planted", split, Classes.of("background")
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Image, Mask]:
        image = Image(pil_to_tensor(self.images[index].convert("RGB")))
        return image, Mask(torch.zeros(image.shape[1:], dtype=torch.uint8))


def jpeg(image: Pillow.Image, quality: int) -> Pillow.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Pillow.open(buffer)


@pytest.fixture(scope="module")
def scenes() -> list[Pillow.Image]:
    return [to_pil_image(image) for image, _ in load("scenes", length=12, seed=1)]


COPIES = {
    "the same": lambda image: image.copy(),
    "JPEG 75": lambda image: jpeg(image, 75),
    "JPEG 30": lambda image: jpeg(image, 30),
    "half": lambda image: image.resize((image.width // 2, image.height // 2)),
    "wider": lambda image: image.resize((image.width * 3 // 2, image.height)),
    "brighter": lambda image: image.point(lambda value: min(255, value + 10)),
}


@pytest.mark.parametrize("change", COPIES)
def test_a_planted_copy_is_found_and_nothing_else(scenes: list[Pillow.Image], change: str) -> None:
    train = Images("train", scenes[:6])
    val = Images("val", [*scenes[6:], COPIES[change](scenes[2])])
    (pair,) = find_duplicates({"train": train, "val": val})
    assert (pair.first, pair.second) == ("train/2", "val/6")
    assert (pair.bits == -1) == (change == "the same")


def test_every_pair_of_splits_is_looked_at(scenes: list[Pillow.Image]) -> None:
    splits = {name: Images(name, [scenes[k], scenes[11]]) for k, name in enumerate(["train", "val", "test"])}
    report = find_duplicates(splits | {"empty": Images("empty", [])})
    assert {(pair.first, pair.second) for pair in report} == {
        ("train/1", "val/1"),
        ("train/1", "test/1"),
        ("val/1", "test/1"),
    }


def test_within_names_each_pair_once(scenes: list[Pillow.Image]) -> None:
    (pair,) = find_duplicates(Images("train", [*scenes[:4], scenes[1]]))
    assert pair == ("train/1", "train/4", -1, (("train", 1), ("train", 4))) and not pair.across_splits


def test_pairs_are_readable_and_the_most_alike_come_first(scenes: list[Pillow.Image]) -> None:
    one, other = Images("train", scenes[:2]), Images("val", [jpeg(scenes[1], 20), scenes[0]])
    first, second = map(str, find_duplicates({"train": one, "val": other}))
    assert first == "train/0 = val/1 (every pixel)"
    assert second.startswith("train/1 = val/0 (") and second.endswith(" of 64 bits differ)")
    assert find_duplicates(one) == () and len(find_duplicates(Images("train", [scenes[0]] * 10))) == 45


@pytest.mark.photographs
def test_real_splits(photographs: Path) -> None:
    """CamVid's official splits share no frame; one cat of the pets is in trainval.txt and in test.txt."""
    camvid = {split: load("camvid", split, root=photographs) for split in ("train", "val", "test")}
    assert not any(pair.across_splits for pair in find_duplicates(camvid))
    pets = {split: load("pets", split, root=photographs) for split in ("train", "test")}
    (pair,) = (pair for pair in find_duplicates(pets) if pair.across_splits)
    assert (pair.first, pair.second) == ("train/Abyssinian_151", "test/Abyssinian_99")
