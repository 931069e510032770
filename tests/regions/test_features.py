"""Crops: where they are taken and what surrounds them. Features: batches and shared boxes change nothing."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from seglib import backbones
from seglib.backbones import Backbone
from seglib.regions import Proposals, RegionFeatures
from seglib.regions import features as module
from seglib.regions.features import (
    CONTEXT,
    KINDS,
    MEAN,
    crop,
    crops,
    first_similar,
    masked,
    warp,
    windows,
    without_classifier,
)

LABELS = torch.tensor([[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 2, 2]])
TWO = Proposals(LABELS, torch.tensor([[1, 0, 1], [0, 1, 0]]).bool(), torch.tensor([0.9, 0.1]))


def photo(height: int = 24, width: int = 32) -> Tensor:
    rng = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (3, height, width), dtype=torch.uint8, generator=rng)


def small(seed: int = 0) -> Backbone:
    torch.manual_seed(seed)
    return backbones.load("small", pretrained=False)


def some_regions() -> Proposals:
    """Six quarters and halves of an image of 24 x 32."""
    labels = (torch.arange(24)[:, None] // 12 * 2 + torch.arange(32) // 16).long()
    members = [[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 1, 1], [1, 0, 0, 1], [1, 0, 0, 0], [0, 0, 0, 1]]
    return Proposals(labels, torch.tensor(members).bool(), torch.zeros(6))


def test_a_window_of_the_crops_own_size_is_cut_out_unchanged() -> None:
    image, window = photo(9, 12), torch.tensor([[3.0, 2, 8, 7]])
    assert torch.equal(warp(image, window, 5)[0], image[:, 2:7, 3:8].float())


def test_a_window_twice_as_large_is_averaged_and_not_sampled() -> None:
    image = photo(8, 8)
    pixels = image.permute(1, 2, 0).numpy().astype(np.float32)
    theirs = cv2.resize(pixels, (4, 4), interpolation=cv2.INTER_AREA)
    assert np.allclose(warp(image, torch.tensor([[0.0, 0, 8, 8]]), 4)[0].permute(1, 2, 0), theirs, atol=1e-3)


def test_the_context_is_16_of_227_pixels_on_each_side_as_in_sds() -> None:
    window = windows(torch.tensor([[100, 50, 295, 245]]))[0]  # 195 = 227 - 2 * 16
    assert window.tolist() == pytest.approx([100 - 16, 50 - 16, 295 + 16, 245 + 16])


def test_outside_the_image_is_the_fill_colour() -> None:
    image = torch.full((3, 390, 390), 255, dtype=torch.uint8)
    whole = crop(image, torch.tensor([0, 0, 390, 390]), size=227, fill=(10, 20, 30))
    assert whole[:, 0, 0].tolist() == [10, 20, 30] and whole[:, 110, 110].tolist() == pytest.approx([255] * 3)
    assert int((whole[0] > 254.9).sum()) == 195 * 195


def test_the_foreground_by_hand() -> None:
    full = torch.full((2, 3, 4, 4), 200.0)
    alone = masked(full, LABELS, TWO.members, TWO.boxes.float())
    # region 0 has the box 4 x 3 and all but the upper right; its crop of 4 rows looks at the rows 0, 1, 1, 2
    assert (alone[0, 0] == 200).int().tolist() == [[1, 1, 0, 0]] * 3 + [[1, 1, 1, 1]]
    assert alone[0, :, 0, 3].tolist() == list(MEAN)
    assert bool((alone[1] == 200).all())  # region 1 fills its box


def test_both_crops_of_regions() -> None:
    image = photo(3, 4)
    full, alone = crops(image, TWO, size=8)
    for index, box in enumerate(TWO.boxes):
        assert torch.equal(full[index], crop(image, box, size=8))
    assert torch.equal(alone, masked(full, LABELS, TWO.members, windows(TWO.boxes)))


def test_a_neighbour_in_the_context_is_not_in_the_foreground() -> None:
    image, labels = torch.full((3, 60, 60), 200, dtype=torch.uint8), torch.zeros(60, 60, dtype=torch.long)
    labels[20:40, 20:40] = 1
    region = Proposals(labels, torch.tensor([[False, True]]), torch.zeros(1))
    alone = crops(image, region, size=227)[1][0, 0]
    assert alone[0, 0] == MEAN[0] and alone[113, 15] == MEAN[0] and alone[113, 17] == 200
    assert CONTEXT == 16 / 227


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 1)])
def test_the_smallest_images(size: tuple[int, int]) -> None:
    image, labels = torch.full((3, *size), 50, dtype=torch.uint8), torch.zeros(size, dtype=torch.long)
    window = torch.tensor([[0.0, 0, size[1], size[0]]])
    full = warp(image, window, 6)
    assert bool((full == 50).all())
    assert torch.equal(full, masked(full, labels, torch.ones(1, 1).bool(), window))


def test_grey_images_are_accepted_and_other_things_refused() -> None:
    grey, box = photo(6, 6)[:1], torch.tensor([0, 0, 6, 6])
    assert torch.equal(crop(grey, box, size=4), crop(grey.expand(3, -1, -1), box, size=4))
    with pytest.raises(ValueError, match="uint8"):
        crop(torch.rand(3, 6, 6), box)


def test_a_feature_is_the_nets_output_for_the_crop() -> None:
    features, regions = RegionFeatures(small(), size=32), some_regions()
    full, alone = crops(photo(), regions, size=32, fill=features.fill)
    with torch.inference_mode():
        net = without_classifier(small().eval())
        assert torch.allclose(features.extract(photo(), regions, "full"), net(full), atol=1e-4)
        assert torch.allclose(features.extract(photo(), regions, "foreground"), net(alone), atol=1e-4)


def test_joined_is_full_then_foreground() -> None:
    features, regions = RegionFeatures(small(), size=32), some_regions()
    full, alone, both = (features.extract(photo(), regions, kind) for kind in KINDS)
    assert torch.equal(both, torch.cat([full, alone], dim=1)) and both.dtype == torch.float32
    # a quarter fills its box; the two quarters of region 3 share the box of the whole image, region 0
    assert torch.allclose(full[0], full[3]) and not torch.allclose(alone[0], alone[3])


def test_a_foreground_net_of_its_own_sees_only_foregrounds() -> None:
    one, two = small(), small(1)
    both, regions = RegionFeatures(one, foreground=two, size=32), some_regions()
    for kind, net in (("full", one), ("foreground", two)):
        alone = RegionFeatures(net, size=32).extract(photo(), regions, kind)  # type: ignore[arg-type]
        assert torch.equal(both.extract(photo(), regions, kind), alone)  # type: ignore[arg-type]


def test_batches_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    features, regions = RegionFeatures(small(), size=32), some_regions()
    at_once = features.extract(photo(), regions)
    monkeypatch.setattr(module, "BATCH", 2)
    assert torch.allclose(features.extract(photo(), regions), at_once, atol=1e-5)


def test_no_regions_give_no_rows() -> None:
    nothing = Proposals(torch.zeros(4, 4).long(), torch.zeros(0, 1).bool(), torch.zeros(0))
    features = RegionFeatures(small(), size=32)
    width = features.extract(photo(), some_regions()).shape[1]
    assert features.extract(photo(4, 4), nothing).shape == (0, width)


def test_boxes_that_are_nearly_the_same_share_a_crop() -> None:
    boxes = torch.tensor([[0, 0, 100, 100], [0, 0, 97, 100], [0, 0, 94, 100], [0, 0, 90, 100]])
    # 97 of 100 joins the first; 94 does not, though it is near to 97; 90 of 94 joins that
    assert first_similar(boxes).tolist() == [0, 0, 2, 2]


def test_the_net_that_was_passed_stays_as_it_was() -> None:
    net = small().train()
    RegionFeatures(net, size=32).extract(photo(), some_regions())
    assert net.training


def test_lite0_gives_the_layer_before_its_classifier() -> None:
    regions, features = some_regions().subset([0]), RegionFeatures(size=64)
    rows = features.extract(photo(), regions)
    assert rows.shape == (1, 2 * 1280)
    full, _ = crops(photo(), regions, size=64, fill=features.fill)
    with torch.inference_mode():
        logits = backbones.load("lite0").classify(full)
        last = features.backbone.classifier[-1]  # type: ignore[index]
        assert torch.allclose(last(rows[:, :1280]), logits, atol=1e-3)


def test_seconds_are_counted_by_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds, clock = {"net": 100.0}, itertools.count()
    monkeypatch.setattr(module.time, "perf_counter", lambda: float(next(clock)))
    RegionFeatures(small(), size=32).extract(photo(), some_regions(), seconds=seconds)
    assert seconds == {"crops": 2, "net": 102}


def test_a_key_changes_with_the_weights_and_the_crops() -> None:
    keys = [RegionFeatures(small(seed), size=size).keys["full"] for seed, size in ((0, 32), (1, 32), (0, 48))]
    assert len(set(keys)) == 3 and keys[0] == RegionFeatures(small(), size=32).keys["full"]


def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(ValueError, match="full, foreground, joined; got 'both'"):
        RegionFeatures(small(), size=32).extract(photo(), some_regions(), "both")  # type: ignore[arg-type]
