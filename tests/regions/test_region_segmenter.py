"""The whole pipeline: fitted, judged, saved, loaded; and what it says about bad data."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import joblib
import pytest
import torch
from torch import Tensor
from torchvision.tv_tensors import Image, Mask

from seglib import backbones
from seglib import files as tensor_files
from seglib.data.dataset import SegmentationDataset
from seglib.evaluate import evaluate
from seglib.files import TensorFileError
from seglib.labels import Classes
from seglib.regions import segmenter as saved
from seglib.regions.examples import resized
from seglib.regions.features import RegionFeatures, Stages
from seglib.regions.grouping import FILL, Strategy
from seglib.regions.segmenter import RegionSegmenter

COLOURS = torch.tensor([[90, 90, 90], [250, 30, 30], [30, 30, 250]], dtype=torch.uint8)
THREE = Classes.of("background", "red", "blue")


class Squares(SegmentationDataset):
    """A grey ground with noise, and on it a square in the colour of its class."""

    def __init__(self, length: int, split: str = "train", *, kinds: tuple[int, ...] = (1, 2)) -> None:
        self.name, self.split, self.classes = "squares", split, THREE
        self.length, self.kinds = length, kinds

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[Image, Mask]:
        if not 0 <= index < self.length:
            raise IndexError(index)
        rng = torch.Generator().manual_seed(index + 1000 * (self.split != "train"))
        mask = torch.zeros(48, 56, dtype=torch.uint8)
        x, y = torch.randint(2, 24, (2,), generator=rng).tolist()
        if self.kinds:
            mask[y : y + 20, x : x + 24] = self.kinds[index % len(self.kinds)]
        noise = torch.randint(-9, 10, (48, 56, 3), generator=rng)
        image = (COLOURS[mask.long()].int() + noise).clamp(0, 255).byte().permute(2, 0, 1)
        return Image(image), Mask(mask)


def segmenter(kind: str = "joined", **more: object) -> RegionSegmenter:
    torch.manual_seed(0)
    features = RegionFeatures(backbones.load("small", pretrained=False), size=32)
    return RegionSegmenter(THREE, features=features, kind=kind, number=30, **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def fitted() -> RegionSegmenter:
    return segmenter().fit(Squares(12), Squares(6, "val"), jobs=1)


@pytest.mark.parametrize("kind", ["full", "foreground", "joined"])
def test_it_finds_the_squares(kind: str) -> None:
    """Even a net with random weights tells red from blue, and regions do the rest."""
    scores = evaluate(segmenter(kind).fit(Squares(12), Squares(6, "val"), jobs=1), Squares(6, "test"))
    assert scores.mean_iou > scores.baseline.mean_iou + 0.3 and scores.name == f"regions, {kind}"


def test_the_threshold_is_one_that_nothing_beats_on_val(fitted: RegionSegmenter) -> None:
    val, chosen = Squares(6, "val"), fitted.threshold
    best = evaluate(fitted, val, boundary=False).mean_iou
    for other in (-math.inf, -1.0, 0.0, 1.4):
        fitted.threshold = other
        assert evaluate(fitted, val, boundary=False).mean_iou <= best + 0.01  # the features are rounded there
    fitted.threshold = chosen


def test_the_same_seed_gives_the_same_mask(fitted: RegionSegmenter) -> None:
    again = segmenter().fit(Squares(12), Squares(6, "val"), jobs=1)
    image = Squares(1, "test")[0][0]
    assert again.threshold == fitted.threshold and torch.equal(again.predict(image), fitted.predict(image))


def test_other_processes_leave_nothing_to_do(home: Path) -> None:
    mine = segmenter("full").looker
    theirs = pickle.loads(pickle.dumps(mine))  # what other processes get
    with joblib.parallel_config(backend="threading"):  # processes take seconds to start
        theirs.prepare(Squares(3), jobs=2)
    stages = Stages()
    for index in range(3):
        examples = mine.look(Squares(3), index, stages)
        assert len(examples.read()) == len(examples.overlaps)
    assert stages.seconds["net"] == 0  # all was on the disk


class Fringed(Squares):
    """The same squares with void around them, as wide as a trimap's."""

    def __getitem__(self, index: int) -> tuple[Image, Mask]:
        image, mask = super().__getitem__(index)
        ys, xs = (mask > 0).nonzero(as_tuple=True)
        y1, y2, x1, x2 = int(ys.min()), int(ys.max()) + 1, int(xs.min()), int(xs.max()) + 1
        inner = torch.full_like(mask, 255)
        inner[y1 + 5 : y2 - 5, x1 + 5 : x2 - 5] = mask.max()
        return image, Mask(torch.where(mask > 0, inner, mask))


def test_void_counts_neither_for_nor_against_a_region(home: Path) -> None:
    mine, fringed = segmenter("full").looker, Fringed(1)
    best = mine.look(fringed, 0, Stages()).overlaps[:-1].max()
    assert best > 0.9  # with the void, the square has more than three times the pixels of its core


def test_loaded_it_predicts_the_same(fitted: RegionSegmenter, tmp_path: Path) -> None:
    fitted.save(tmp_path / "regions.pt")
    loaded = RegionSegmenter.load(tmp_path / "regions.pt")
    image = Squares(1, "test")[0][0]
    assert torch.equal(loaded.predict(image), fitted.predict(image))
    assert (loaded.name, loaded.threshold, loaded.classes) == (fitted.name, fitted.threshold, THREE)


def test_two_nets_are_saved_as_two(tmp_path: Path) -> None:
    torch.manual_seed(3)
    one, other = (backbones.load("small", pretrained=False) for _ in range(2))
    two = RegionSegmenter(THREE, features=RegionFeatures(one, foreground=other, size=32), number=30)
    two.fit(Squares(4), Squares(2, "val"), jobs=1).save(tmp_path / "two.pt")
    features = RegionSegmenter.load(tmp_path / "two.pt").looker.features
    assert features.foreground is not features.backbone
    assert torch.equal(next(features.foreground.parameters()), next(other.parameters()))


def test_a_file_keeps_the_strategies_and_an_older_one_knows_no_maker(tmp_path: Path) -> None:
    asked = (Strategy("rgb", 40, FILL, "opencv"), Strategy("hsv", 60))
    looker = replace(segmenter("full").looker, strategies=asked)
    content = saved.pack(looker, THREE)
    assert saved.unpack(content, tmp_path)[0].strategies == asked
    content["strategies"] = [three for *three, _ in content["strategies"]]
    assert saved.unpack(content, tmp_path)[0].strategies == (Strategy("rgb", 40, FILL), asked[1])


def test_a_larger_image_is_looked_at_smaller_and_answered_in_its_size(fitted: RegionSegmenter) -> None:
    image = Squares(1, "test")[0][0]
    large = torch.nn.functional.interpolate(image[None].float(), scale_factor=8)[0].byte()
    proposals, _ = fitted.score(large)
    assert proposals.labels.shape == (274, 320)
    pred, small = fitted.predict(large), fitted.predict(fitted.looker.shrunk(large))
    assert pred.shape == (384, 448) and len(small.unique()) > 1
    assert torch.equal(pred, resized(small, (384, 448)))


def test_seconds_by_stage_are_of_one_image(fitted: RegionSegmenter) -> None:
    fitted.predict(Squares(1)[0][0])
    assert list(fitted.seconds_by_stage) == ["proposals", "crops", "net", "svm", "paste"]
    total = sum(fitted.seconds_by_stage.values()) * fitted.stages.images
    assert total == pytest.approx(sum(fitted.stages.seconds.values())) and total > 0


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (40, 40)])
def test_images_of_one_colour_down_to_one_pixel(fitted: RegionSegmenter, size: tuple[int, int]) -> None:
    pred = fitted.predict(torch.full((3, *size), 90, dtype=torch.uint8))
    assert pred.shape == size and pred.dtype == torch.int64 and pred.unique().numel() == 1


def test_a_grey_image_is_taken_and_a_float_one_refused(fitted: RegionSegmenter) -> None:
    grey = Squares(1)[0][0].as_subclass(Tensor)[:1]
    assert torch.equal(fitted.predict(grey), fitted.predict(grey.expand(3, -1, -1)))
    with pytest.raises(ValueError, match=r"uint8.*float32.*255"):
        fitted.predict(torch.rand(3, 8, 8))


def test_a_class_without_training_objects_is_said_and_never_predicted() -> None:
    with pytest.warns(UserWarning, match="no training image has an object of blue: it will never"):
        poor = segmenter().fit(Squares(6, kinds=(1,)), Squares(4, "val"), jobs=1)
    assert not any((poor.predict(image) == 2).any() for image, _ in Squares(4, "test"))


def test_no_object_at_all_is_said() -> None:
    with pytest.raises(ValueError, match="no object to learn from in 3 training images"):
        segmenter().fit(Squares(3, kinds=()), Squares(2, "val"), jobs=1)


class OneClass(Squares):
    """The same images with one class, which is everywhere."""

    def __init__(self, length: int, split: str = "train") -> None:
        super().__init__(length, split)
        self.classes = Classes.of("paper")

    def __getitem__(self, index: int) -> tuple[Image, Mask]:
        image, mask = super().__getitem__(index)
        return image, Mask(torch.zeros_like(mask))


def test_one_class_that_is_everywhere_is_predicted_everywhere() -> None:
    one = segmenter()
    one.classes = Classes.of("paper")
    one.fit(OneClass(3), OneClass(2, "val"), jobs=1)
    assert one.predict(Squares(1)[0][0]).unique().tolist() == [0]


def test_wrong_data_is_said() -> None:
    with pytest.raises(ValueError, match="squares train has no images"):
        segmenter().fit(Squares(0), Squares(2, "val"))
    with pytest.raises(ValueError, match=r"squares val has the classes paper, but .* background, red, blue"):
        segmenter().fit(Squares(2), OneClass(2, "val"), jobs=1)
    with pytest.raises(ValueError, match=r"no SVMs yet; call fit\(train, val\)"):
        segmenter().predict(Squares(1)[0][0])
    with pytest.raises(ValueError, match="'both' do not exist"):
        segmenter("both")


class Spoilt(Squares):
    """One of its masks is spoilt."""

    def __init__(self, spoil: Callable[[Tensor], Tensor], split: str = "train") -> None:
        super().__init__(3, split)
        self.spoil = spoil

    def __getitem__(self, index: int) -> tuple[Image, Mask]:
        image, mask = super().__getitem__(index)
        return image, Mask(self.spoil(mask) if index == 1 else mask)


@pytest.mark.parametrize("split", ["train", "val"])
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (
            lambda mask: mask + 2,
            r"image 1: the mask holds the value \d; it may hold 0..2 \(background, red",
        ),
        (lambda mask: mask[:20], r"image 1: .* so the mask must be \(48, 56\) .* not \(20, 56\)"),
    ],
)
def test_a_wrong_mask_is_named(spoil: Callable[[Tensor], Tensor], said: str, split: str) -> None:
    parts = {"train": Squares(3), "val": Squares(3, "val")} | {split: Spoilt(spoil, split)}
    with pytest.raises(ValueError, match=f"squares {split}, {said}"):
        segmenter("full").fit(**parts, jobs=1)


def test_a_val_split_of_void_chooses_nothing() -> None:
    val = Spoilt(lambda mask: torch.full_like(mask, 255), "val").subset([1])
    with pytest.raises(ValueError, match="squares val: every pixel is void"):
        segmenter("full").fit(Squares(3), val, jobs=1)


def test_wrong_files_are_said(fitted: RegionSegmenter, tmp_path: Path) -> None:
    path = tmp_path / "regions.pt"
    with pytest.raises(FileNotFoundError, match="no such file"):
        RegionSegmenter.load(path)
    tensor_files.write(path, {"format": "something else"})
    with pytest.raises(TensorFileError, match=r"regions.pt is no saved region segmenter"):
        RegionSegmenter.load(path)
    fitted.save(path)
    content = tensor_files.read(path)
    for part in ("svms", "nets", "crops"):
        tensor_files.write(path, {name: value for name, value in content.items() if name != part})
        with pytest.raises(TensorFileError, match=rf"lacks .*{part}.*anew"):
            RegionSegmenter.load(path)
