"""FCN-32s, 16s, 8s: any size, staged, aligned, frozen."""

from __future__ import annotations

import copy
from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from seglib import backbones
from seglib.backbones import Backbone
from seglib.fcn import FCN, UNet
from seglib.losses import cross_entropy
from seglib.scenes import CLASSES, Scenes

SIDES = st.integers(1, 100)


def photos(count: int, *size: int) -> Tensor:
    return torch.randint(
        0, 256, (count, 3, *size), dtype=torch.uint8, generator=torch.Generator().manual_seed(1)
    )


def trained(net: FCN) -> FCN:
    """Score layers that are no longer zero."""
    torch.manual_seed(2)
    for score in (net.score, *net.skips.values()):
        nn.init.normal_(score.weight)
        nn.init.normal_(score.bias)
    return net.eval()


@cache
def example(name: str, kind: str) -> nn.Module:
    torch.manual_seed(0)
    backbone = backbones.load(name, pretrained=False)
    if kind == "unet":
        return UNet(backbone, 3).eval()
    return trained(FCN(backbone, 3, stride=int(kind)))


@torch.no_grad()
@pytest.mark.parametrize(
    ("name", "kind"),
    [("small", "32"), ("small", "16"), ("small", "8"), ("lite0", "8"), ("resnet18", "8"), ("small", "unet")],
)
@given(height=SIDES, width=SIDES)
@settings(max_examples=15, deadline=None)
def test_the_scores_have_the_images_size(name: str, kind: str, height: int, width: int) -> None:
    scores = example(name, kind)(photos(1, height, width))
    assert scores.shape == (1, 3, height, width)
    assert scores.isfinite().all()


@torch.no_grad()
@pytest.mark.parametrize("size", [(1, 1), (1, 40), (33, 64), (47, 50)])
def test_and_those_of_a_centred_net_too(size: tuple[int, int]) -> None:
    for net in (FCN(pooling_net(), 3, stride=8), UNet(pooling_net(), 3, widths=(4, 4, 4, 4))):
        assert net.eval()(photos(1, *size)).shape == (1, 3, *size)


def pooling_net(centred: bool = True) -> Backbone:
    """Only looks at the image smaller and smaller: as means of 2 x 2 pixels, or as every second pixel."""
    step = (lambda: nn.AvgPool2d(2, ceil_mode=True)) if centred else (lambda: nn.MaxPool2d(1, stride=2))
    stages = [step() for _ in range(5)]
    return Backbone("eye", stages=stages, channels=(3,) * 5, mean=(0,) * 3, std=(1,) * 3, centred=centred)


@torch.no_grad()
@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("stride", [32, 16, 8])
def test_scores_lie_where_the_image_is(stride: int, centred: bool) -> None:
    """A slope, seen through the coarsest map or the finest, comes back as the same slope, unmoved."""
    side = 128 if centred else 129
    slope = torch.arange(side).float().expand(1, 3, side, side)
    net = FCN(pooling_net(centred), 1, stride=stride)
    for score in (net.score, *net.skips.values()):
        for other in (net.score, *net.skips.values()):
            nn.init.zeros_(other.weight)
        score.weight[0, 0] = 1
        found = net(slope)[0, 0, 40:-40, 40:-40]
        torch.testing.assert_close(found, slope[0, 0, 40:-40, 40:-40], atol=1e-3, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("stride", [32, 16, 8])
def test_at_first_no_class_is_preferred(stride: int) -> None:
    net = FCN(backbones.load("small"), 5, stride=stride).eval()
    assert (net(photos(1, 40, 40)) == 0).all()


@torch.no_grad()
def test_a_new_skip_changes_nothing_at_first() -> None:
    net, images = trained(FCN(backbones.load("small"), 3)), photos(2, 70, 50)
    coarse = net(images)
    torch.testing.assert_close(net.add_skip()(images), coarse, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(net.add_skip()(images), coarse, atol=1e-5, rtol=1e-5)
    with pytest.raises(ValueError, match="FCN-8s already"):
        net.add_skip()


def test_staged_and_at_once_are_the_same_net() -> None:
    staged, at_once = (
        FCN(backbones.load("small"), 3).add_skip().add_skip(),
        FCN(backbones.load("small"), 3, 8),
    )
    assert staged.settings == at_once.settings
    at_once.load_state_dict(staged.state_dict())
    with torch.no_grad():
        images = photos(1, 40, 40)
        assert torch.equal(staged.eval()(images), at_once.eval()(images))


@pytest.mark.parametrize("kind", [FCN, UNet])
def test_the_backbone_is_copied(kind: type) -> None:
    backbone = backbones.load("resnet18", pretrained=False)
    before = copy.deepcopy(backbone.state_dict())
    net = kind(backbone, 3)
    assert net.backbone.classifier is None and backbone.classifier is not None
    for weight in net.parameters():
        weight.data.add_(1)
    assert all(torch.equal(before[key], value) for key, value in backbone.state_dict().items())


@pytest.mark.parametrize("kind", [FCN, UNet])
def test_frozen_only_the_head_learns(kind: type) -> None:
    net = kind(backbones.load("lite0", pretrained=False), 3).freeze().train()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    learning = [weight for weight in net.parameters() if weight.requires_grad]
    optimiser = torch.optim.SGD(learning, lr=0.1)
    cross_entropy(net(photos(2, 40, 40)), torch.zeros(2, 40, 40, dtype=torch.uint8)).backward()
    optimiser.step()
    changed = {
        key.split(".")[0] for key, value in net.state_dict().items() if not torch.equal(before[key], value)
    }
    assert changed <= {"score", "skips", "joins"} and "score" in changed
    assert all(weight.requires_grad for weight in net.freeze(False).backbone.parameters())


def test_thawed_everything_learns_after_the_first_step() -> None:
    net = FCN(backbones.load("small"), 3, stride=8).train()
    optimiser = torch.optim.SGD([weight for weight in net.parameters() if weight.requires_grad], lr=0.1)
    images, masks = photos(2, 64, 64), torch.randint(0, 3, (2, 64, 64))
    for _ in range(2):
        optimiser.zero_grad()
        cross_entropy(net(images), masks).backward()
        optimiser.step()
    learning = {name: weight for name, weight in net.named_parameters() if weight.requires_grad}
    assert all(weight.grad is not None and weight.grad.any() for weight in learning.values())
    assert not any(name.startswith(("enlarge", "doubles")) for name in learning)


def test_the_doubling_is_learned_if_asked_for() -> None:
    net = FCN(backbones.load("small"), 3, stride=8, learned=True)
    assert all(double.weight.requires_grad for double in net.doubles.values())
    assert not net.enlarge.weight.requires_grad


@pytest.mark.parametrize("make", [lambda backbone, k: FCN(backbone, k, stride=8), UNet])
def test_it_can_learn_four_scenes_by_heart(make: type) -> None:
    torch.manual_seed(0)
    scenes = Scenes(length=4, size=(48, 48))
    images, masks = (torch.stack(part) for part in zip(*((image, mask) for image, mask in scenes)))
    images, masks = images.as_subclass(Tensor), masks.as_subclass(Tensor)
    net = make(backbones.load("small"), len(CLASSES)).train()
    optimiser = torch.optim.AdamW(net.parameters(), lr=3e-3)
    for _ in range(60):
        optimiser.zero_grad()
        cross_entropy(net(images), masks).backward()
        optimiser.step()
    known = masks != 255
    accuracy = (net(images).argmax(1) == masks)[known].float().mean()
    majority = masks[known].bincount().max() / known.sum()
    assert accuracy > 0.9 > majority


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"num_classes": 3, "stride": 4}, "stride 4 must be one of 32, 16, 8"),
        ({"num_classes": 0}, "num_classes is 0; a mask can hold 1 to 255"),
        ({"num_classes": 256}, "num_classes is 256"),
    ],
)
def test_bad_arguments_get_one_sentence(arguments: dict[str, int], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        FCN(backbones.load("small"), **arguments)


def test_bad_images_get_one_sentence() -> None:
    with pytest.raises(ValueError, match=r"not \(1, 1, 8, 8\)"):
        FCN(backbones.load("small"), 2)(torch.zeros(1, 1, 8, 8))
    with pytest.raises(ValueError, match=r"not \(3, 8, 8\)"):
        FCN(backbones.load("small"), 2)(torch.zeros(3, 8, 8))
    with pytest.raises(ValueError, match="have no pixels"):
        UNet(backbones.load("small"), 2)(torch.zeros(1, 3, 0, 8))


@pytest.mark.parametrize("make", [FCN, UNet])
def test_a_new_net_is_in_training_mode_all_of_it(make: type) -> None:
    net = make(backbones.load("small"), 3)  # which comes in evaluation mode
    assert all(module.training for module in net.modules())
    net.train().freeze()
    assert not net.backbone.training and net.training
    net.freeze(False)
    assert all(module.training for module in net.modules())  # also what was frozen


def test_a_frozen_backbone_s_hidden_layers_are_frozen_too() -> None:
    net = FCN(backbones.load("lite0", pretrained=False).freeze(), 2).train()
    assert not any(weight.requires_grad for weight in net.hidden.parameters())
    assert not any(module.training for module in net.hidden.modules())


def test_a_new_skip_changes_a_centred_net_s_scores_by_flattening_alone_peaks() -> None:
    """Which is why `add_skip` promises it for the others only."""
    for centred, exact in ((False, True), (True, False)):
        net = FCN(pooling_net(centred), 1).eval()
        nn.init.ones_(net.score.weight)
        images = torch.zeros(1, 3, 160, 160, dtype=torch.uint8)
        images[..., 64:96, 64:96] = 255
        with torch.no_grad():
            before, after = net(images), net.add_skip()(images)
        assert torch.allclose(before, after, atol=1e-3) == exact
        assert after.max() <= before.max() + 1e-3


@pytest.mark.parametrize("make", [FCN, UNet])
@pytest.mark.parametrize(
    ("backbone", "classes", "said"),
    [("lite0", 3, "the backbone is 'lite0'; it must be a seglib Backbone"),
     (nn.Identity(), 3, r"the backbone is Identity\(\); it must"),
     (backbones.load("small"), 2.5, "num_classes is 2.5; a mask can hold 1 to 255 classes"),
     (backbones.load("small"), "3", "num_classes is 3; a mask can")],
)  # fmt: skip
def test_what_is_no_backbone_or_no_number_gets_one_sentence(
    make: type, backbone: object, classes: object, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        make(backbone, classes)


def test_too_few_widths_get_one_sentence() -> None:
    with pytest.raises(ValueError, match=r"widths \(8, 8\) must be 4 numbers, for strides 16, 8, 4 and 2"):
        UNet(backbones.load("small"), 2, widths=(8, 8))
