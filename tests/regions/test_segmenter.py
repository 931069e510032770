"""Which regions stay and which are in front; and the whole pipeline, fitted, judged, saved and loaded."""

import copy
import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from torch import Tensor

from seglib import backbones, files
from seglib.evaluate import evaluate
from seglib.files import TensorFileError
from seglib.labels import Classes
from seglib.metrics import confusion_matrix, mean_iou
from seglib.regions import Proposals, RegionFeatures, RegionSegmenter, features
from seglib.regions.crops import foreground_crop
from seglib.regions.features import RegionExtractor, resize_mask, shrink_to
from seglib.regions.segmenter import STAGES, THRESHOLDS, paste, paste_regions, region_nms, select_regions
from seglib.regions.svm import LinearSVMs, hard_negatives
from tests.data.conftest import InMemory
from tests.refused import refused

NEVER = -math.inf
LABELS = torch.tensor([[0, 0, 1, 2], [3, 3, 1, 2], [3, 3, 3, 3]])
COLOURS = torch.tensor([[90, 90, 90], [250, 30, 30], [30, 30, 250]], dtype=torch.uint8)
THREE = Classes.of("background", "red", "blue")


def proposals(*members: list[int]) -> Proposals:
    return Proposals(LABELS, torch.tensor(members).bool(), torch.zeros(len(members)))


def test_one_shared_superpixel_is_enough_to_be_suppressed():
    members = torch.tensor([[1, 1, 1, 0], [0, 0, 1, 1], [0, 0, 0, 1]]).bool()
    assert region_nms(torch.tensor([0.3, 0.2, 0.1]), members).tolist() == [0, 2]
    assert region_nms(torch.tensor([0.2, 0.3, 0.1]), members).tolist() == [1]


@settings(max_examples=30, deadline=None)
@given(some.integers(0, 10_000))
def test_what_is_kept_is_disjoint_and_the_rest_shares_a_pixel_with_a_better_one(seed):
    rng = torch.Generator().manual_seed(seed)
    members = torch.rand(12, 6, generator=rng) < 0.3
    scores = torch.randn(12, generator=rng)
    kept = region_nms(scores, members)
    assert int(members[kept].sum(dim=0).max()) <= 1
    for index in set(range(12)) - set(kept.tolist()):
        better = kept[scores[kept] >= scores[index]]
        assert (members[better] & members[index]).any()


def test_a_lower_threshold_only_adds_regions_below():
    """What the choice of the threshold relies on."""
    rng = torch.Generator().manual_seed(1)
    members = torch.rand(40, 4, generator=rng) < 0.4
    members = members[members.any(dim=1)]
    regions = Proposals(LABELS, members, torch.zeros(len(members)))
    scores = torch.randn(len(members), 3, generator=rng)
    everything = select_regions(regions, scores)
    for threshold in (-1.0, 0.0, 0.7):
        above = everything[scores[everything].amax(dim=1) > threshold]
        assert torch.equal(select_regions(regions, scores, threshold=threshold), above)


def test_the_best_region_is_in_front():
    regions = proposals([1, 1, 1, 0], [0, 1, 0, 0])
    over = paste_regions(regions, torch.tensor([[NEVER, 0.5, 0.1], [NEVER, 0.2, 0.9]]))
    under = paste_regions(regions, torch.tensor([[NEVER, 0.9, 0.1], [NEVER, 0.2, 0.5]]))
    assert over.tolist() == [[1, 1, 2, 1], [0, 0, 2, 1], [0, 0, 0, 0]]
    assert under.tolist() == [[1, 1, 1, 1], [0, 0, 1, 1], [0, 0, 0, 0]]


def test_without_a_region_above_the_threshold_everything_is_the_fill_class():
    regions, scores = proposals([1, 1, 1, 0]), torch.tensor([[NEVER, 0.5]])
    assert paste_regions(regions, scores, threshold=0.5, fill_class=7).unique().tolist() == [7]
    assert paste_regions(regions, scores, threshold=0.4, fill_class=7).unique().tolist() == [1, 7]
    assert paste_regions(regions, torch.tensor([[NEVER, NEVER]])).unique().tolist() == [0]
    assert paste_regions(regions.subset([]), torch.zeros(0, 2), fill_class=1).unique().tolist() == [1]
    for other in (torch.zeros(3, 2), torch.zeros(1)):
        with pytest.raises(ValueError, match=r"scores must be \(1, K\)"):
            paste_regions(regions, other)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU: torch finds no CUDA")
@pytest.mark.parametrize("devices", [("cuda", "cuda"), ("cuda", "cpu"), ("cpu", "cuda")])
def test_pasting_works_on_any_device(devices):
    here, scores = proposals([1, 1, 1, 0], [0, 1, 0, 0]), torch.tensor([[NEVER, 0.5, 0.1], [NEVER, 0.2, 0.9]])
    there = Proposals(*(part.to(devices[0]) for part in (here.labels, here.members, here.scores)))
    assert paste_regions(there, scores.to(devices[1])).cpu().equal(paste_regions(here, scores))


class Squares(InMemory):
    """A grey ground with noise, and on it a square in the colour of its class."""

    def __init__(self, length: int, split: str = "train", kinds: tuple[int, ...] = (1, 2)) -> None:
        images, masks = [], []
        for index in range(length):
            rng = torch.Generator().manual_seed(index + 1000 * (split != "train"))
            masks.append(mask := torch.zeros(48, 56, dtype=torch.uint8))
            x, y = torch.randint(2, 24, (2,), generator=rng).tolist()
            if kinds:
                mask[y : y + 20, x : x + 24] = kinds[index % len(kinds)]
            noise = torch.randint(-9, 10, (48, 56, 3), generator=rng)
            images.append((COLOURS[mask.long()].int() + noise).clamp(0, 255).byte().permute(2, 0, 1))
        super().__init__(THREE, masks, images)
        self.name, self.split = "squares", split


def one_class(length: int, split: str = "train") -> InMemory:
    """The same images with one class, which is everywhere."""
    data = Squares(length, split).named("paper")
    data.masks = [torch.zeros_like(mask) for mask in data.masks]
    return data


def segmenter(kind: str = "joined", classes: Classes = THREE) -> RegionSegmenter:
    torch.manual_seed(0)
    features = RegionFeatures(backbones.load("small", pretrained=False), size=32)
    return RegionSegmenter(classes, features=features, kind=kind, number=30)


@pytest.fixture(scope="module")
def fitted() -> RegionSegmenter:
    return segmenter().fit(Squares(12), Squares(6, "val"), jobs=1)


@pytest.mark.parametrize("kind", ["full", "foreground", "joined"])
def test_it_finds_the_squares(kind):
    """Even a net with random weights tells red from blue, and regions do the rest."""
    scores = evaluate(segmenter(kind).fit(Squares(12), Squares(6, "val"), jobs=1), Squares(6, "test"))
    assert scores.mean_iou > scores.baseline.mean_iou + 0.3 and scores.name == f"regions, {kind}"


@pytest.mark.parametrize("spread", [0.0, 1.5])
def test_the_threshold_is_the_best_by_brute_force(fitted, spread):
    """With the fitted SVMs, and with some that are wrong at random, so that the threshold matters."""
    val, one = Squares(6, "val"), copy.copy(fitted)
    assert fitted.svms is not None
    noise = torch.randn(3, generator=torch.Generator().manual_seed(1))
    svms = one.svms = LinearSVMs(fitted.svms.weights, fitted.svms.bias + spread * noise)
    found = [one.extractor.cached(image) for image, _ in val]
    masks, means = torch.stack([mask.as_subclass(Tensor) for _, mask in val]), []
    for threshold in THRESHOLDS:
        preds = [paste_regions(regions, svms.scores(rows), threshold=threshold) for regions, rows in found]
        means.append(mean_iou(confusion_matrix(torch.stack(preds), masks, 3)))
    assert len(set(means)) > 3
    assert one.best_threshold(val) == THRESHOLDS[int(np.argmax(means))]
    if not spread:
        assert fitted.threshold == THRESHOLDS[int(np.argmax(means))]


def test_the_same_seed_gives_the_same_mask(fitted):
    again = segmenter().fit(Squares(12), Squares(6, "val"), jobs=1)
    image = Squares(1, "test")[0][0]
    assert again.threshold == fitted.threshold and torch.equal(again.predict(image), fitted.predict(image))


def test_functions_of_a_student_run_in_place_of_the_librarys(fitted):
    """Each is called, also where the library's features are on the disk, and decides what comes out."""
    called = set()

    def noted(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def own(*args: Any) -> Tensor:
            called.add(function.__name__)
            return function(*args)

        return own

    torch.manual_seed(0)
    net, image = backbones.load("small", pretrained=False), Squares(1, "test")[0][0]
    features = RegionFeatures(net, size=32, mask_out=noted(foreground_crop))
    own = {"hard_negatives": noted(hard_negatives), "paste": noted(paste)}
    one = RegionSegmenter(THREE, features=features, number=30, **own)
    one.fit(Squares(12), Squares(6, "val"), jobs=1)
    assert called == {"foreground_crop", "hard_negatives", "paste"}
    assert one.threshold == fitted.threshold and torch.equal(one.predict(image), fitted.predict(image))
    one.paste = lambda masks, *_: torch.full(masks.shape[1:], 2)  # class 1: 0 stays free for "not painted"
    assert one.predict(image).unique().tolist() == [1]
    blank = RegionFeatures(net, size=32, mask_out=lambda crop, *_: torch.zeros_like(crop))
    rows = blank.extract(image, fitted.extractor.cached(image)[0], "foreground")
    assert torch.equal(rows, rows[:1].expand_as(rows))


def test_loaded_it_is_the_same_and_other_files_are_refused(fitted, tmp_path):
    fitted.save(path := tmp_path / "regions.pt")
    loaded, image = RegionSegmenter.load(path), Squares(1, "test")[0][0]
    assert torch.equal(loaded.predict(image), fitted.predict(image))
    for part in ("name", "threshold", "fill_class", "classes"):
        assert getattr(loaded, part) == getattr(fitted, part)
    content = files.read(path)
    for part in ("svms", "nets", "crops", "kind"):
        files.write(path, {name: value for name, value in content.items() if name != part})
        with pytest.raises(TensorFileError, match=r"regions.pt"):
            RegionSegmenter.load(path)
    weights, bias = content["svms"]
    damaged: dict[str, list[object]] = {
        "svms": [None, [weights, None], [weights[:, 1:], bias], [weights, bias[:1]], [weights[:1], bias[:1]]],
        "regions": [content["regions"] | part for part in ({"number": "x"}, {"seed": None}, {"kind": 3})],
        "crops": [content["crops"] | part for part in ({"size": "x"}, {"size": -1})],
        "name": [3], "threshold": [None, "x"], "fill_class": [7, [], 0.5], "kind": [3, None], "names": [3],
    }  # fmt: skip
    for part, values in damaged.items():
        for value in values:
            files.write(path, content | {part: value})
            with pytest.raises(TensorFileError, match=r"regions.pt.* damaged") as error:
                RegionSegmenter.load(path)
            assert "\n" not in str(error.value), (part, value)
    with pytest.raises(ValueError, match="must be text or a Path, not 3"):
        RegionSegmenter.load(3)
    for early in (lambda: segmenter().save(path), lambda: segmenter().predict(image)):
        with pytest.raises(ValueError, match=r"call fit\(train, val\)"):
            early()
    with pytest.raises(ValueError, match="got 'both'"):
        segmenter("both")
    # two nets are saved as two
    torch.manual_seed(3)
    one, other = (backbones.load("small", pretrained=False) for _ in range(2))
    two = copy.deepcopy(fitted)
    two.extractor = RegionExtractor(RegionFeatures(one, foreground=other, size=32), number=30)
    two.save(tmp_path / "two.pt")
    features = RegionSegmenter.load(tmp_path / "two.pt").extractor.features
    for net, saved in ((features.backbone, one), (features.foreground, other)):
        assert torch.equal(next(net.parameters()), next(saved.parameters()))


def test_a_larger_image_is_processed_smaller_and_answered_in_its_size(fitted):
    image = Squares(1, "test")[0][0]
    large = torch.nn.functional.interpolate(image[None].float(), scale_factor=8)[0].byte()
    regions, _ = fitted.score(large)
    assert regions.labels.shape == (274, 320)
    pred, small = fitted.predict(large), fitted.predict(shrink_to(large))
    assert pred.shape == (384, 448) and len(small.unique()) > 1
    assert torch.equal(pred, resize_mask(small, (384, 448)))


def test_seconds_by_stage_are_of_one_image(monkeypatch):
    one = segmenter("full")
    one.svms = LinearSVMs(torch.zeros(3, 256), torch.zeros(3))
    assert one.seconds_by_stage == dict.fromkeys(STAGES, 0.0)
    clock = itertools.count()
    monkeypatch.setattr(features.time, "perf_counter", lambda: float(next(clock)))  # a second per look
    for _ in range(2):
        one.predict(Squares(1)[0][0])
    assert one.seconds_by_stage == dict.fromkeys(STAGES, 1.0)


def test_images_of_one_colour_down_to_one_pixel_and_grey_ones(fitted):
    for size in ((1, 1), (1, 9), (40, 40)):
        pred = fitted.predict(torch.full((3, *size), 90, dtype=torch.uint8))
        assert pred.shape == size and pred.dtype == torch.int64 and pred.unique().numel() == 1
    grey = Squares(1)[0][0].as_subclass(Tensor)[:1]
    assert torch.equal(fitted.predict(grey), fitted.predict(grey.expand(3, -1, -1)))
    with pytest.raises(ValueError, match="uint8"):
        fitted.predict(torch.rand(3, 8, 8))


def test_a_class_without_training_objects_is_named_and_never_predicted():
    with pytest.warns(UserWarning, match="object of blue: it will never"):
        poor = segmenter().fit(Squares(6, kinds=(1,)), Squares(4, "val"), jobs=1)
    assert not any((poor.predict(image) == 2).any() for image, _ in Squares(4, "test"))


def test_without_background_the_most_frequent_class_fills():
    one = segmenter(classes=Classes.of("paper")).fit(one_class(3), one_class(2, "val"), jobs=1)
    assert one.fill_class == 0 and one.predict(Squares(1)[0][0]).unique().tolist() == [0]


test_wrong_data_is_refused = refused(
    lambda train, val: segmenter("full").fit(train, val, jobs=1),
    (Squares(0), Squares(2, "val"), "squares train has no images"),
    (Squares(2), one_class(2, "val"), r"squares val has the classes paper, .* background, red, blue"),
    (Squares(3, kinds=()), Squares(2, "val"), "no object to learn from in 3 training images"),
    (
        Squares(3),
        Squares(3, "val").spoilt(1, mask=lambda mask: mask | 255).subset([1]),
        "every pixel is void",
    ),
)


@pytest.mark.parametrize("split", ["train", "val"])
@pytest.mark.parametrize("change", [lambda mask: mask + 2, lambda mask: mask[:20]], ids=["value", "size"])
def test_a_wrong_mask_is_named(change, split):
    parts = {"train": Squares(3), "val": Squares(3, "val")}
    parts[split].spoilt(1, mask=change)
    with pytest.raises(ValueError, match=f"squares {split}, image 1"):
        segmenter("full").fit(**parts, jobs=1)
