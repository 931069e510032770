"""FCN-32s, 16s, 8s and U-Net: any size, staged, aligned, frozen; and the upsampling of an FCN."""

from functools import cache

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from seglib import backbones
from seglib.backbones import Backbone
from seglib.fcn import FCN, UNet, Upsample, bilinear_kernel
from seglib.losses import cross_entropy
from seglib.scenes import CLASSES, Scenes
from tests.refused import refused
from tests.training.nets import weights

SIDES = st.integers(1, 100)


def photos(count: int, *size: int) -> Tensor:
    rng = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (count, 3, *size), dtype=torch.uint8, generator=rng)


def randomised(net: FCN) -> FCN:
    """Score layers that are no longer zero."""
    torch.manual_seed(2)
    for score in (net.score, *net.skips.values()):
        nn.init.normal_(score.weight)
        nn.init.normal_(score.bias)
    return net.eval()


def pooling_net(centred: bool = True) -> Backbone:
    """Only makes the image smaller: by means of 2 x 2 pixels, or by every second pixel."""
    step = (lambda: nn.AvgPool2d(2, ceil_mode=True)) if centred else (lambda: nn.MaxPool2d(1, stride=2))
    stages = [step() for _ in range(5)]
    return Backbone("eye", stages=stages, channels=(3,) * 5, mean=(0,) * 3, std=(1,) * 3, centred=centred)


@cache
def example(name: str, kind: str) -> nn.Module:
    torch.manual_seed(0)
    backbone = pooling_net() if name == "eye" else backbones.load(name, pretrained=False)
    return UNet(backbone, 3).eval() if kind == "unet" else randomised(FCN(backbone, 3, stride=int(kind)))


@torch.no_grad()
@pytest.mark.parametrize(
    ("name", "kind"),
    [("small", "32"), ("small", "16"), ("small", "8"), ("lite0", "8"), ("resnet18", "8"), ("eye", "8"),
     ("small", "unet"), ("eye", "unet")],
)  # fmt: skip
@given(height=SIDES, width=SIDES)
@settings(max_examples=15, deadline=None)
def test_the_scores_have_the_images_size(name, kind, height, width):
    scores = example(name, kind)(photos(1, height, width))
    assert scores.shape == (1, 3, height, width) and scores.isfinite().all()


@torch.no_grad()
@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("stride", [32, 16, 8])
def test_scores_lie_where_the_image_is(stride, centred):
    """A ramp, seen through the coarsest map or the finest, comes back as the same ramp, not shifted."""
    side = 128 if centred else 129
    ramp = torch.arange(side).float().expand(1, 3, side, side)
    net = FCN(pooling_net(centred), 1, stride=stride)
    for score in (net.score, *net.skips.values()):
        for other in (net.score, *net.skips.values()):
            nn.init.zeros_(other.weight)
        score.weight[0, 0] = 1
        found = net(ramp)[0, 0, 40:-40, 40:-40]
        torch.testing.assert_close(found, ramp[0, 0, 40:-40, 40:-40], atol=1e-3, rtol=0)


@torch.no_grad()
def test_a_new_skip_changes_nothing_at_first():
    net, images = randomised(FCN(backbones.load("small"), 3)), photos(2, 70, 50)
    coarse = net(images)
    torch.testing.assert_close(net.add_skip()(images), coarse, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(net.add_skip()(images), coarse, atol=1e-5, rtol=1e-5)
    with pytest.raises(ValueError, match="already FCN-8s"):
        net.add_skip()


@torch.no_grad()
def test_a_new_skip_changes_a_centred_net_s_scores_only_by_flattening_isolated_peaks():
    """Which is why `add_skip` promises it for the others only."""
    for centred, exact in ((False, True), (True, False)):
        net = FCN(pooling_net(centred), 1).eval()
        nn.init.ones_(net.score.weight)
        images = torch.zeros(1, 3, 160, 160, dtype=torch.uint8)
        images[..., 64:96, 64:96] = 255
        before, after = net(images), net.add_skip()(images)
        assert torch.allclose(before, after, atol=1e-3) == exact
        assert after.max() <= before.max() + 1e-3


@torch.no_grad()
def test_staged_and_at_once_are_the_same_net():
    staged, images = FCN(backbones.load("small"), 3).add_skip().add_skip(), photos(1, 40, 40)
    at_once = FCN(backbones.load("small"), 3, 8)
    assert staged.settings == at_once.settings
    for stride in (32, 16, 8):  # at first no class is preferred
        assert (FCN(backbones.load("small"), 5, stride=stride).eval()(images) == 0).all()
    at_once.load_state_dict(staged.state_dict())
    assert torch.equal(staged.eval()(images), at_once.eval()(images))


@pytest.mark.parametrize("kind", [FCN, UNet])
def test_the_backbone_is_copied(kind):
    backbone = backbones.load("resnet18", pretrained=False)
    before, net = weights(backbone), kind(backbone, 3)
    assert net.backbone.classifier is None and backbone.classifier is not None
    for weight in net.parameters():
        weight.data.add_(1)
    assert torch.equal(weights(backbone), before)


@pytest.mark.parametrize("kind", [FCN, UNet])
def test_frozen_only_the_head_learns(kind):
    net = kind(backbones.load("lite0", pretrained=False), 3).freeze().train()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    optimiser = torch.optim.SGD([weight for weight in net.parameters() if weight.requires_grad], lr=0.1)
    cross_entropy(net(photos(2, 40, 40)), torch.zeros(2, 40, 40, dtype=torch.uint8)).backward()
    optimiser.step()
    changed = {key for key, value in net.state_dict().items() if not torch.equal(before[key], value)}
    parts = {key.split(".")[0] for key in changed}
    assert parts <= {"score", "skips", "joins"} and "score" in parts
    assert all(weight.requires_grad for weight in net.freeze(False).backbone.parameters())


@pytest.mark.parametrize("kind", [FCN, UNet])
def test_a_new_net_is_in_training_mode_all_of_it(kind):
    net = kind(backbones.load("small"), 3)  # which comes in evaluation mode
    assert all(module.training for module in net.modules())
    net.train().freeze()
    assert not net.backbone.training and net.training
    net.freeze(False)
    assert all(module.training for module in net.modules())  # also what was frozen
    hidden = FCN(backbones.load("lite0", pretrained=False).freeze(), 2).train().hidden  # is frozen, too
    assert not any(weight.requires_grad for weight in hidden.parameters())
    assert not any(module.training for module in hidden.modules())


def test_unfrozen_everything_learns_after_the_first_step_but_the_upsampling_only_if_asked_for():
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
    net = FCN(backbones.load("small"), 3, stride=8, learned=True)
    assert all(double.weight.requires_grad for double in net.doubles.values())
    assert not net.enlarge.weight.requires_grad


@pytest.mark.parametrize("make", [lambda backbone, k: FCN(backbone, k, stride=8), UNet])
def test_it_can_memorise_four_scenes(make):
    torch.manual_seed(0)
    scenes = Scenes(length=4, size=(48, 48))
    images, masks = (torch.stack(part).as_subclass(Tensor) for part in zip(*scenes))
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


SMALL = backbones.load("small")


ARGUMENTS = [
    ("lite0", 3, "the backbone is 'lite0'; it must be a seglib Backbone"),
    (nn.Identity(), 3, r"the backbone is Identity\(\); it must"),
    (SMALL, 0, "num_classes is 0; it must be a whole number from 1 to 255"),
    (SMALL, 256, "num_classes is 256"),
    (SMALL, 2.5, "is 2.5; it"),
    (SMALL, "3", "num_classes is 3"),
]
test_bad_arguments_and_strides_are_refused = refused(
    lambda kind, *arguments: kind(*arguments),
    *((kind, *row) for kind in (FCN, UNet) for row in ARGUMENTS),
    (FCN, SMALL, 3, 4, "stride 4 must be one of 32, 16, 8"),
)
IMAGES = [((1, 1, 8, 8), "1, 1, 8, 8"), ((3, 8, 8), "batch"), ((1, 3, 0, 8), "no pixels")]
test_bad_images_are_refused = refused(
    lambda kind, shape: kind(SMALL, 2)(torch.zeros(shape)),
    *((kind, *row) for kind in (FCN, UNet) for row in IMAGES),
)


# Upsampling.


def papers_kernel(size: int) -> torch.Tensor:
    """As in the code of the FCN paper (surgery.py, upsample_filt)."""
    factor = (size + 1) // 2
    center = factor - 1 if size % 2 == 1 else factor - 0.5
    rows = torch.arange(size)[:, None]
    return (1 - (rows - center).abs() / factor) * (1 - (rows.T - center).abs() / factor)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 15, 16, 31, 32, 63, 64])
def test_the_kernel_is_the_paper_s(size):
    torch.testing.assert_close(bilinear_kernel(size), papers_kernel(size))


@pytest.mark.parametrize("factor", [2, 8, 16, 32])
@pytest.mark.parametrize("size", [(1, 1), (3, 4)])
def test_it_interpolates_between_the_cells_centred_except_for_half_a_cell_at_the_border(factor, size):
    scores, rim = torch.randn(2, 3, *size), factor // 2
    fine = Upsample(3, factor)(scores)
    expected = [(length - 1) * factor + 1 for length in size]
    torch.testing.assert_close(fine, F.interpolate(scores, expected, mode="bilinear", align_corners=True))
    torch.testing.assert_close(fine[..., ::factor, ::factor], scores)  # a cell keeps its score at its pixel
    centred = Upsample(3, factor, centred=True)(scores)
    expected = F.interpolate(scores, scale_factor=factor, mode="bilinear", align_corners=False)
    assert centred.shape == expected.shape
    inner = (..., slice(rim, -rim), slice(rim, -rim))
    torch.testing.assert_close(centred[inner], expected[inner])


@pytest.mark.parametrize("centred", [False, True])
@pytest.mark.parametrize("factor", [2, 8, 32])
def test_fixed_it_is_the_same_transposed_convolution(factor, centred):
    """It is computed differently; an oracle: the layer whose kernels may be trained, which is PyTorch's."""
    fixed, learned = (Upsample(3, factor, centred=centred, learned=learned) for learned in (False, True))
    assert learned.weight.requires_grad and not fixed.weight.requires_grad
    scores, weights = torch.randn(2, 3, 5, 4, requires_grad=True), torch.randn(1)
    results = [layer(scores) for layer in (fixed, learned)]
    torch.testing.assert_close(*results)
    grads = [torch.autograd.grad((result.sin() * weights).sum(), scores)[0] for result in results]
    torch.testing.assert_close(*grads, rtol=1e-4, atol=2e-3)  # of about 100, a sum over 4000 pixels


def test_autocast_changes_nothing_and_an_odd_factor_is_refused():
    scores = torch.randn(1, 2, 3, 3).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        fine = Upsample(2, 4)(scores)
    assert fine.dtype == torch.float32 and torch.equal(fine, Upsample(2, 4)(scores.float()))
    for factor in (0, 1, 3, -2):
        with pytest.raises(ValueError, match=f"factor {factor} must be an even"):
            Upsample(1, factor)
