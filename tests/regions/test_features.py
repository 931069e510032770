"""Features: what the net is shown, in which order, and that batches and shared boxes change nothing."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from seglib import backbones
from seglib.backbones import Backbone
from seglib.regions import features as module
from seglib.regions.features import RegionFeatures, Stages, layers, like_earlier
from seglib.regions.proposals import Proposals


def small(seed: int = 0) -> Backbone:
    torch.manual_seed(seed)
    return backbones.load("small", pretrained=False)


def image(height: int = 24, width: int = 32) -> Tensor:
    rng = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (3, height, width), dtype=torch.uint8, generator=rng)


def some_regions() -> Proposals:
    """Six quarters and halves of an image of 24 x 32."""
    labels = (torch.arange(24)[:, None] // 12 * 2 + torch.arange(32) // 16).long()
    members = [[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 1, 1], [1, 0, 0, 1], [1, 0, 0, 0], [0, 0, 0, 1]]
    return Proposals(labels, torch.tensor(members).bool(), torch.zeros(6))


def test_a_feature_is_what_the_net_says_of_the_crop() -> None:
    features, regions = RegionFeatures(small(), size=32), some_regions()
    full, alone = features.crops(image(), regions)
    with torch.inference_mode():
        net = layers(small().eval())
        assert torch.allclose(features.extract(image(), regions, "full"), net(full), atol=1e-4)
        assert torch.allclose(features.extract(image(), regions, "foreground"), net(alone), atol=1e-4)


def test_joined_is_full_then_foreground() -> None:
    features, regions = RegionFeatures(small(), size=32), some_regions()
    full, alone, both = (features.extract(image(), regions, kind) for kind in module.KINDS)
    assert torch.equal(both, torch.cat([full, alone], dim=1)) and both.dtype == torch.float32
    # a quarter fills its box; the two quarters of region 3 share the box of the whole image, region 0
    assert torch.allclose(full[0], full[3]) and not torch.allclose(alone[0], alone[3])


def test_a_foreground_net_of_its_own_sees_only_foregrounds() -> None:
    one, two = small(), small(1)
    both = RegionFeatures(one, foreground=two, size=32)
    regions = some_regions()
    assert torch.equal(
        both.extract(image(), regions, "full"),
        RegionFeatures(one, size=32).extract(image(), regions, "full"),
    )
    assert torch.equal(
        both.extract(image(), regions, "foreground"),
        RegionFeatures(two, size=32).extract(image(), regions, "foreground"),
    )


def test_batches_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    features, regions = RegionFeatures(small(), size=32), some_regions()
    at_once = features.extract(image(), regions)
    monkeypatch.setattr(module, "BATCH", 2)
    assert torch.allclose(features.extract(image(), regions), at_once, atol=1e-5)


def test_no_regions_give_no_rows() -> None:
    nothing = Proposals(torch.zeros(4, 4).long(), torch.zeros(0, 1).bool(), torch.zeros(0))
    features = RegionFeatures(small(), size=32)
    width = features.extract(image(), some_regions()).shape[1]
    assert features.extract(image(4, 4), nothing).shape == (0, width)


def test_boxes_that_are_nearly_the_same_share_a_look() -> None:
    around = torch.tensor([[0, 0, 100, 100], [0, 0, 97, 100], [0, 0, 94, 100], [0, 0, 90, 100]])
    # 97 of 100 joins the first; 94 does not, though it is near to 97; 90 of 94 joins that
    assert like_earlier(around).tolist() == [0, 0, 2, 2]


def test_the_net_that_was_handed_in_stays_as_it_was() -> None:
    net = small().train()
    RegionFeatures(net, size=32).extract(image(), some_regions())
    assert net.training


def test_lite0_gives_the_layer_before_its_classifier() -> None:
    regions = some_regions().subset([0])
    features = RegionFeatures(size=64)
    rows = features.extract(image(), regions)
    assert rows.shape == (1, 2 * 1280)
    full, _ = features.crops(image(), regions)
    with torch.inference_mode():
        logits = backbones.load("lite0").classify(full)
        last = features.backbone.classifier[-1]  # type: ignore[index]
        assert torch.allclose(last(rows[:, :1280]), logits, atol=1e-3)


def test_seconds_are_counted_by_stage() -> None:
    stages = Stages()
    RegionFeatures(small(), size=32).extract(image(), some_regions(), stages=stages)
    assert stages.seconds["crops"] > 0 and stages.seconds["net"] > 0 and stages.seconds["svm"] == 0


def test_a_name_changes_with_the_weights_and_the_crops() -> None:
    names = [
        RegionFeatures(small(seed), size=size).fingerprints["full"]
        for seed, size in ((0, 32), (1, 32), (0, 48))
    ]
    assert len(set(names)) == 3 and names[0] == RegionFeatures(small(), size=32).fingerprints["full"]


def test_an_unknown_kind_is_said() -> None:
    with pytest.raises(ValueError, match="'both' do not exist; they are full, foreground, joined"):
        RegionFeatures(small(), size=32).extract(image(), some_regions(), "both")  # type: ignore[arg-type]
