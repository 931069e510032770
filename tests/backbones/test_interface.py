"""What holds for every backbone, whatever it is inside."""

from __future__ import annotations

import math
from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seglib import backbones
from seglib.backbones import NAMES, Backbone

LIGHT = ["lite0", "small", "resnet18"]
SIZES = st.integers(1, 70)


@cache
def untrained(name: str) -> Backbone:
    torch.manual_seed(0)
    return backbones.load(name, pretrained=False).eval()


def photos(*size: int, count: int = 1) -> torch.Tensor:
    return torch.randint(
        0, 256, (count, 3, *size), dtype=torch.uint8, generator=torch.Generator().manual_seed(1)
    )


@pytest.mark.parametrize("name", LIGHT)
@given(height=SIZES, width=SIZES)
@settings(max_examples=15, deadline=None)
def test_maps_of_any_image_have_the_promised_sizes(name: str, height: int, width: int) -> None:
    backbone = untrained(name)
    with torch.no_grad():
        features = backbone(photos(height, width))
    assert list(features) == [2, 4, 8, 16, 32]
    for stride, map in features.items():
        size = (math.ceil(height / stride), math.ceil(width / stride))
        assert map.shape == (1, backbone.channels[stride], *size)


@pytest.mark.parametrize("name", ["resnet50", "vgg16_bn"])
@pytest.mark.parametrize("size", [(1, 1), (33, 50)])
def test_and_those_of_the_heavy_ones(name: str, size: tuple[int, int]) -> None:
    backbone = untrained(name)
    with torch.no_grad():
        features = backbone(photos(*size))
    for stride, map in features.items():
        expected = [math.ceil(length / stride) for length in size]
        assert list(map.shape) == [1, backbone.channels[stride], *expected]


@pytest.mark.parametrize("name", NAMES)
def test_uint8_and_float_are_the_same_images(name: str) -> None:
    images = photos(20, 33)
    with torch.no_grad():
        ints, floats = untrained(name)(images), untrained(name)(images.float())
    assert all(torch.equal(ints[stride], floats[stride]) for stride in ints)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "small"])
def test_the_classifier_is_kept(name: str) -> None:
    with torch.no_grad():
        assert untrained(name).classify(photos(64, 64)).shape == (1, 1000)


def test_a_net_without_classifier_says_so() -> None:
    with pytest.raises(ValueError, match="small has no classifier"):
        untrained("small").classify(photos(8, 8))


def test_an_unknown_name_is_told_the_known_ones() -> None:
    with pytest.raises(
        ValueError, match="no backbone is called 'resnet34'; there are lite0, small, resnet18"
    ):
        backbones.load("resnet34")


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (torch.zeros(3, 8, 8), r"batch \(N, 3, H, W\), not \(3, 8, 8\)"),
        (torch.zeros(2, 1, 8, 8), r"not \(2, 1, 8, 8\).* a grey one by expand"),
        (torch.zeros(2, 4, 8, 8), r"not \(2, 4, 8, 8\)"),
        (torch.zeros(1, 3, 0, 8), r"\(1, 3, 0, 8\) have no pixels; the smallest is 1 x 1"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.int64), r"torch.int64.*uint8, or float"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.bool), r"torch.bool.*uint8, or float"),
    ],
)
def test_bad_images_get_one_sentence(images: torch.Tensor, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        untrained("small")(images)


@pytest.mark.parametrize("name", LIGHT)
def test_frozen_is_frozen_batch_norm_too(name: str) -> None:
    backbone = backbones.load(name, pretrained=False).freeze()
    before = {key: value.clone() for key, value in backbone.state_dict().items()}
    backbone.train()
    features = backbone(photos(40, 40, count=2))
    assert not features[32].requires_grad and not backbone.training
    assert all(torch.equal(before[key], value) for key, value in backbone.state_dict().items())


def test_thawed_it_learns_again() -> None:
    backbone = backbones.load("small").freeze().freeze(False).train()
    before = {key: value.clone() for key, value in backbone.state_dict().items()}
    assert backbone(photos(64, 64, count=2))[32].requires_grad
    assert any(not torch.equal(before[key], value) for key, value in backbone.state_dict().items())


@pytest.mark.parametrize("name", LIGHT)
def test_channels_last_changes_nothing(name: str) -> None:
    backbone, images = untrained(name), photos(50, 60, count=2)
    with torch.no_grad():
        plain = backbone(images)[32]
        last = backbone(images.contiguous(memory_format=torch.channels_last))[32]
    torch.testing.assert_close(last, plain, atol=1e-4, rtol=1e-4)
