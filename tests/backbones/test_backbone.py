"""What holds for every backbone, whatever its architecture."""

import math
from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from seglib import backbones
from seglib.backbones import NAMES, Backbone
from tests.refused import refused
from tests.training.nets import weights

LIGHT = ["lite0", "small", "resnet18"]
SIDES = st.integers(1, 70)


@cache
def untrained(name: str) -> Backbone:
    torch.manual_seed(0)
    return backbones.load(name, pretrained=False)


def photos(*size: int, count: int = 1) -> torch.Tensor:
    rng = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (count, 3, *size), dtype=torch.uint8, generator=rng)


@torch.no_grad()
def check_sizes(name: str, height: int, width: int) -> None:
    features = untrained(name)(photos(height, width))
    assert list(features) == [2, 4, 8, 16, 32]
    for stride, map in features.items():
        size = (math.ceil(height / stride), math.ceil(width / stride))
        assert map.shape == (1, untrained(name).channels[stride], *size)


@pytest.mark.parametrize("name", LIGHT)
@given(height=SIDES, width=SIDES)
@settings(max_examples=15, deadline=None)
def test_maps_of_any_image_have_the_promised_sizes(name, height, width):
    check_sizes(name, height, width)


@pytest.mark.parametrize("name", ["resnet50", "vgg16_bn"])
@pytest.mark.parametrize("size", [(1, 1), (33, 50)])
def test_and_those_of_the_heavy_ones(name, size):
    check_sizes(name, *size)


def faint(name: str) -> Backbone:
    """Constant positive kernels, means for maxima: a cell's gradient is symmetric around its centre."""
    net = backbones.load(name, pretrained=False)
    for layer in [*net.modules()]:
        if isinstance(layer, nn.Conv2d):
            nn.init.constant_(layer.weight, 1 / layer.weight[0].numel())
        for key, child in layer.named_children():
            if isinstance(child, nn.MaxPool2d):
                pool = nn.AvgPool2d(child.kernel_size, child.stride, child.padding, child.ceil_mode)
                setattr(layer, key, pool)
    return net


@pytest.mark.parametrize(
    ("name", "side", "offset"),
    [
        ("lite0", 129, lambda stride: 0),
        ("lite0", 128, lambda stride: stride - 1),
        ("small", 129, lambda stride: 0),
        ("small", 126, lambda stride: 0),
        ("resnet18", 126, lambda stride: 0),
        ("vgg16_bn", 128, lambda stride: (stride - 1) / 2),
    ],
)
def test_a_cell_lies_where_the_gradient_at_the_input_says(name, side, offset):
    """An oracle of `centred` and of lite0's exception: the centre of mass of the pixels a cell depends on."""
    net = faint(name)
    for stride in (2, 4, 8):  # the border does not cut off what these cells see
        image = (net.normalise.mean + 1e-3).expand(1, 3, side, side).clone().requires_grad_()
        cell = 64 // stride
        net(image)[stride][..., cell, cell].sum().backward()
        assert image.grad is not None
        weights = image.grad.sum((0, 1, 2))
        centre = (weights * torch.arange(side)).sum() / weights.sum()
        assert centre.item() == pytest.approx(stride * cell + offset(stride), abs=0.2)


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_neither_dtype_nor_memory_format_changes_the_maps(name):
    images = photos(20, 33, count=2)
    ints, floats = untrained(name)(images), untrained(name)(images.float())
    assert all(torch.equal(ints[stride], floats[stride]) for stride in ints)
    if name in LIGHT:
        last = untrained(name)(images.contiguous(memory_format=torch.channels_last))[32]
        torch.testing.assert_close(last, ints[32], atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_the_classifier_is_kept_and_an_unknown_name_is_refused():
    for name in {*NAMES} - {"small"}:
        assert untrained(name).classify(photos(64, 64)).shape == (1, 1000)
    with pytest.raises(ValueError, match="small has no classifier"):
        untrained("small").classify(photos(8, 8))
    with pytest.raises(ValueError, match="'resnet34'; choose one of lite0, small, resnet18"):
        backbones.load("resnet34")


test_bad_images_are_refused = refused(
    untrained("small"),
    (torch.zeros(3, 8, 8), r"batch \(N, 3, H, W\), not \(3, 8, 8\)"),
    (torch.zeros(2, 1, 8, 8), r"not \(2, 1, 8, 8\).* of one with expand"),
    (torch.zeros(2, 4, 8, 8), r"not \(2, 4, 8, 8\)"),
    (torch.zeros(1, 3, 0, 8), r"\(1, 3, 0, 8\) have no pixels"),
    (torch.zeros(1, 3, 8, 8, dtype=torch.int64), r"torch.int64.*uint8, or float"),
    (torch.zeros(1, 3, 8, 8, dtype=torch.bool), r"torch.bool.*uint8, or float"),
)


@pytest.mark.parametrize("name", LIGHT)
def test_frozen_is_frozen_batch_norm_too(name):
    backbone = backbones.load(name, pretrained=False).freeze()
    before = weights(backbone)
    features = backbone.train()(photos(40, 40, count=2))
    assert not features[32].requires_grad and not backbone.training
    assert torch.equal(weights(backbone), before)
    assert backbone.freeze(False).train()(photos(40, 40, count=2))[32].requires_grad
    assert not torch.equal(weights(backbone), before)
